//! What opening a trail found and settled: said by recovery, kept by the recorder, shown by reports.

use super::{Core, Recorder};
use crate::model::{RunId, StreamId};
use std::fmt;

/// What an open found and settled.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    /// Streams of dead processes, settled by this process.
    pub streams: Vec<RecoveredStream>,
    /// Streams that could not be read, and why; they are left as they are.
    pub unreadable: Vec<(StreamId, String)>,
}

/// One settled stream.
#[derive(Clone, Debug)]
pub struct RecoveredStream {
    /// The stream.
    pub stream: StreamId,
    /// Process id that its head names; 0 when it has no head.
    pub pid: u32,
    /// Records that count.
    pub records: u64,
    /// Node states closed as ABANDONED.
    pub abandoned: u64,
    /// Runs closed as ABANDONED.
    pub runs: Vec<RunId>,
    /// Terminals placed from the second sink.
    pub placed: u64,
    /// Bytes behind the last record, ignored for ever.
    pub torn_bytes: u64,
    /// Whole frames among them.
    pub stray_frames: u64,
    /// What stands behind the last record, if it is not just zeros.
    pub tear: Option<String>,
}

impl Recovered {
    /// Whether nothing had to be settled and everything could be read.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.streams.is_empty() && self.unreadable.is_empty()
    }
}

impl fmt::Display for Recovered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for found in &self.streams {
            write!(f, "recovered stream {} of pid {}: {} records", found.stream, found.pid, found.records)?;
            write!(f, ", {} open closed as ABANDONED", found.abandoned)?;
            found.runs.iter().try_for_each(|run| write!(f, ", run {run} ABANDONED"))?;
            if found.placed > 0 {
                write!(f, ", {} terminals placed from the second sink", found.placed)?;
            }
            if found.torn_bytes > 0 {
                write!(f, ", {} torn bytes ignored", found.torn_bytes)?;
            }
            writeln!(f)?;
        }
        self.unreadable.iter().try_for_each(|(stream, why)| writeln!(f, "stream {stream} was left alone: {why}"))
    }
}

impl Core {
    pub(crate) fn note_recovered(&self, found: Recovered) {
        let mut all = self.recovered.lock();
        all.streams.extend(found.streams);
        all.unreadable = found.unreadable;
    }
}

impl Recorder {
    /// What this process has settled of dead ones, at its open and since.
    #[must_use]
    pub fn recovered(&self) -> Recovered {
        self.0.recovered.lock().clone()
    }
}
