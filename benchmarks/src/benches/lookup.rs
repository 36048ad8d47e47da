//! Looking up the node states of one trace id among a million records.

use crate::harness::{Comparison, Outcome, median, pairs};
use crate::row::{Mark, Row};
use crate::trails;
use audit_runtime::clock::SystemClock;
use audit_runtime::journal::{DiskStorage, Journal, Layout, Purpose, Settings};
use audit_runtime::model::digest::Slot;
use audit_runtime::model::{BodyWriter, Exit, Header, Id, Key, Kind, Status};
use audit_runtime::{index, trail::Trail};
use std::sync::Arc;
use std::time::Instant;

const CALLS: u64 = 500_000;
/// Node states that share a trace id.
const A_TRACE: u64 = 10;
const LOOKUPS: u64 = 2_000;
/// Microseconds.
const MARK: f64 = 20.0;

fn trace(n: u64) -> [u8; 16] {
    let mut id = [0u8; 16];
    // Spread like random ids are, so that the index is walked as it would be.
    id[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    id[8..].copy_from_slice(&n.to_be_bytes());
    id
}

/// Writes states that carry trace ids straight into a journal, the way a recorder does.
fn write(layout: &Layout) -> Outcome<()> {
    layout.create()?;
    let mut head = BodyWriter::new();
    head.text(Key::BootId, "bench").uint(Key::Pid, u64::from(std::process::id())).uint(Key::ProcessStart, 1);
    head.text(Key::CodeVersion, "0").text(Key::Program, "benchmarks");
    let journal = Journal::create(
        layout,
        Arc::new(DiskStorage),
        Arc::new(SystemClock::new()),
        Settings::default(),
        head.finish(),
    )?;
    for n in 0..CALLS {
        let mut open = Header::new(Kind::StateOpened);
        open.status = Status::Open;
        let mut body = BodyWriter::new();
        body.slot(Key::Input, &Slot::NOT_REQUESTED).text(Key::Node, "step").bytes(Key::Trace, &trace(n / A_TRACE));
        journal.wait(journal.append(&mut open, &body.finish(), Purpose::Opening)?)?;
        let mut close = Header::new(Kind::StateClosed);
        close.status = Status::Completed;
        close.exit = Exit::Returned;
        close.subject = Id::new(journal.stream(), open.seq);
        let mut body = BodyWriter::new();
        body.slot(Key::Output, &Slot::NOT_REQUESTED);
        journal.wait(journal.append(&mut close, &body.finish(), Purpose::Terminal)?)?;
    }
    journal.close(|_| {})?;
    Ok(())
}

/// The bench.
pub fn run() -> Outcome<Vec<Row>> {
    let dir = trails::on_disk()?;
    let layout = Layout::at(dir.path().join("trail"));
    write(&layout)?;
    index::rebuild(&layout, &mut |_| {})?;
    let trail = Trail::open(layout.root())?;
    let mut turn = 0u64;
    let ours = || -> Outcome<f64> {
        let mut times = Vec::new();
        for _ in 0..LOOKUPS {
            turn += 1;
            let wanted = trace(turn.wrapping_mul(7919) % (CALLS / A_TRACE));
            let start = Instant::now();
            let found = trail.states_of_trace(&wanted)?;
            times.push(start.elapsed().as_secs_f64() * 1e6);
            if found.len() as u64 != A_TRACE {
                return Err(format!("{} of {A_TRACE} node states were found", found.len()).into());
            }
        }
        Ok(median(times.into_iter()))
    };
    let what = Comparison {
        bench: "lookup",
        peer: "20 us for a trace id among 1 M records",
        unit: "us",
        mark: Mark::AtMost(1.0),
    };
    Ok(vec![pairs(&what, ours, || Ok(MARK))?])
}
