//! Opening a trail whose last process was killed behind a million records: until the new recorder takes entries, with
//! everything settled. Beside it, reading the same files.

use crate::harness::{Comparison, Outcome, pairs};
use crate::row::{Mark, Row};
use crate::trails;
use audit_runtime::journal::Layout;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

const CALLS: u64 = 500_000;
/// Seconds for a million records.
const MARK: f64 = 0.5;

/// The process that dies: writes the calls, then ends without a goodbye.
pub fn victim(arguments: &[String]) -> ExitCode {
    let Some(dir) = arguments.first() else { return ExitCode::from(2) };
    let recorder = match trails::recorder(Path::new(dir)) {
        Ok(recorder) => recorder,
        Err(error) => {
            eprintln!("the process that should die cannot open its trail: {error}");
            return ExitCode::FAILURE;
        }
    };
    trails::write_calls(&recorder, CALLS);
    // While the recorder lives: dropping it would close the stream. What follows the signal is not reached.
    match rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// A new trail that holds the dead stream, by links: recovery never writes to the files of the dead.
fn copy_of(dead: &Layout, to: &Path) -> Outcome<()> {
    let fresh = Layout::at(to.join("trail"));
    fresh.create()?;
    for stream in dead.streams()? {
        fs::create_dir(fresh.stream_dir(stream))?;
        for file in fs::read_dir(dead.stream_dir(stream))? {
            let file = file?;
            fs::hard_link(file.path(), fresh.stream_dir(stream).join(file.file_name()))?;
        }
    }
    Ok(())
}

fn read_all(dead: &Layout) -> Outcome<f64> {
    let start = Instant::now();
    for stream in dead.streams()? {
        for number in dead.segments(stream)? {
            std::hint::black_box(fs::read(dead.segment(stream, number))?);
        }
    }
    Ok(start.elapsed().as_secs_f64())
}

/// The bench.
pub fn run() -> Outcome<Vec<Row>> {
    let dir = trails::on_disk()?;
    let status = Command::new(std::env::current_exe()?).arg("--victim").arg(dir.path()).status()?;
    if status.code().is_some() {
        return Err("the process that should have been killed ended by itself".into());
    }
    let dead = Layout::at(dir.path().join("trail"));
    let opened = || -> Outcome<f64> {
        let place = trails::on_disk()?;
        copy_of(&dead, place.path())?;
        let start = Instant::now();
        let recorder = trails::recorder(place.path())?;
        let took = start.elapsed().as_secs_f64();
        let recovered = recorder.recovered();
        if recovered.streams.first().is_none_or(|stream| stream.records < 2 * CALLS) {
            return Err(format!("the dead stream was not settled: {recovered:?}").into());
        }
        recorder.close()?;
        Ok(took)
    };
    let what = Comparison { bench: "recover", peer: "reading the same files", unit: "s", mark: Mark::None };
    let row = pairs(&what, opened, || read_all(&dead))?;
    let mut fixed = Row::figure("recover", "0.5 s for 1 M records", row.unit, row.ours, MARK, Mark::AtMost(1.0));
    (fixed.noisy, fixed.pairs) = (row.noisy, row.pairs);
    Ok(vec![fixed, row])
}
