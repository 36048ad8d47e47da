//! A line on stderr for work over a second, on a terminal only.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Counts records of one piece of work.
#[derive(Debug)]
pub(crate) struct Progress {
    what: &'static str,
    started: Instant,
    shown: Option<Instant>,
    visible: bool,
}

impl Progress {
    pub(crate) fn new(what: &'static str) -> Progress {
        Progress { what, started: Instant::now(), shown: None, visible: io::stderr().is_terminal() }
    }

    /// So many records are done.
    pub(crate) fn seen(&mut self, records: u64) {
        let now = Instant::now();
        let due = self.shown.is_none_or(|shown| now - shown > Duration::from_millis(100));
        if self.visible && due && now - self.started > Duration::from_secs(1) {
            let rate = records as f64 / (now - self.started).as_secs_f64();
            // Progress is talk: a closed stderr is no reason to stop.
            drop(write!(io::stderr(), "\r{} {records} records ({rate:.0}/s)\x1b[K", self.what));
            self.shown = Some(now);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            drop(write!(io::stderr(), "\r\x1b[K"));
        }
    }
}
