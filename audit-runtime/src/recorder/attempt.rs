//! Action attempts: PENDING on the device before the body runs, one terminal on the device before anybody hears of it.
//!
//! ```text
//! begin_attempt ──PENDING on the device──→ Attempt ──end_attempt──→ SUCCESS / FAILED on the device
//!      └ no record ──→ refused: the body does not run      └ not written ──→ spooled ──→ in doubt, poison
//! ```

use super::Recorder;
use super::pledge::Beside;
use crate::error::{Code, Error};
use crate::journal::Purpose;
use crate::ledger::OpenEntry;
use crate::model::record::{Header, flag};
use crate::model::{BodyWriter, Durability, Exit, Id, Key, Kind, RunId, Status};

/// An action attempt that is PENDING. It is ended once, because ending consumes it.
#[derive(Debug)]
#[must_use = "an attempt that is not ended stays PENDING until recovery abandons it"]
pub(crate) struct Attempt {
    pub(crate) id: Id,
    pub(crate) run: RunId,
    parent: Id,
    site: u32,
    mono_ns: u64,
}

impl Recorder {
    /// Writes PENDING and waits until it is on the device.
    pub(crate) fn begin_attempt(&self, of: (RunId, Id), as_: (u32, &str), body: &[u8]) -> Result<Attempt, Error> {
        let (attempt, mut promised) = self.append_attempt(of, as_, body.to_vec())?;
        let kept = self.wait_beside(&mut promised);
        self.admitted(&promised, kept)?;
        Ok(attempt)
    }

    /// Appends PENDING: site, or 0, and name of something that a run does because of its parent.
    pub(crate) fn append_attempt(
        &self,
        (run, parent): (RunId, Id),
        (site, action): (u32, &str),
        body: Vec<u8>,
    ) -> Result<(Attempt, Beside), Error> {
        if self.is_closing() {
            return Err(Error::new(Code::Closed, "beginning an action"));
        }
        self.flush_gaps();
        let mut header = self.header(Kind::ActionPending);
        header.durability = self.durability(None, Durability::Disk);
        header.status = Status::Pending;
        (header.run, header.parent, header.site) = (run, parent, site);
        let pending = self.append(&mut header, &body, Purpose::Opening)?;
        let counted = self.counted_as(site, Some(action));
        let entry = OpenEntry { status: Status::Open, run, site: counted, mono_ns: header.mono_ns };
        self.0.ledger.lock().opened(header.seq, entry);
        let id = Id::new(self.stream(), header.seq);
        let attempt = Attempt { id, run, parent, site, mono_ns: header.mono_ns };
        Ok((attempt, Beside::new(pending, header, body)))
    }

    /// Waits in a task until PENDING is on the device.
    pub(crate) async fn keep_attempt(&self, mut promised: Beside) -> Result<(), Error> {
        let kept = std::future::poll_fn(|cx| self.poll_beside(&mut promised, cx)).await;
        self.admitted(&promised, kept)
    }

    fn admitted(&self, promised: &Beside, kept: Result<(), Error>) -> Result<(), Error> {
        kept.map(|()| self.tell_beside(promised)).map_err(|failure| self.withdraw_attempt(promised.header(), failure))
    }

    /// The body does not run. The bytes of PENDING may be on the device all the same, so a terminal that says so waits in
    /// the second sink for whoever finds them.
    fn withdraw_attempt(&self, mut header: Header, failure: Error) -> Error {
        self.0.ledger.lock().withdrawn(header.seq);
        self.0.journal.release_reserve();
        header.subject = Id::new(self.stream(), header.seq);
        header.kind = Kind::ActionClosed;
        header.flags |= flag::SPOOLED;
        header.status = Status::Failed;
        header.exit = Exit::Cancelled;
        let mut body = BodyWriter::new();
        body.text(Key::Error, "refused: PENDING was not acknowledged; the body was not entered")
            .text(Key::ErrorCode, failure.code().text());
        if self.0.journal.is_ours() {
            let patience = self.0.journal.patience();
            drop(self.0.spool.append_within(patience, self.stream(), &header, &body.finish()));
        }
        if failure.is_refused() { failure } else { Error::caused_by(Code::Poisoned, "beginning an action", failure) }
    }

    /// Writes the terminal and waits until it is on the device.
    pub(crate) fn end_attempt(&self, attempt: Attempt, end: (Status, Exit), body: Vec<u8>) -> Result<(), Error> {
        let mut promised = self.append_end(&attempt, end, body)?;
        let kept = self.wait_beside(&mut promised);
        self.ended(&attempt, &promised, kept)
    }

    /// As [`end_attempt`](Self::end_attempt), for tasks.
    pub(crate) async fn end_attempt_later(
        &self,
        attempt: Attempt,
        end: (Status, Exit),
        body: Vec<u8>,
    ) -> Result<(), Error> {
        let mut promised = self.append_end(&attempt, end, body)?;
        let kept = std::future::poll_fn(|cx| self.poll_beside(&mut promised, cx)).await;
        self.ended(&attempt, &promised, kept)
    }

    fn append_end(&self, attempt: &Attempt, (status, exit): (Status, Exit), body: Vec<u8>) -> Result<Beside, Error> {
        let mut header = self.attempt_header(attempt, status, exit);
        header.durability = Durability::Disk;
        match self.append(&mut header, &body, Purpose::Terminal) {
            Ok(pending) => {
                self.0.ledger.lock().closed(attempt.id.seq, exit);
                Ok(Beside::new(pending, header, body))
            }
            Err(failure) => Err(self.spool_end(attempt, header, &body, failure)),
        }
    }

    fn ended(&self, attempt: &Attempt, promised: &Beside, kept: Result<(), Error>) -> Result<(), Error> {
        match kept {
            Ok(()) => {
                self.tell_beside(promised);
                Ok(())
            }
            Err(failure) => Err(self.spool_end(attempt, promised.header(), promised.body(), failure)),
        }
    }

    fn spool_end(&self, attempt: &Attempt, mut header: Header, body: &[u8], failure: Error) -> Error {
        header.flags |= flag::SPOOLED;
        let what = format!("ending action {} (in doubt: the effect may have happened)", attempt.id);
        let exit = header.exit;
        let error = self.spool_terminal(header, body, what, failure);
        if error.code() == Code::Spooled {
            self.0.ledger.lock().closed(attempt.id.seq, exit);
        }
        error
    }

    /// As [`end_attempt`](Self::end_attempt) for values that are dropped: never waits, its sync is asked for at once.
    pub(crate) fn drop_attempt(&self, attempt: &Attempt, body: &[u8]) {
        let mut header = self.attempt_header(attempt, Status::Failed, Exit::Cancelled);
        match self.append(&mut header, body, Purpose::Terminal) {
            Ok(pending) => {
                self.0.ledger.lock().closed(attempt.id.seq, Exit::Cancelled);
                self.0.journal.sync_soon(&pending);
                drop(pending);
            }
            Err(failure) => {
                header.flags |= flag::SPOOLED;
                header.durability = Durability::Disk;
                // A drop has nobody to tell; the failure is in the poison slot.
                drop(self.spool_terminal(header, body, format!("ending action {}", attempt.id), failure));
            }
        }
    }

    fn attempt_header(&self, attempt: &Attempt, status: Status, exit: Exit) -> Header {
        let mut header = self.header(Kind::ActionClosed);
        header.status = status;
        header.exit = exit;
        header.run = attempt.run;
        header.subject = attempt.id;
        header.parent = attempt.parent;
        header.site = attempt.site;
        header.duration_ns = header.mono_ns.saturating_sub(attempt.mono_ns);
        header
    }

    /// A record that stands for itself, on the device when this returns.
    pub(crate) fn point_on_disk(&self, header: Header, body: &[u8]) -> Result<Id, Error> {
        self.keep(self.promise(header, body.to_vec())?)
    }
}
