//! Begin and complete at `Process`, no digest: what a caller pays so that both records survive `kill -9`. The peer
//! writes a line when a span is new and a line when it closes, through a writer thread that drops nothing.

use crate::harness::{Comparison, Outcome, median, ns_per_call, pairs};
use crate::row::{Mark, Row};
use crate::{allocations, trails};
use std::fs::File;
use std::hint::black_box;
use std::time::Instant;
use tracing_appender::non_blocking::NonBlockingBuilder;
use tracing_subscriber::fmt::format::FmtSpan;

const OURS: u64 = 200_000;
const PEERS: u64 = 40_000;

#[tracing::instrument]
fn spanned(n: u64) -> u64 {
    black_box(n).wrapping_mul(31) + 1
}

/// The bench.
pub fn run() -> Outcome<Vec<Row>> {
    let dir = trails::on_disk()?;
    let recorder = trails::recorder(dir.path())?;
    let installed = recorder.install()?;
    let (writer, _flushes) =
        NonBlockingBuilder::default().lossy(false).finish(File::create(dir.path().join("lines.json"))?);
    let lines =
        tracing_subscriber::fmt().json().with_span_events(FmtSpan::NEW | FmtSpan::CLOSE).with_writer(writer).finish();
    let lines = tracing::Dispatch::new(lines);
    let ours = || {
        ns_per_call(OURS, |n| {
            black_box(trails::step(n));
        })
    };
    let peers = || {
        tracing::dispatcher::with_default(&lines, || {
            ns_per_call(PEERS, |n| {
                black_box(spanned(n));
            })
        })
    };
    let what = Comparison {
        bench: "kill_safe",
        peer: "#[instrument], JSON lines NEW + CLOSE, lossless appender; caller's processor time",
        unit: "ns/call",
        mark: Mark::AtMost(0.25),
    };
    let by_time = pairs(&what, || Ok(ours()), || Ok(peers()))?;
    let wall = |calls: u64, work: &dyn Fn() -> f64| {
        let start = Instant::now();
        work();
        start.elapsed().as_nanos() as f64 / calls as f64
    };
    let peer = "the same by the wall clock, writer threads included where they hold the caller up";
    let what = Comparison { peer, mark: Mark::None, ..what };
    let by_wall = pairs(&what, || Ok(wall(OURS, &ours)), || Ok(wall(PEERS, &peers)))?;
    // Shorter than the tick of anything that runs beside it, and taken several times: the smallest is the call's own.
    let counts = (0..5).map(|_| allocations::during(|| _ = black_box(ours())) as f64 / OURS as f64);
    let allocated = median(counts);
    installed.close()?;
    let none = Row::figure("kill_safe", "allocations of the caller", "per call", allocated, 0.0, Mark::AtMost(0.0));
    Ok(vec![by_time, by_wall, none])
}
