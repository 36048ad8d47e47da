//! What a year of flights takes in memory: as many rows as the year has, through the pipeline with its sink, the index
//! made beside it. Open work is held, rows are not, so the peak must not follow their number.

use super::{Out, ours};
use crate::harness::Outcome;
use crate::row::{Mark, Row};
use crate::trails;
use audit_runtime::Builder;

/// Rows of the year, and of a month of it.
const YEAR: u64 = 336_776;
const MONTH: u64 = 27_004;
/// Megabytes.
const MARK: f64 = 200.0;

/// The most that this process has had resident, in megabytes.
fn peak() -> Outcome<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM in /proc/self/status")?;
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes / 1024.0)
}

/// The bench.
pub fn run() -> Outcome<Vec<Row>> {
    let dir = trails::on_disk()?;
    let recorder = Builder::new(dir.path().join("trail")).actor("benchmarks").open()?;
    let out = Out::new(dir.path(), "out.csv")?;
    ours::with_sink(&recorder, MONTH, &out)?;
    let month = peak()?;
    ours::with_sink(&recorder, YEAR, &out)?;
    let year = peak()?;
    recorder.close()?;
    let peer = "200 MB resident at most, 336,776 rows";
    Ok(vec![
        Row::figure("year_memory", peer, "MB", year, MARK, Mark::AtMost(1.0)),
        Row::figure("year_memory", "the peak after 27,004 rows", "MB", year, month, Mark::None),
    ])
}
