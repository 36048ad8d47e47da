//! A batch: tokens gathered at an aggregation and released together. Its end is one record: the members' outcomes, and
//! the tokens that come out.
//!
//! ```text
//! Batch (DRAFT) ─add─ … ─release→ Executing ─complete→ members batch_consumed, outputs minted
//!      └ dropped: FAILED             ├─fail→ FailedBatch ─retry→ Batch (attempt + 1) | ─give_up→ members unrouted
//!                                    └ dropped: FAILED, members unrouted
//! ```

use super::graph::{Landscape, Node};
use super::token::{Rejected, Token};
use super::write::{Doing, Fault, ids, slot_of};
use crate::context::AuditContext;
use crate::error::{Code, Error};
use crate::ledger::{BatchPast, Origin};
use crate::model::digest::{AuditDigest, Scope, Slot};
use crate::model::graph::{NodeKind, Trigger};
use crate::model::lifecycle::Entity;
use crate::model::{BodyWriter, Exit, Id, Key, Kind, Outcome, Status};
use crate::recorder::{CloseState, OpenState, Opened};
use std::fmt::{self, Display};
use std::time::Duration;

/// A batch in DRAFT. Dropped, it is FAILED and its members are FAILURE/unrouted.
#[must_use = "members of a batch that is dropped are recorded as failed"]
pub struct Batch(Option<Box<Gathered>>);

struct Gathered {
    land: Landscape,
    node: Node,
    id: Id,
    attempt: u32,
    members: Vec<Token>,
    /// Drafted by an earlier process of the run.
    adopted: bool,
    /// How old it was when this process took it over.
    age: Duration,
    since_ns: u64,
}

/// A batch that was released and is being worked on. Nobody joins it any more:
///
/// ```compile_fail
/// # fn f(mut batch: audit_runtime::landscape::Executing, token: audit_runtime::landscape::Token) {
/// batch.add(token);
/// # }
/// # std::hint::black_box(f as fn(_, _));
/// ```
#[must_use = "members of a batch that is dropped are recorded as failed"]
pub struct Executing {
    batch: Option<Box<Gathered>>,
    opened: Option<Opened>,
}

/// A batch that failed. Its members still wait: they go into a new batch, or fail.
#[must_use = "members of a failed batch that is dropped are recorded as failed"]
pub struct FailedBatch {
    batch: Option<Box<Gathered>>,
    fault: Fault,
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch({}, {} members)", self.id(), self.len())
    }
}

impl fmt::Debug for Executing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Executing({})", self.batch.as_ref().map_or(Id::NONE, |batch| batch.id))
    }
}

impl fmt::Debug for FailedBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FailedBatch({}: {})", self.batch.as_ref().map_or(Id::NONE, |batch| batch.id), self.fault.text)
    }
}

impl Landscape {
    /// Begins to gather tokens at an aggregation.
    ///
    /// # Errors
    /// `AUD0701`, `AUD0707` for a node that is no aggregation of this run; refused when the record cannot be written.
    pub fn batch(&self, node: Node) -> Result<Batch, Error> {
        self.own(node, &[NodeKind::Aggregation], "drafting a batch")?;
        self.draft(node, 0, None, Vec::new()).map_err(Error::from)
    }

    fn draft(
        &self,
        node: Node,
        attempt: u32,
        retry_of: Option<Id>,
        members: Vec<Token>,
    ) -> Result<Batch, Rejected<Vec<Token>>> {
        const DOING: &str = "drafting a batch";
        let mut header = self.header(Kind::BatchDrafted, Status::Draft);
        header.attempt = attempt;
        let mut body = BodyWriter::new();
        body.text(Key::Node, &self.facts(node).name);
        if let Some(failed) = retry_of {
            body.id(Key::RetryOf, failed).value(Key::Parents, &ids(members.iter().map(Token::id)));
        }
        let written = self
            .book(DOING, |_| ())
            .and_then(|()| self.0.recorder.begin(header, &body.finish(), |_| ()))
            .and_then(|id| self.book(DOING, |book| book.opened(id, Entity::Batch)).map(|()| id));
        match written {
            Ok(id) => Ok(Batch::gathered(self, node, (id, attempt), members, None)),
            Err(error) => Err(Rejected { value: members, error }),
        }
    }

    /// A batch that an earlier process has left: in DRAFT it is gathered on, otherwise it is tried again.
    pub(super) fn batch_again(
        &self,
        node: Node,
        id: Id,
        past: &BatchPast,
        members: Vec<Token>,
    ) -> Result<Batch, Error> {
        let wall_ns = self.0.recorder.clock().wall_ns();
        let age = Duration::from_nanos(u64::try_from(wall_ns - past.drafted_ns).unwrap_or(0));
        if past.status == Status::Draft {
            return Ok(Batch::gathered(self, node, (id, past.attempt), members, Some(age)));
        }
        let mut again = self.draft(node, past.attempt + 1, Some(id), members)?;
        if let Some(batch) = &mut again.0 {
            batch.age = age;
        }
        Ok(again)
    }
}

impl Batch {
    /// Tokens that a batch has at most: its release and its end name all of them, each in one record.
    pub const MOST: usize = 32_768;

    /// A batch in DRAFT; an adopted one comes with its age.
    fn gathered(
        land: &Landscape,
        node: Node,
        (id, attempt): (Id, u32),
        members: Vec<Token>,
        adopted: Option<Duration>,
    ) -> Batch {
        let (since_ns, land) = (land.0.recorder.clock().mono_ns(), land.clone());
        let (age, adopted) = (adopted.unwrap_or_default(), adopted.is_some());
        Batch(Some(Box::new(Gathered { land, node, id, attempt, members, adopted, age, since_ns })))
    }

    /// The batch's id.
    #[must_use]
    pub fn id(&self) -> Id {
        self.0.as_ref().map_or(Id::NONE, |batch| batch.id)
    }

    /// How many tokens it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |batch| batch.members.len())
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Which attempt it is, from 0.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.0.as_ref().map_or(0, |batch| batch.attempt)
    }

    /// How long it has gathered, the time before a resume included, on the recorder's monotonic clock: a loop whose source
    /// is idle asks this, and releases the batch by [`Trigger::Age`].
    #[must_use]
    pub fn age(&self) -> Duration {
        self.0.as_ref().map_or(Duration::ZERO, |batch| {
            let now = batch.land.0.recorder.clock().mono_ns();
            batch.age + Duration::from_nanos(now.saturating_sub(batch.since_ns))
        })
    }

    /// Takes a token in: its membership and its `buffered` outcome are one record.
    ///
    /// # Errors
    /// `AUD0701` for a token of another run, `AUD0206` for one more than [`MOST`](Self::MOST): release the batch, and begin
    /// another. The token comes back, and nothing is written.
    pub fn add(&mut self, token: Token) -> Result<(), Rejected<Token>> {
        let doing = Doing("adding to a batch token", token.id());
        let added = match &self.0 {
            Some(batch) => batch.member(&token, doing),
            None => Err(Error::new(Code::UnknownEntity, doing.to_string())),
        };
        match (added, &mut self.0) {
            (Ok(()), Some(batch)) => batch.members.push(token),
            (Err(error), _) => return Err(Rejected { value: token, error }),
            (Ok(()), None) => {}
        }
        Ok(())
    }

    /// Releases the batch, for this reason.
    ///
    /// # Errors
    /// `AUD0705` for a batch without members; refused when the record cannot be written. The batch comes back.
    pub fn release(mut self, trigger: Trigger) -> Result<Executing, Rejected<Batch>> {
        let released = match &self.0 {
            Some(batch) => batch.release(trigger),
            None => Err(Error::new(Code::UnknownEntity, "releasing a batch")),
        };
        match released {
            Ok(opened) => Ok(Executing { batch: self.0.take(), opened: Some(opened) }),
            Err(error) => Err(Rejected { value: self, error }),
        }
    }
}

impl Gathered {
    fn member(&self, token: &Token, doing: Doing) -> Result<(), Error> {
        if token.run() != self.land.run() {
            return Err(
                Error::new(Code::ForeignEntity, doing.to_string()).detail(format!("a token of run {}", token.run()))
            );
        }
        if self.land.book(doing, |book| book.standing(token.id()))?.is_none() {
            return Err(Error::new(Code::SecondOutcome, doing.to_string()));
        }
        if self.members.len() >= Batch::MOST {
            return Err(Error::new(Code::RecordTooLarge, doing.to_string()).detail(full()));
        }
        let mut header = self.land.header(Kind::BatchMember, Status::Buffered);
        header.subject = self.id;
        let mut body = BodyWriter::new();
        body.id(Key::Token, token.id()).uint(Key::Ordinal, self.members.len() as u64);
        self.land.point(header, &body.finish())?;
        self.land.book(doing, |book| book.buffered(token.id()))
    }

    fn release(&self, trigger: Trigger) -> Result<Opened, Error> {
        const DOING: &str = "releasing a batch";
        if self.members.is_empty() {
            return Err(Error::new(Code::EmptyGroup, DOING));
        }
        let mut header = self.land.header(Kind::BatchExecuting, Status::Executing);
        header.subject = self.id;
        let mut body = BodyWriter::new();
        body.text(Key::Trigger, trigger.name()).value(Key::Parents, &ids(self.members.iter().map(Token::id)));
        self.land.book(DOING, |_| ())?;
        match self.adopted {
            // From here on this process owes the batch its terminal.
            true => self.land.0.recorder.begin(header, &body.finish(), |_| ())?,
            false => self.land.point(header, &body.finish())?,
        };
        let recorder = &self.land.0.recorder;
        let (opened, pending) = recorder.open_state(&OpenState {
            site: None,
            node: Some(&self.land.facts(self.node).name),
            run: self.land.run(),
            parent: self.id,
            attempt: self.attempt,
            input: &Slot::NOT_REQUESTED,
            recorded: None,
            unattributed: false,
            detached: false,
            durability: None,
            external: false,
            token: None,
            resume: if self.adopted { self.land.0.resume } else { None },
        })?;
        recorder.wait(pending)?;
        Ok(opened)
    }

    /// The batch's one terminal. `give_up` carries the members' failure in the same record.
    fn close(&mut self, end: End<'_>) -> Result<Id, Error> {
        let (status, exit) = match end {
            End::Completed(_) => (Status::Completed, Exit::Returned),
            End::Failed { .. } => (Status::Failed, Exit::Errored),
        };
        let mut header = self.land.header(Kind::BatchClosed, status);
        header.exit = exit;
        header.subject = self.id;
        header.attempt = self.attempt;
        let mut body = BodyWriter::new();
        let members = || ids(self.members.iter().map(Token::id));
        match end {
            End::Completed(outputs) => {
                body.value(Key::Parents, &members()).uint(Key::Children, u64::from(outputs));
            }
            End::Failed { fault, give_up } => {
                body.text(Key::Error, &fault.text).slot(Key::ErrorDigest, &fault.digest.clone().into());
                if give_up {
                    body.value(Key::Parents, &members());
                }
            }
        }
        let written = self.land.0.recorder.end(header, &body.finish());
        drop(self.land.book("ending a batch", |book| book.closed(self.id)));
        let outcome = match end {
            End::Completed(_) => Outcome::BatchConsumed { batch: self.id },
            End::Failed { fault, give_up: true } => Outcome::Unrouted { error: fault.digest.clone() },
            End::Failed { give_up: false, .. } => return written,
        };
        let place = written?;
        for mut member in std::mem::take(&mut self.members) {
            if let Some(live) = member.0.take() {
                self.land.book("ending a batch", |book| book.ended(live.id, &outcome))?;
            }
        }
        Ok(place)
    }
}

fn full() -> String {
    format!("a batch has at most {} tokens: release it", Batch::MOST)
}

/// A release that has no end in the journal. Recovery gives it one; nobody may take it for done.
fn unfinished(cause: Error) -> Error {
    Error::caused_by(Code::BatchUnfinished, "completing a batch", cause)
}

/// How a batch ends.
#[derive(Clone, Copy)]
enum End<'a> {
    Completed(u32),
    Failed { fault: &'a Fault, give_up: bool },
}

impl Executing {
    /// The node state in which the release is worked on.
    #[must_use]
    pub fn state(&self) -> Id {
        self.opened.as_ref().map_or(Id::NONE, |opened| opened.id)
    }

    /// The context in which audited calls belong to the release.
    pub fn context(&self) -> AuditContext {
        match &self.batch {
            Some(batch) => AuditContext::inside(&batch.land.0.recorder, batch.land.run(), self.state()),
            None => crate::context::audit_context(),
        }
    }

    /// The work succeeded: every member is TRANSIENT/batch_consumed, and `outputs` new tokens go on.
    ///
    /// # Errors
    /// `AUD0501` for an output without canonical form: node state and batch are FAILED and every member is
    /// FAILURE/unrouted then. `AUD0729`: a terminal could not be written; recovery ends the batch.
    pub fn complete(mut self, outputs: u32, output: &dyn AuditDigest) -> Result<Vec<Token>, Error> {
        const DOING: &str = "completing a batch";
        let slot = match slot_of(Scope::Output, output, DOING) {
            Ok(slot) => slot,
            Err(error) => {
                self.fall(&Fault::of(&error), Exit::Errored, true)?;
                return Err(error);
            }
        };
        let close = CloseState { output: Some(&slot), ..CloseState::new(Status::Completed, Exit::Returned) };
        self.state_ends(&close).map_err(unfinished)?;
        let Some(mut batch) = self.batch.take() else { return Err(Error::new(Code::UnknownEntity, DOING)) };
        let place = batch.close(End::Completed(outputs)).map_err(unfinished)?;
        let land = &batch.land;
        (1..=outputs)
            .map(|ord| {
                let id = Id { ord, ..place };
                land.book(DOING, |book| book.minted(id, None))?;
                Ok(Token::new(land, Origin::Batch, id, Id::NONE, None))
            })
            .collect()
    }

    /// The work failed. The members still wait, for a retry.
    ///
    /// # Errors
    /// In doubt: a terminal could not be recorded.
    pub fn fail(mut self, error: impl Display) -> Result<FailedBatch, Error> {
        let fault = Fault::of(&error);
        self.fall(&fault, Exit::Errored, false)?;
        Ok(FailedBatch { batch: self.batch.take(), fault })
    }

    fn fall(&mut self, fault: &Fault, exit: Exit, give_up: bool) -> Result<(), Error> {
        let ended = self.state_ends(&CloseState { error: Some(&fault.text), ..CloseState::new(Status::Failed, exit) });
        let closed = match &mut self.batch {
            Some(batch) => batch.close(End::Failed { fault, give_up }).map(drop),
            None => Ok(()),
        };
        if give_up {
            drop(self.batch.take());
        }
        ended.and(closed)
    }

    fn state_ends(&mut self, close: &CloseState<'_>) -> Result<(), Error> {
        match (self.opened.take(), &self.batch) {
            (Some(opened), Some(batch)) => {
                let recorder = &batch.land.0.recorder;
                recorder.wait(recorder.close_state(&opened, close)?)
            }
            _ => Ok(()),
        }
    }
}

impl FailedBatch {
    /// Tries again: a new batch with the same members, one attempt higher. Each failed batch is retried at most once.
    ///
    /// ```compile_fail
    /// # fn f(failed: audit_runtime::landscape::FailedBatch) -> Result<(), audit_runtime::Error> {
    /// let first = failed.retry()?;
    /// let second = failed.retry()?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Refused when the record cannot be written; the failed batch comes back.
    pub fn retry(mut self) -> Result<Batch, Rejected<FailedBatch>> {
        let Some(mut batch) = self.batch.take() else {
            let error = Error::new(Code::UnknownEntity, "retrying a batch");
            return Err(Rejected { value: self, error });
        };
        let members = std::mem::take(&mut batch.members);
        match batch.land.draft(batch.node, batch.attempt + 1, Some(batch.id), members) {
            Ok(again) => Ok(again),
            Err(Rejected { value: members, error }) => {
                batch.members = members;
                self.batch = Some(batch);
                Err(Rejected { value: self, error })
            }
        }
    }

    /// Gives the members up: each is FAILURE/unrouted.
    ///
    /// # Errors
    /// An outcome could not be recorded.
    pub fn give_up(mut self) -> Result<(), Error> {
        self.let_go()
    }

    fn let_go(&mut self) -> Result<(), Error> {
        let members = self.batch.as_mut().map(|batch| std::mem::take(&mut batch.members)).unwrap_or_default();
        members.into_iter().try_for_each(|token| token.fail(&self.fault.text))
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        // Behind the run's end it stays in DRAFT, and whoever resumes the run goes on with it.
        if let Some(mut batch) = self.0.take().filter(|batch| batch.land.goes_on()) {
            // The failure, if any, is in the recorder's poison slot.
            drop(batch.close(End::Failed { fault: &Fault::of(&"dropped"), give_up: true }));
        }
    }
}

impl Drop for Executing {
    fn drop(&mut self) {
        if let Some(batch) = &self.batch {
            // Behind the run's end the members wait for a retry by whoever resumes it. The failure, if any, is in the
            // recorder's poison slot.
            let give_up = batch.land.goes_on();
            drop(self.fall(&Fault::of(&"dropped"), Exit::Cancelled, give_up));
        }
    }
}

impl Drop for FailedBatch {
    fn drop(&mut self) {
        // The failure, if any, is in the recorder's poison slot.
        drop(self.let_go());
    }
}
