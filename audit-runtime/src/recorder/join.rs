//! A run that several processes work on at one time: who else takes part, the one record that says so, and what the others
//! have open when the run ends.
//!
//! ```text
//! join_run ──line beside the run's seat──→ RUN_JOINED ──→ entries in a stream of its own
//!                      └ finish of who began it: the streams that stand there are read for what is open in them
//! ```

use super::{Recorder, RunHandle};
use crate::error::{Code, Error};
use crate::journal::{Reader, owner};
use crate::model::lifecycle::{self, Entity};
use crate::model::{BodyWriter, Durability, Header, Id, Key, Kind, RunId, StreamId};
use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// Whether a record of this kind opens what a run's end waits for. A batch may outlive its process.
fn is_waited_for(kind: Kind) -> bool {
    lifecycle::opening(kind).is_some_and(|(.., entity)| !matches!(entity, Entity::Run | Entity::Batch))
}

/// What another process that takes part in a run has open in it, as its stream tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOpen {
    /// The process's stream.
    pub stream: StreamId,
    /// Whether the process lives: a dead one ends nothing any more, and recovery ends it as ABANDONED.
    pub lives: bool,
    /// Entries, actions, calls and operations, oldest first.
    pub open: Vec<Id>,
}

impl Recorder {
    /// Takes part in a run that another process of this trail has begun, or this one: what is recorded under the handle
    /// belongs to the run, and stands in this process's own stream. The run is still ended by who began it. That this
    /// process takes part is on the device when this returns.
    ///
    /// Wait for those who take part before you end the run: [`Run::finish`](super::Run::finish) refuses while one of them
    /// that lives has work of the run open. What a dead one has left open stands in the run's last record and in its summary.
    /// The run's counts and its status are those of the process that ends it.
    ///
    /// ```no_run
    /// # use audit_runtime::{RunId, audited};
    /// # #[audited]
    /// # fn work() {}
    /// # fn main() -> Result<(), audit_runtime::Error> {
    /// # let told: RunId = RunId::NONE;
    /// let recorder = audit_runtime::open("./audit-trail")?;
    /// let run = recorder.join_run(told)?;
    /// run.scope(work);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// `AUD0601` for a run that the trail does not hold, `AUD0103` when it cannot be read: nothing is written then.
    /// Refused when the record cannot be written.
    pub fn join_run(&self, run: RunId) -> Result<RunHandle, Error> {
        if !self.holds_run(run)? {
            return Err(Error::new(Code::UnknownId, format!("joining run {run}")));
        }
        self.flush_gaps();
        // Before the record: who ends the run must find every stream that may hold work of it. A line without a record says
        // no more than that there is a stream to read.
        self.sign(run).map_err(|cause| Error::io(Code::StorageFailed, format!("joining run {run}"), cause))?;
        let mut header = self.header(Kind::RunJoined);
        header.durability = Durability::Disk;
        header.run = run;
        header.subject = run.0;
        let mut body = BodyWriter::new();
        body.maybe(Key::Actor, self.0.actor.as_deref());
        self.point(header, &body.finish())?;
        Ok(RunHandle::of(self, run))
    }

    /// Whether the record that the run's id names has begun one.
    fn holds_run(&self, run: RunId) -> Result<bool, Error> {
        if !self.0.layout.stream_dir(run.0.stream).is_dir() {
            return Ok(false);
        }
        let mut reader = Reader::open(&self.0.layout, run.0.stream)?.following();
        while let Some(frame) = reader.next()? {
            if frame.seq == run.0.seq {
                return Ok(Header::decode(frame.bytes).is_ok_and(|header| header.kind == Kind::RunStarted));
            }
        }
        Ok(false)
    }

    /// The streams of those who have joined a run, one a line. It needs no sync: a process that loses it is dead itself.
    fn joined_file(&self, run: RunId) -> PathBuf {
        self.0.layout.run_lock(run).with_extension("joined")
    }

    fn sign(&self, run: RunId) -> io::Result<()> {
        if run.0.stream == self.stream() {
            return Ok(());
        }
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(self.joined_file(run))?;
        // One write: two that join at one time do not mix.
        file.write_all(format!("{}\n", self.stream().text()).as_bytes())
    }

    /// What others that take part in the run have open. A stream that cannot be read tells nothing here: `verify` tells of it.
    pub(super) fn left_by_others(&self, run: RunId) -> Vec<LeftOpen> {
        let Ok(joined) = fs::read_to_string(self.joined_file(run)) else { return Vec::new() };
        let others: BTreeSet<StreamId> = joined.lines().filter_map(StreamId::parse).collect();
        let others = others.into_iter().filter(|stream| *stream != self.stream());
        let found = others.filter_map(|stream| self.left_in(stream, run).ok()).filter(|left| !left.open.is_empty());
        found.collect()
    }

    fn left_in(&self, stream: StreamId, run: RunId) -> Result<LeftOpen, Error> {
        let layout = &self.0.layout;
        // Asked first: who dies meanwhile is found dead by the next one who asks.
        let lives = owner::is_alive(layout, stream);
        let mut open = BTreeSet::new();
        // A stream that has its mark was closed with nothing open, or settled.
        if !layout.ended(stream).exists() {
            let mut reader = Reader::open(layout, stream)?.following();
            while let Some(frame) = reader.next()? {
                let Ok(header) = Header::decode(frame.bytes) else { continue };
                if header.run == run && is_waited_for(header.kind) {
                    open.insert(Id::new(stream, frame.seq));
                } else if lifecycle::closes(header.kind) {
                    open.remove(&header.subject);
                }
            }
        }
        Ok(LeftOpen { stream, lives, open: open.into_iter().collect() })
    }
}
