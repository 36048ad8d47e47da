//! Rows whose payloads are kept: over a file system that fails at every other write, and purged while a living run still
//! names them.

use super::Words;
use audit_runtime::landscape::{Determinism, Landscape, Node, NodeKind};
use audit_runtime::payload::{DiskFiles, Files};
use audit_runtime::retention::Purge;
use audit_runtime::{Builder, Error, Payloads, Recorder, Run};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Every other write fails.
#[derive(Debug, Default)]
struct Flaky(AtomicUsize);

impl Files for Flaky {
    fn make_dir(&self, path: &Path) -> io::Result<()> {
        DiskFiles.make_dir(path)
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        match self.0.fetch_add(1, Ordering::Relaxed) % 2 {
            0 => Err(io::ErrorKind::StorageFull.into()),
            _ => DiskFiles.write(path, bytes),
        }
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        DiskFiles.sync(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        DiskFiles.rename(from, to)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        DiskFiles.sync_dir(path)
    }

    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        DiskFiles.read(path)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        DiskFiles.remove(path)
    }
}

fn begin(recorder: &Recorder) -> Result<(Run, Landscape, Node), Error> {
    let run = recorder.begin_run("kept")?;
    let mut graph = run.pipeline();
    let source = graph.node("rows", NodeKind::Source, Determinism::IoRead);
    Ok((run, graph.seal()?, source))
}

/// Reads rows; those that cannot be kept are told.
pub fn keep(words: &Words) -> Result<(), Error> {
    let builder = Builder::new(words.trail()).payloads(Payloads::new().rows());
    let recorder = builder.payload_files(Arc::new(Flaky::default())).open()?;
    let (run, land, source) = begin(&recorder)?;
    for n in 0..8u32 {
        match land.row(source, &n.to_string(), &n) {
            Ok(token) => token.filtered()?,
            Err(error) => println!("X {n} {}", error.code().text()),
        }
    }
    drop(run);
    recorder.close().map(drop)
}

/// Purges a run that has ended while a living one names the same row.
pub fn purge(words: &Words) -> Result<(), Error> {
    let recorder = Builder::new(words.trail()).payloads(Payloads::new().rows()).open()?;
    let (old, land, source) = begin(&recorder)?;
    land.row(source, "1", &"shared")?.filtered()?;
    old.finish()?;
    let (run, land, source) = begin(&recorder)?;
    land.row(source, "1", &"shared")?.filtered()?;
    // Times of one clock: the end lies before any later moment.
    std::thread::sleep(Duration::from_millis(2));
    recorder.purge(&Purge::new(Duration::ZERO, "all that has ended", "a test"))?;
    run.finish()?;
    recorder.close().map(drop)
}
