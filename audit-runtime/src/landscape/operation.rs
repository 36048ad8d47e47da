//! An operation: source or sink work of the run that has no token, such as opening a file or committing a load.

use super::call::{Call, Ordinals};
use super::graph::{Landscape, Node};
use super::write::{Fault, slot_of};
use crate::context::AuditContext;
use crate::error::{Code, Error};
use crate::model::digest::{AuditDigest, Scope, Slot};
use crate::model::graph::{CallKind, NodeKind};
use crate::model::lifecycle::Entity;
use crate::model::{BodyWriter, Durability, Exit, Id, Key, Kind, Status};
use std::fmt::{self, Display};

/// Work without a token. It ends by [`complete`](Operation::complete) or [`fail`](Operation::fail); dropped, it is
/// FAILED(cancelled).
#[must_use = "an operation that is dropped is recorded as FAILED(cancelled)"]
pub struct Operation {
    pub(super) land: Landscape,
    open: Option<(Id, u64)>,
    pub(super) calls: Ordinals,
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Operation({})", self.id())
    }
}

impl Landscape {
    /// Begins work of a source or sink; on the device when this returns.
    ///
    /// # Errors
    /// `AUD0402` for a blank kind; `AUD0701`, `AUD0707` for a node that is no source or sink of this run; refused when
    /// the opening cannot be recorded.
    pub fn operation(&self, node: Node, kind: &str) -> Result<Operation, Error> {
        const DOING: &str = "beginning an operation";
        self.own(node, &[NodeKind::Source, NodeKind::Sink], DOING)?;
        if kind.trim().is_empty() {
            return Err(Error::new(Code::MissingField, DOING).detail("kind"));
        }
        let mut header = self.header(Kind::OperationOpened, Status::Open);
        header.durability = self.0.recorder.durability(None, Durability::Disk);
        let mono_ns = header.mono_ns;
        let mut body = BodyWriter::new();
        body.text(Key::Node, &self.facts(node).name).text(Key::OperationKind, kind);
        body.slot(Key::Input, &Slot::NOT_REQUESTED);
        self.book(DOING, |_| ())?;
        let id = self.0.recorder.begin(header, &body.finish(), |_| ())?;
        self.book(DOING, |book| book.opened(id, Entity::Operation))?;
        Ok(Operation { land: self.clone(), open: Some((id, mono_ns)), calls: Ordinals::default() })
    }
}

impl Operation {
    /// The operation's id.
    #[must_use]
    pub fn id(&self) -> Id {
        self.open.map_or(Id::NONE, |(id, _)| id)
    }

    /// The context in which audited calls belong to this operation.
    pub fn context(&self) -> AuditContext {
        AuditContext::inside(&self.land.0.recorder, self.land.run(), self.id())
    }

    /// Opens a call inside this operation.
    ///
    /// # Errors
    /// As [`Landscape::call`].
    pub fn call(&self, kind: CallKind, endpoint: &str, request: &dyn AuditDigest) -> Result<Call, Error> {
        self.land.call(self, kind, endpoint, request)
    }

    /// The work succeeded.
    ///
    /// # Errors
    /// In doubt: the terminal could not be recorded.
    pub fn complete(mut self) -> Result<(), Error> {
        self.close(Exit::Returned, |body| {
            body.slot(Key::Output, &Slot::NOT_REQUESTED);
        })
    }

    /// The work succeeded, with a digest of what came out.
    ///
    /// # Errors
    /// `AUD0501` for an output without canonical form: the operation is FAILED then. In doubt: the terminal could not be
    /// recorded.
    pub fn complete_with(mut self, output: &dyn AuditDigest) -> Result<(), Error> {
        match slot_of(Scope::Output, output, "completing an operation") {
            Ok(slot) => self.close(Exit::Returned, |body| {
                body.slot(Key::Output, &slot);
            }),
            Err(error) => {
                self.close(Exit::Errored, |body| {
                    body.text(Key::Error, &error.to_string());
                })?;
                Err(error)
            }
        }
    }

    /// The work failed.
    ///
    /// # Errors
    /// In doubt: the terminal could not be recorded.
    pub fn fail(mut self, error: impl Display) -> Result<(), Error> {
        let fault = Fault::of(&error);
        self.close(Exit::Errored, |body| {
            body.text(Key::Error, &fault.text);
        })
    }

    fn close(&mut self, exit: Exit, fill: impl FnOnce(&mut BodyWriter)) -> Result<(), Error> {
        let Some((id, mono_ns)) = self.open.take() else { return Ok(()) };
        let status = if exit == Exit::Returned { Status::Completed } else { Status::Failed };
        let mut header = self.land.header(Kind::OperationClosed, status);
        header.durability = self.land.0.recorder.durability(None, Durability::Disk);
        header.exit = exit;
        header.subject = id;
        header.duration_ns = header.mono_ns.saturating_sub(mono_ns);
        let mut body = BodyWriter::new();
        fill(&mut body);
        let ended = self.land.0.recorder.end(header, &body.finish());
        drop(self.land.book("closing an operation", |book| book.closed(id)));
        ended.map(drop)
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        // The failure, if any, is in the recorder's poison slot.
        drop(self.close(Exit::Cancelled, |body| {
            body.text(Key::Error, "dropped").text(Key::Reason, "dropped");
        }));
    }
}
