//! A visit: a token at a node, as one node state. It owns the token while it lasts and gives it back at its end.

use super::call::{Call, Ordinals};
use super::graph::{Landscape, Node};
use super::token::{Course, Rejected, Token};
use super::write::{Doing, Fault, Taken, slot_of};
use crate::context::AuditContext;
use crate::error::{Code, Error};
use crate::model::cbor::Value;
use crate::model::digest::{AuditDigest, Scope, Slot};
use crate::model::graph::{CallKind, Determinism, Mode, NodeKind};
use crate::model::{BodyWriter, Exit, Id, Key, Kind, Status};
use crate::payload::Sort;
use crate::recorder::{CloseState, OpenState, Opened};
use crate::seeded;
use std::fmt::{self, Display};

/// A token at a node. It ends by [`complete`](Visit::complete) or [`fail`](Visit::fail), which give the token back;
/// dropped, the node state is FAILED(cancelled) and the token FAILURE/unrouted.
#[must_use = "a visit that is dropped is recorded as FAILED(cancelled)"]
pub struct Visit {
    pub(super) land: Landscape,
    token: Option<Token>,
    node: Node,
    opened: Option<Opened>,
    pub(super) calls: Ordinals,
    routed: Option<Decision>,
    refused: Option<Error>,
}

/// A routing decision that stands.
struct Decision {
    event: Id,
    mode: Mode,
    labels: Vec<String>,
    reason: Slot,
}

impl fmt::Debug for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Visit({} of {:?})", self.id(), self.token)
    }
}

impl Token {
    /// Visits a node.
    ///
    /// # Errors
    /// `AUD0701` for a node of another run, `AUD0707` for a source; refused when the opening cannot be recorded. The
    /// token comes back, and nothing is written.
    pub fn enter(self, node: Node) -> Result<Visit, Rejected<Token>> {
        self.enter_as(node, &Slot::NOT_REQUESTED)
    }

    /// Visits a node with a digest of what goes in.
    ///
    /// # Errors
    /// As [`enter`](Self::enter); `AUD0501` for a value without canonical form.
    pub fn enter_with(self, node: Node, input: &dyn AuditDigest) -> Result<Visit, Rejected<Token>> {
        match slot_of(Scope::Args, input, "entering a node") {
            Ok(slot) => self.enter_as(node, &slot),
            Err(error) => Err(Rejected { value: self, error }),
        }
    }

    fn enter_as(self, node: Node, input: &Slot) -> Result<Visit, Rejected<Token>> {
        match self.open(node, input) {
            Ok((land, opened)) => Ok(Visit {
                land,
                token: Some(self),
                node,
                opened: Some(opened),
                calls: Ordinals::default(),
                routed: None,
                refused: None,
            }),
            Err(error) => Err(Rejected { value: self, error }),
        }
    }

    fn open(&self, node: Node, input: &Slot) -> Result<(Landscape, Opened), Error> {
        let doing = Doing("entering a node with token", self.id());
        let second = || Error::new(Code::SecondOutcome, doing.to_string());
        let live = self.0.as_ref().ok_or_else(second)?;
        let land = &live.land;
        land.own(node, &[], doing)?;
        if node.kind == NodeKind::Source {
            return Err(Error::new(Code::WrongNode, doing.to_string()).detail("a source is not entered by tokens"));
        }
        let facts = land.facts(node);
        let attempt = land.book(doing, |book| book.standing(live.id).map(|_| book.attempt(live.id, node.at)))?;
        let attempt = attempt.ok_or_else(second)?;
        let outside = matches!(facts.determinism, Determinism::ExternalCall | Determinism::IoWrite);
        let recorder = &land.0.recorder;
        let (opened, pending) = recorder.open_state(&OpenState {
            site: None,
            node: Some(&facts.name),
            run: land.run(),
            parent: Id::NONE,
            attempt,
            input,
            recorded: None,
            unattributed: false,
            detached: false,
            durability: None,
            // A sink's write has an opening of its own on the device before it begins.
            external: outside && node.kind != NodeKind::Sink,
            token: Some(live.id),
            resume: live.earlier.as_ref().and(land.0.resume).filter(|_| !seeded::is("resume_unmarked")),
        })?;
        recorder.wait(pending)?;
        land.book(doing, |book| book.visited(live.id, node.at))?;
        Ok((land.clone(), opened))
    }
}

impl Visit {
    /// The node state's id.
    #[must_use]
    pub fn id(&self) -> Id {
        self.opened.as_ref().map_or(Id::NONE, |opened| opened.id)
    }

    /// The token that visits.
    #[must_use]
    pub fn token(&self) -> Id {
        self.token.as_ref().map_or(Id::NONE, Token::id)
    }

    pub(super) fn node(&self) -> Node {
        self.node
    }

    /// How many visits of this node the token had before.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.opened.as_ref().map_or(0, |opened| opened.attempt)
    }

    /// The context in which audited calls belong to this node state.
    pub fn context(&self) -> AuditContext {
        AuditContext::inside(&self.land.0.recorder, self.land.run(), self.id())
    }

    /// The work succeeded; the token goes on.
    ///
    /// # Errors
    /// `AUD0707` at a sink, where a receipt completes: the node state is FAILED then. In doubt: the terminal could not be
    /// recorded.
    pub fn complete(mut self) -> Result<Token, Error> {
        self.not_at_a_sink()?;
        self.completed(&Slot::NOT_REQUESTED, None)
    }

    /// Without a receipt nobody knows that a sink has anything, and the token could still be discarded.
    fn not_at_a_sink(&mut self) -> Result<(), Error> {
        if self.node.kind != NodeKind::Sink {
            return Ok(());
        }
        let error = Error::new(Code::WrongNode, format!("completing the node state {}", self.id()))
            .detail("a state at a sink is completed by `SinkReceipt::deliver`");
        self.refused = Some(error.clone());
        Err(error)
    }

    /// The work succeeded, with a digest of what came out.
    ///
    /// # Errors
    /// `AUD0501` for an output without canonical form, `AUD0707` at a sink: the node state is FAILED then. In doubt: the
    /// terminal could not be recorded.
    pub fn complete_with(mut self, output: &dyn AuditDigest) -> Result<Token, Error> {
        self.not_at_a_sink()?;
        match slot_of(Scope::Output, output, "completing a node state") {
            Ok(slot) => self.completed(&slot, None),
            Err(error) => {
                self.refused = Some(error.clone());
                Err(error)
            }
        }
    }

    pub(super) fn completed(mut self, output: &Slot, context: Option<&[u8]>) -> Result<Token, Error> {
        let close = CloseState {
            output: Some(output),
            context_after: context,
            ..CloseState::new(Status::Completed, Exit::Returned)
        };
        self.close(&close)?;
        self.give_back()
    }

    /// The work failed; the token comes back, to be retried, routed or failed.
    ///
    /// # Errors
    /// In doubt: the terminal could not be recorded.
    pub fn fail(mut self, error: impl Display) -> Result<Token, Error> {
        self.failed(&Fault::of(&error))?;
        self.give_back()
    }

    /// The work failed, and an error route takes the token: the error record and the DIVERT routing event stand before
    /// the node state's end.
    ///
    /// # Errors
    /// `AUD0703` for a label that no edge has; in doubt when a record could not be written.
    pub fn divert(mut self, label: &str, error: impl Display) -> Result<Token, Error> {
        let fault = Fault::of(&error);
        self.edges(&[label])?;
        self.note(&fault)?;
        self.decide(Mode::Divert, &[label], Taken::digest(&fault.digest))?;
        self.failed(&fault)?;
        let mut token = self.give_back()?;
        if let Some(live) = &mut token.0 {
            live.course = Course::Error(fault.digest);
        }
        Ok(token)
    }

    /// The work failed, and errors of this node are discarded: an error record, no routing event, and the token is
    /// FAILURE/unrouted.
    ///
    /// # Errors
    /// In doubt: a record could not be written.
    pub fn discard_error(mut self, error: impl Display) -> Result<(), Error> {
        let fault = Fault::of(&error);
        self.note(&fault)?;
        self.failed(&fault)?;
        self.give_back()?.fail(&fault.text)
    }

    /// Decides where the token goes. One decision stands for each node state: the same one again gives the same event.
    ///
    /// # Errors
    /// `AUD0703` for a label that no edge has, and the node state is FAILED when the visit is dropped then; `AUD0704` for
    /// another decision; `AUD0705` for no label, or one that stands twice.
    pub fn route(&mut self, mode: Mode, labels: &[&str], reason: &dyn AuditDigest) -> Result<Id, Error> {
        self.edges(labels)?;
        let reason = self.land.take(Sort::Reason, Scope::Payload, reason, "routing a token")?;
        let event = self.decide(mode, labels, reason)?;
        if let Some(live) = self.token.as_mut().and_then(|token| token.0.as_mut())
            && mode == Mode::Move
            && self.node.kind == NodeKind::Gate
            && live.course == Course::Default
        {
            live.course = Course::Gate;
        }
        Ok(event)
    }

    /// Opens a call inside this node state.
    ///
    /// # Errors
    /// `AUD0402` for a blank endpoint; refused when the opening cannot be recorded.
    pub fn call(&self, kind: CallKind, endpoint: &str, request: &dyn AuditDigest) -> Result<Call, Error> {
        self.land.call(self, kind, endpoint, request)
    }

    fn edges(&mut self, labels: &[&str]) -> Result<(), Error> {
        let doing = || format!("routing token {}", self.token());
        let unique: std::collections::BTreeSet<_> = labels.iter().collect();
        if labels.is_empty() || unique.len() < labels.len() {
            return Err(Error::new(Code::EmptyGroup, doing()));
        }
        if labels.iter().all(|label| self.land.edge(self.node, label).is_some()) {
            return Ok(());
        }
        // The label may hold a value of the row, so the error does not repeat it.
        let detail = format!("from `{}`", self.land.facts(self.node).name);
        let error = Error::new(Code::NoSuchEdge, doing()).detail(detail);
        self.refused = Some(error.clone());
        Err(error)
    }

    fn decide(&mut self, mode: Mode, labels: &[&str], reason: Taken) -> Result<Id, Error> {
        if let Some(stands) = &self.routed {
            let same = stands.mode == mode && stands.labels == labels && stands.reason == reason.slot;
            let doing = || format!("routing token {}", self.token());
            return if same { Ok(stands.event) } else { Err(Error::new(Code::RoutedAlready, doing())) };
        }
        let edge = |label: &str| {
            let to = self.land.edge(self.node, label).map_or("", |node| &self.land.facts(node).name);
            Value::Array([label, to].map(|text| Value::Text(text.to_owned())).to_vec())
        };
        let mut header = self.land.header(Kind::Routed, Status::None);
        header.parent = self.id();
        let mut body = BodyWriter::new();
        body.text(Key::Mode, mode.name())
            .value(Key::Edges, &Value::Array(labels.iter().map(|label| edge(label)).collect()))
            .slot(Key::ReasonDigest, &reason.slot)
            .id(Key::Token, self.token());
        reason.write(&mut body);
        let event = self.land.point(header, &body.finish())?;
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        self.routed = Some(Decision { event, mode, labels, reason: reason.slot.clone() });
        Ok(event)
    }

    fn note(&self, fault: &Fault) -> Result<(), Error> {
        self.token.as_ref().map_or(Ok(()), |token| token.note_error(self.id(), fault))
    }

    /// The end of a visit that the landscape itself fails.
    pub(super) fn fallen(mut self, fault: &Fault, code: Option<&str>, context: Option<&[u8]>) -> Result<Token, Error> {
        self.close(&CloseState {
            error: Some(&fault.text),
            error_code: code,
            context_after: context,
            ..CloseState::new(Status::Failed, Exit::Errored)
        })?;
        self.give_back()
    }

    fn failed(&mut self, fault: &Fault) -> Result<(), Error> {
        self.close(&CloseState { error: Some(&fault.text), ..CloseState::new(Status::Failed, Exit::Errored) })
    }

    fn close(&mut self, close: &CloseState<'_>) -> Result<(), Error> {
        match self.opened.take() {
            Some(opened) => {
                let recorder = &self.land.0.recorder;
                recorder.wait(recorder.close_state(&opened, close)?)
            }
            None => Ok(()),
        }
    }

    fn give_back(&mut self) -> Result<Token, Error> {
        self.token.take().ok_or_else(|| Error::new(Code::UnknownEntity, "ending a visit"))
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let Some(opened) = self.opened.take() else { return };
        let text = self.refused.as_ref().map(ToString::to_string);
        let exit = if text.is_some() { Exit::Errored } else { Exit::Cancelled };
        let close = CloseState {
            error: Some(text.as_deref().unwrap_or("dropped")),
            error_code: self.refused.as_ref().map(|error| error.code().text()),
            reason: Some("dropped"),
            ..CloseState::new(Status::Failed, exit)
        };
        // The failure, if any, is in the recorder's poison slot. The token follows by its own drop.
        drop(self.land.0.recorder.close_dropped(&opened, &close));
    }
}
