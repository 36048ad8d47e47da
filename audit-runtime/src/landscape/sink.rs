//! Writing to the outside, durable by type: `Prepared → Written → Durable → SinkReceipt`. Outcomes that name a sink,
//! artifacts and checkpoints are made from a receipt and from nothing else.
//!
//! ```text
//! SINK_PREPARED ─ SINK_INTENT (Disk) ─ the effect ─ the flush ─ SINK_ANSWERED ─ SINK_RECEIPT (Disk) ─ states COMPLETED
//!                       └ a kill from here to the receipt leaves the write in doubt: it is read back, never repeated
//!                                                             ─ artifacts ─ outcomes ─ checkpoint (Disk)
//! ```

use super::graph::{Landscape, Node};
use super::token::{Course, Rejected, Token};
use super::visit::Visit;
use super::write::{Fault, ids, scrubbed};
use crate::error::{Code, Error};
use crate::model::digest::{Digest, Slot};
use crate::model::graph::NodeKind;
use crate::model::lifecycle::Entity;
use crate::model::{BodyWriter, Durability, Id, Key, Kind, Outcome, Status};
use crate::seeded;
use std::fmt::{self, Display};
use std::marker::PhantomData;

/// A write whose content is known and whose effect has not begun.
#[derive(Debug)]
pub enum Prepared {}
/// A write whose effect has happened and may still be in a cache.
#[derive(Debug)]
pub enum Written {}
/// A write that the sink has made durable.
#[derive(Debug)]
pub enum Durable {}

/// Tokens that one sink writes at once. Dropped before its receipt, every sink state is FAILED(cancelled) and no token has
/// reached the sink.
///
/// There is no receipt before the write is durable:
///
/// ```compile_fail
/// # use audit_runtime::landscape::{SinkBatch, Written};
/// # fn f(batch: SinkBatch<Written>) -> Result<(), audit_runtime::Error> {
/// let receipt = batch.receipt()?;
/// # Ok(()) }
/// ```
#[must_use = "tokens of a sink batch that is dropped are recorded as failed"]
pub struct SinkBatch<Stage> {
    write: Option<Box<Write>>,
    stage: PhantomData<Stage>,
}

struct Write {
    land: Landscape,
    sink: Node,
    id: Id,
    key: String,
    content: Digest,
    states: Vec<Id>,
    visits: Vec<Visit>,
    in_flight: bool,
}

/// Why a sink batch ended without a receipt.
pub enum SinkFailure<E> {
    /// The sink's own error. Its states are FAILED; the tokens may go to a failsink, or end.
    Sink {
        /// What the sink said.
        error: E,
        /// The tokens that it did not take.
        tokens: Vec<Token>,
    },
    /// The audit's error: in doubt where the effect had begun.
    Audit(Error),
}

impl<E: Display> fmt::Debug for SinkFailure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SinkFailure::Sink { error, tokens } => write!(f, "Sink({error}, {} tokens)", tokens.len()),
            SinkFailure::Audit(error) => write!(f, "Audit({error})"),
        }
    }
}

/// Proof that a sink's write is durable. Its tokens have their outcomes once it is [delivered](SinkReceipt::deliver).
#[derive(Debug)]
#[must_use = "a receipt is delivered, so that its tokens have their outcomes"]
pub struct SinkReceipt {
    pub(super) land: Landscape,
    pub(super) sink: Node,
    pub(super) id: Id,
    pub(super) key: String,
    pub(super) content: Digest,
    pub(super) producer: Id,
    pub(super) tokens: Vec<Token>,
}

/// Tokens that have reached a sink: from here a checkpoint may be made.
///
/// ```compile_fail
/// # fn f(land: audit_runtime::landscape::Landscape) {
/// let checkpoint = land.checkpoint("line 7");
/// # }
/// ```
#[derive(Debug)]
pub struct Delivered {
    land: Landscape,
    receipt: Id,
    tokens: usize,
}

impl<S> fmt::Debug for SinkBatch<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SinkBatch({})", self.id())
    }
}

impl Landscape {
    /// Gathers visits of one sink for one write. `key` names the write across attempts, `content` is the digest of what
    /// will be written.
    ///
    /// # Errors
    /// `AUD0705` without visits, `AUD0701` and `AUD0707` for visits elsewhere, `AUD0402` for a blank key; the visits come
    /// back.
    pub fn prepare(
        &self,
        sink: Node,
        key: &str,
        content: Digest,
        visits: Vec<Visit>,
    ) -> Result<SinkBatch<Prepared>, Rejected<Vec<Visit>>> {
        match self.prepared(sink, key, &content, &visits) {
            Ok(id) => {
                let states = visits.iter().map(Visit::id).collect();
                let (land, key) = (self.clone(), key.to_owned());
                let write = Write { land, sink, id, key, content, states, visits, in_flight: false };
                Ok(SinkBatch { write: Some(Box::new(write)), stage: PhantomData })
            }
            Err(error) => Err(Rejected { value: visits, error }),
        }
    }

    fn prepared(&self, sink: Node, key: &str, content: &Digest, visits: &[Visit]) -> Result<Id, Error> {
        const DOING: &str = "preparing a sink write";
        self.own(sink, &[NodeKind::Sink], DOING)?;
        if visits.is_empty() {
            return Err(Error::new(Code::EmptyGroup, DOING));
        }
        if key.trim().is_empty() {
            return Err(Error::new(Code::MissingField, DOING).detail("idempotency key"));
        }
        if let Some(elsewhere) = visits.iter().find(|visit| visit.node() != sink) {
            let code = if elsewhere.land.run() == self.run() { Code::WrongNode } else { Code::ForeignEntity };
            return Err(Error::new(code, DOING).detail(format!("visit {} is elsewhere", elsewhere.id())));
        }
        let header = self.header(Kind::SinkPrepared, Status::Prepared);
        let mut body = BodyWriter::new();
        body.text(Key::Sink, &self.facts(sink).name)
            .text(Key::IdempotencyKey, &scrubbed(key))
            .slot(Key::Content, &Slot::Digest(content.clone()))
            .value(Key::States, &ids(visits.iter().map(Visit::id)));
        self.book(DOING, |_| ())?;
        // What is written behind a write in doubt could overtake it.
        self.no_doubt_at(sink, DOING)?;
        let id = self.point(header, &body.finish())?;
        self.book(DOING, |book| book.opened(id, Entity::SinkWrite))?;
        Ok(id)
    }
}

impl<S> SinkBatch<S> {
    /// The id of the write.
    #[must_use]
    pub fn id(&self) -> Id {
        self.write.as_ref().map_or(Id::NONE, |write| write.id)
    }

    fn next<T>(mut self) -> SinkBatch<T> {
        SinkBatch { write: self.write.take(), stage: PhantomData }
    }

    /// Runs the sink's work; its error fails every state first and then reaches the caller.
    fn attempt<T, E: Display>(&mut self, work: impl FnOnce() -> Result<T, E>) -> Result<T, SinkFailure<E>> {
        let error = match work() {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let Some(write) = self.write.take() else { return Err(SinkFailure::Audit(ended())) };
        match write.refused(&Fault::of(&error)) {
            Ok(tokens) => Err(SinkFailure::Sink { error, tokens }),
            Err(audit) => Err(SinkFailure::Audit(audit)),
        }
    }
}

fn ended() -> Error {
    Error::new(Code::UnknownEntity, "writing to a sink")
}

impl SinkBatch<Prepared> {
    /// Writes. The intent is on the device before `effect` runs.
    ///
    /// # Errors
    /// The sink's own error, with the tokens; the audit's error.
    pub fn write<T, E: Display>(
        mut self,
        effect: impl FnOnce() -> Result<T, E>,
    ) -> Result<(SinkBatch<Written>, T), SinkFailure<E>> {
        match &mut self.write {
            Some(write) => write.intend().map_err(SinkFailure::Audit)?,
            None => return Err(SinkFailure::Audit(ended())),
        }
        let value = self.attempt(effect)?;
        Ok((self.next(), value))
    }
}

impl SinkBatch<Written> {
    /// Makes the write durable: `flush` returns once the sink has promised that.
    ///
    /// # Errors
    /// The sink's own error, with the tokens; the audit's error.
    pub fn sync<E: Display>(
        mut self,
        flush: impl FnOnce() -> Result<(), E>,
    ) -> Result<SinkBatch<Durable>, SinkFailure<E>> {
        self.attempt(flush)?;
        Ok(self.next())
    }
}

impl SinkBatch<Durable> {
    /// The receipt: on the device when this returns, and every sink state is COMPLETED behind it.
    ///
    /// # Errors
    /// In doubt: the write is durable, its receipt is not. Read it back before repeating it.
    pub fn receipt(mut self) -> Result<SinkReceipt, Error> {
        match self.write.take() {
            // The effect has happened, so a receipt that is refused leaves it in doubt.
            Some(write) => write
                .receipt()
                .map_err(|failure| Error::caused_by(Code::InDoubt, "recording the receipt of a sink write", failure)),
            None => Err(ended()),
        }
    }
}

impl Write {
    fn intend(&mut self) -> Result<(), Error> {
        self.land.book("writing to a sink", |_| ())?;
        let mut header = self.land.header(Kind::SinkIntent, Status::Intent);
        header.durability = self.land.0.recorder.durability(None, Durability::Disk);
        header.subject = self.id;
        self.land.point(header, &BodyWriter::new().finish())?;
        self.in_flight = true;
        Ok(())
    }

    fn answer(&mut self, status: Status, fault: Option<&Fault>) -> Result<(), Error> {
        self.in_flight = false;
        let mut header = self.land.header(Kind::SinkAnswered, status);
        header.subject = self.id;
        let mut body = BodyWriter::new();
        if let Some(fault) = fault {
            body.text(Key::Error, &fault.text).slot(Key::ErrorDigest, &fault.digest.clone().into());
        }
        self.land.point(header, &body.finish()).map(drop)
    }

    fn refused(mut self: Box<Self>, fault: &Fault) -> Result<Vec<Token>, Error> {
        let answered = self.answer(Status::Error, Some(fault));
        let mut tokens = Vec::new();
        for visit in std::mem::take(&mut self.visits) {
            let mut token = visit.fail(&fault.text)?;
            if let Some(live) = &mut token.0 {
                live.refused_by(self.sink, fault.digest.clone());
            }
            tokens.push(token);
        }
        answered.map(|()| tokens)
    }

    fn receipt(mut self: Box<Self>) -> Result<SinkReceipt, Error> {
        self.answer(Status::Returned, None)?;
        let mut early = Vec::new();
        if seeded::is("completed_before_the_receipt") {
            early = self.complete()?;
        }
        let mut header = self.land.header(Kind::SinkReceipt, Status::Finalized);
        if !seeded::is("receipt_before_sync") {
            header.durability = self.land.0.recorder.durability(None, Durability::Disk);
        }
        header.subject = self.id;
        let mut body = BodyWriter::new();
        body.text(Key::Sink, &self.land.facts(self.sink).name)
            .text(Key::IdempotencyKey, &scrubbed(&self.key))
            .slot(Key::Content, &Slot::Digest(self.content.clone()))
            .value(Key::States, &ids(self.states.iter().copied()));
        let id = self.land.point(header, &body.finish())?;
        if seeded::is("checkpoint_before_outcomes") {
            Delivered { land: self.land.clone(), receipt: id, tokens: 0 }.checkpoint("too early")?;
        }
        let producer = self.states.first().copied().unwrap_or(Id::NONE);
        early.extend(self.complete()?);
        let (land, key, content) = (self.land.clone(), std::mem::take(&mut self.key), self.content.clone());
        Ok(SinkReceipt { land, sink: self.sink, id, key, content, producer, tokens: early })
    }

    fn complete(&mut self) -> Result<Vec<Token>, Error> {
        let output = Slot::Digest(self.content.clone());
        std::mem::take(&mut self.visits).into_iter().map(|visit| visit.completed(&output, None)).collect()
    }
}

impl Drop for Write {
    fn drop(&mut self) {
        if self.in_flight {
            let fault = Fault::of(&"dropped: what became of the write is unknown");
            // The failure, if any, is in the recorder's poison slot.
            drop(self.answer(Status::ResponseLost, Some(&fault)));
        }
        drop(self.land.book("ending a sink write", |book| book.closed(self.id)));
    }
}

impl SinkReceipt {
    /// The receipt's id.
    #[must_use]
    pub fn id(&self) -> Id {
        self.id
    }

    /// What names the write across attempts.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The digest of what was written.
    #[must_use]
    pub fn content(&self) -> &Digest {
        &self.content
    }

    /// Registers a durable thing that the write produced. The same key with the same content gives the first one.
    ///
    /// # Errors
    /// `AUD0708` when other content stands under the key.
    pub fn artifact(&self, key: &str, name: &str, content: Digest, bytes: u64) -> Result<Id, Error> {
        const DOING: &str = "registering an artifact";
        if key.trim().is_empty() || name.trim().is_empty() {
            return Err(Error::new(Code::MissingField, DOING).detail("idempotency key and name"));
        }
        let mut known = self.land.0.artifacts.lock();
        if let Some((id, digest, size)) = known.get(key) {
            let same = *digest == content && *size == bytes;
            return if same { Ok(*id) } else { Err(Error::new(Code::ArtifactDiffers, DOING)) };
        }
        let mut header = self.land.header(Kind::Artifact, Status::None);
        header.durability = self.land.0.recorder.durability(None, Durability::Disk);
        header.parent = self.producer;
        let mut body = BodyWriter::new();
        body.text(Key::Sink, &self.land.facts(self.sink).name)
            .text(Key::IdempotencyKey, &scrubbed(key))
            .slot(Key::Content, &Slot::Digest(content.clone()))
            .uint(Key::Size, bytes)
            .id(Key::Receipt, self.id)
            .text(Key::Name, &scrubbed(name));
        let id = self.land.point(header, &body.finish())?;
        known.insert(key.to_owned(), (id, content, bytes));
        Ok(id)
    }

    /// Gives every token its outcome.
    ///
    /// # Errors
    /// An outcome could not be recorded.
    pub fn deliver(mut self) -> Result<Delivered, Error> {
        let tokens = self.tokens.len();
        self.outcomes()?;
        Ok(Delivered { land: self.land.clone(), receipt: self.id, tokens })
    }

    pub(super) fn outcomes(&mut self) -> Result<(), Error> {
        let sink = self.land.facts(self.sink).name.clone();
        for mut token in std::mem::take(&mut self.tokens) {
            let Some(mut live) = token.0.take() else { continue };
            let outcome = live.taken_by(self.sink).at_sink(sink.clone());
            live.end(&outcome, None, Some(self.id))?;
        }
        Ok(())
    }
}

impl Drop for SinkReceipt {
    fn drop(&mut self) {
        // The write is durable, so its tokens have arrived whatever becomes of the receipt. A failure is in the
        // recorder's poison slot.
        drop(self.outcomes());
    }
}

impl Delivered {
    /// How many tokens were delivered.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// Records a position from which the run may resume; on the device when this returns.
    ///
    /// # Errors
    /// `AUD0402` for a blank position; when the record cannot be written.
    pub fn checkpoint(&self, position: &str) -> Result<Id, Error> {
        const DOING: &str = "writing a checkpoint";
        if position.trim().is_empty() {
            return Err(Error::new(Code::MissingField, DOING).detail("position"));
        }
        let mut header = self.land.header(Kind::Checkpoint, Status::None);
        header.durability = self.land.0.recorder.durability(None, Durability::Disk);
        let mut body = BodyWriter::new();
        body.text(Key::Position, position)
            .slot(Key::Topology, &Slot::Digest(self.land.topology().clone()))
            .id(Key::Receipt, self.receipt);
        self.land.book(DOING, |_| ())?;
        self.land.point(header, &body.finish())
    }
}

impl Token {
    /// A sink refused it and discarding is configured: FAILURE/sink_discarded.
    ///
    /// # Errors
    /// `AUD0707` for a token that no sink has refused: it comes back.
    pub fn sink_discarded(self) -> Result<(), Rejected<Token>> {
        match self.0.as_ref().map(|live| live.course.clone()) {
            Some(Course::Fallback(error)) => {
                let outcome = Outcome::SinkDiscarded { error };
                self.finish(outcome, None).map_err(|error| Rejected { value: Token(None), error })
            }
            _ => {
                let error = Error::new(Code::WrongNode, format!("discarding token {}", self.id()));
                Err(Rejected { value: self, error: error.detail("no sink has refused it") })
            }
        }
    }
}
