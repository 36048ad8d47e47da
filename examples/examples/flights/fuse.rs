//! A fuse that kills the process at a place given beforehand, so that a death can be repeated.

use audited_examples::say;
use std::cell::Cell;

/// Counts the places at which a death is interesting, and the rows that are done.
pub struct Fuse {
    at: Option<u64>,
    after: Option<u64>,
    passed: Cell<u64>,
    rows: Cell<u64>,
}

impl Fuse {
    /// Burns down at this place, or after so many rows; `None` never does.
    pub fn new(place: Option<u64>, rows: Option<u64>) -> Fuse {
        Fuse { at: place, after: rows, passed: Cell::new(0), rows: Cell::new(0) }
    }

    /// A place at which a death is interesting.
    pub fn pass(&self) {
        self.passed.set(self.passed.get() + 1);
        if self.at == Some(self.passed.get()) {
            self.kill();
        }
    }

    /// A row is done that nobody had read before.
    pub fn row(&self) {
        self.rows.set(self.rows.get() + 1);
        if self.after == Some(self.rows.get()) {
            self.kill();
        }
    }

    /// Places that were passed.
    pub fn passed(&self) -> u64 {
        self.passed.get()
    }

    /// Rows that are done.
    pub fn rows(&self) -> u64 {
        self.rows.get()
    }

    /// Dies by SIGKILL, as under `kill -9` or the kernel's out-of-memory killer: nothing is flushed, no destructor runs.
    fn kill(&self) {
        say!("{} rows done; killing this process with SIGKILL", self.rows.get());
        let me = rustix::process::getpid();
        // There is no way back from SIGKILL; an error would mean that the kernel refused to kill us.
        if let Err(errno) = rustix::process::kill_process(me, rustix::process::Signal::KILL) {
            eprintln!("cannot kill this process: {errno}");
        }
    }
}
