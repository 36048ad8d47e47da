//! Ten records at `Process` for each one at `Disk`: the cheap ones must not make the dear ones dearer. Compared with a
//! caller that writes the dear ones alone.

use super::disk_one::TIME;
use crate::harness::{Comparison, Outcome, pairs};
use crate::row::{Mark, Row};
use crate::trails;
use audit_runtime::{Recorder, Severity};
use std::time::Instant;

/// Process records between two Disk records: two a call.
const CALLS_BETWEEN: u64 = 5;

fn per_disk_record(recorder: &Recorder, calls: u64) -> Outcome<f64> {
    let (start, mut records) = (Instant::now(), 0u64);
    while start.elapsed() < TIME {
        trails::write_calls(recorder, calls);
        recorder.note("bench", Severity::Info, &[])?;
        records += 1;
    }
    Ok(start.elapsed().as_secs_f64() * 1e6 / records as f64)
}

/// The bench.
pub fn run() -> Outcome<Vec<Row>> {
    let dir = trails::on_disk()?;
    let recorder = trails::recorder(dir.path())?;
    let peer = "the same Disk records alone";
    let what = Comparison { bench: "mixed", peer, unit: "us", mark: Mark::AtMost(1.5) };
    let row = pairs(&what, || per_disk_record(&recorder, CALLS_BETWEEN), || per_disk_record(&recorder, 0))?;
    recorder.close()?;
    Ok(vec![row])
}
