//! A fuse that kills the process at a place given beforehand, so that a death can be repeated.

use std::cell::Cell;

/// Counts the places at which a death is interesting.
pub struct Fuse {
    left: Cell<Option<u64>>,
    passed: Cell<u64>,
}

impl Fuse {
    /// Burns down after so many places; `None` never does.
    pub fn new(places: Option<u64>) -> Fuse {
        Fuse { left: Cell::new(places), passed: Cell::new(0) }
    }

    /// A place at which a death is interesting.
    pub fn pass(&self) {
        self.passed.set(self.passed.get() + 1);
        match self.left.get() {
            Some(0 | 1) => kill(),
            left => self.left.set(left.map(|left| left - 1)),
        }
    }

    /// Places that were passed.
    pub fn passed(&self) -> u64 {
        self.passed.get()
    }
}

/// Dies by SIGKILL, as under `kill -9` or the kernel's out-of-memory killer: nothing is flushed, no destructor runs.
pub fn kill() {
    let me = rustix::process::getpid();
    // There is no way back from SIGKILL; an error would mean that the kernel refused to kill us.
    if let Err(errno) = rustix::process::kill_process(me, rustix::process::Signal::KILL) {
        eprintln!("cannot kill this process: {errno}");
    }
}
