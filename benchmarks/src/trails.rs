//! Trails to measure on: on the disk that holds the build, unless a bench asks for what the device has no part in.

use crate::harness::Outcome;
use audit_runtime::{Builder, Recorder, audited};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A directory that goes with the process, beside this program: `/tmp` is memory on many machines.
pub fn on_disk() -> Outcome<TempDir> {
    let program = std::env::current_exe()?;
    let beside = program.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf);
    Ok(tempfile::Builder::new().prefix("bench-").tempdir_in(beside)?)
}

/// A directory in memory where the machine has one, for benches that compare instructions.
pub fn in_memory() -> Outcome<TempDir> {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { Ok(tempfile::tempdir_in(memory)?) } else { on_disk() }
}

/// A recorder with the default options but for the background index, which is measured by itself.
pub fn recorder(dir: &Path) -> Outcome<Recorder> {
    Ok(Builder::new(dir.join("trail")).actor("benchmarks").project(false).open()?)
}

/// A body that costs next to nothing: an entry of it is all audit.
#[audited]
pub fn step(n: u64) -> u64 {
    std::hint::black_box(n).wrapping_mul(31) + 1
}

/// Writes `calls` audited calls at `Process`: two records each.
pub fn write_calls(recorder: &Recorder, calls: u64) {
    recorder.scope(|| {
        for n in 0..calls {
            std::hint::black_box(step(n));
        }
    });
}

/// A closed trail with `calls` calls in it.
pub fn closed(dir: &Path, calls: u64) -> Outcome<PathBuf> {
    let recorder = recorder(dir)?;
    write_calls(&recorder, calls);
    recorder.close()?;
    Ok(dir.join("trail"))
}
