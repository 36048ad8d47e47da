//! A run that several processes work on at one time: who else takes part, and the one record that says so.

use super::{Recorder, RunHandle};
use crate::error::{Code, Error};
use crate::journal::Reader;
use crate::model::{BodyWriter, Durability, Header, Key, Kind, RunId};

impl Recorder {
    /// Takes part in a run that another process of this trail has begun, or this one: what is recorded under the handle
    /// belongs to the run, and stands in this process's own stream. The run is still ended by who began it. That this
    /// process takes part is on the device when this returns.
    ///
    /// Who ends the run judges it by its own records alone: wait for those who take part before that. What one of them
    /// has left open then is no secret: the sweep names it.
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
}
