//! The file system, with a say in every operation: go on, write less, fail, or end the process by SIGKILL.

use audit_runtime::journal::{DiskStorage, SegmentFile, Storage};
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// What the journal is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Make a segment.
    Create,
    /// Write this many bytes.
    Write(usize),
    /// Bring what was written to the device.
    Sync,
    /// Cut or remove what was filled ahead.
    Trim,
}

/// What happens instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Nothing else.
    Go,
    /// Only this many bytes are written.
    Short(usize),
    /// It fails.
    Fail(io::ErrorKind),
    /// The process is killed before it.
    Die,
    /// Half of the bytes are written, then the process is killed.
    DieTorn,
}

type Say = Arc<dyn Fn(Op) -> Act + Send + Sync>;

/// A storage that asks before each operation. Records go by write call, never through a mapping, unless `mapped`.
#[derive(Clone)]
pub struct Tricky {
    say: Say,
    mapped: bool,
}

impl fmt::Debug for Tricky {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tricky")
    }
}

impl Tricky {
    /// Asks `say` before each operation.
    pub fn new(say: impl Fn(Op) -> Act + Send + Sync + 'static) -> Arc<Tricky> {
        Arc::new(Tricky { say: Arc::new(say), mapped: false })
    }

    /// As [`new`](Tricky::new), with the mapping of the kill-safe tier.
    pub fn mapped(say: impl Fn(Op) -> Act + Send + Sync + 'static) -> Arc<Tricky> {
        Arc::new(Tricky { say: Arc::new(say), mapped: true })
    }

    fn ask(&self, op: Op) -> io::Result<Act> {
        match (self.say)(op) {
            Act::Die => die(),
            Act::Fail(kind) => Err(io::Error::from(kind)),
            act => Ok(act),
        }
    }
}

/// Ends this process as `kill -9` does.
pub fn die() -> ! {
    loop {
        // The signal needs no return; should it ever fail, an abort is the next best death.
        if rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).is_err() {
            std::process::abort();
        }
    }
}

impl Storage for Tricky {
    fn create_segment(&self, path: &Path, size: u64) -> io::Result<Arc<dyn SegmentFile>> {
        self.ask(Op::Create)?;
        let file = DiskStorage.create_segment(path, size)?;
        Ok(Arc::new(TrickyFile { file, storage: self.clone() }))
    }

    fn remove_segment(&self, path: &Path) -> io::Result<()> {
        self.ask(Op::Trim)?;
        DiskStorage.remove_segment(path)
    }
}

#[derive(Debug)]
struct TrickyFile {
    file: Arc<dyn SegmentFile>,
    storage: Tricky,
}

impl SegmentFile for TrickyFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        match self.storage.ask(Op::Write(bytes.len()))? {
            Act::Short(most) => self.file.write_at(&bytes[..bytes.len().min(most.max(1))], offset),
            Act::DieTorn => {
                drop(self.file.write_at(&bytes[..bytes.len() / 2], offset));
                die()
            }
            Act::Go | Act::Fail(_) | Act::Die => self.file.write_at(bytes, offset),
        }
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(into, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.storage.ask(Op::Sync)?;
        self.file.sync()
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.storage.ask(Op::Trim)?;
        self.file.truncate(len)
    }

    fn map(&self, len: u64) -> Option<audit_runtime::journal::Map> {
        if self.storage.mapped { self.file.map(len) } else { None }
    }

    fn is_intact(&self, size: u64) -> io::Result<bool> {
        self.file.is_intact(size)
    }
}
