//! One caller whose every record is on the device before it goes on, against the least that a device lets anybody do:
//! a loop that overwrites zero-filled blocks and syncs.

use crate::harness::{Comparison, Outcome, pairs};
use crate::row::{Mark, Row};
use crate::trails;
use audit_runtime::{Recorder, audited};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long each side of a pair runs.
pub const TIME: Duration = Duration::from_millis(400);
/// Size of a frame of ours.
const FRAME: usize = 160;

#[audited(durable = disk)]
fn durable_step(n: u64) -> u64 {
    std::hint::black_box(n).wrapping_mul(31) + 1
}

/// Records a second of one caller: two for each call.
pub fn ours(recorder: &Recorder, time: Duration) -> f64 {
    let (start, mut calls) = (Instant::now(), 0u64);
    recorder.scope(|| {
        while start.elapsed() < time {
            std::hint::black_box(durable_step(calls));
            calls += 1;
        }
    });
    2.0 * calls as f64 / start.elapsed().as_secs_f64()
}

/// A zero-filled file that is written from the front again and again.
pub struct Raw {
    file: File,
    at: u64,
}

impl Raw {
    const SIZE: u64 = 16 << 20;

    /// Fills the file.
    pub fn new(dir: &Path) -> Outcome<Raw> {
        let file = OpenOptions::new().write(true).create_new(true).open(dir.join("raw"))?;
        for at in 0..Self::SIZE >> 20 {
            file.write_all_at(&vec![0; 1 << 20], at << 20)?;
        }
        file.sync_all()?;
        Ok(Raw { file, at: 0 })
    }

    /// One durable write; how long it took.
    pub fn write(&mut self) -> Outcome<Duration> {
        let start = Instant::now();
        self.file.write_all_at(&[7; FRAME], self.at)?;
        self.file.sync_data()?;
        self.at = (self.at + FRAME as u64) % (Self::SIZE - FRAME as u64);
        Ok(start.elapsed())
    }

    /// Durable writes a second.
    pub fn rate(&mut self, time: Duration) -> Outcome<f64> {
        let (start, mut writes) = (Instant::now(), 0u64);
        while start.elapsed() < time {
            self.write()?;
            writes += 1;
        }
        Ok(writes as f64 / start.elapsed().as_secs_f64())
    }
}

/// The bench.
pub fn run() -> Outcome<Vec<Row>> {
    let dir = trails::on_disk()?;
    let recorder = trails::recorder(dir.path())?;
    let mut raw = Raw::new(dir.path())?;
    let peer = "raw loop: zero-filled pwrite + fdatasync";
    let what = Comparison { bench: "disk_1", peer, unit: "records/s", mark: Mark::AtLeast(0.8) };
    let row = pairs(&what, || Ok(ours(&recorder, TIME)), || raw.rate(TIME))?;
    recorder.close()?;
    Ok(vec![row])
}
