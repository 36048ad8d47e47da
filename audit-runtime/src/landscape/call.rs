//! A call: one exchange with the outside, opened on the device before the effect and closed after it. Its parent is
//! exactly one node state or one operation.

use super::graph::Landscape;
use super::operation::Operation;
use super::visit::Visit;
use super::write::{Fault, scrubbed};
use crate::error::{Code, Error};
use crate::model::digest::{AuditDigest, Scope};
use crate::model::graph::CallKind;
use crate::model::lifecycle::Entity;
use crate::model::{BodyWriter, Durability, Exit, Id, Key, Kind, Status};
use crate::payload::Sort;
use parking_lot::Mutex;
use std::fmt::{self, Display};

/// Whom a call belongs to.
#[derive(Clone, Copy)]
pub enum CallParent<'a> {
    /// A token's visit at a node.
    State(&'a Visit),
    /// Source or sink work without a token.
    Operation(&'a Operation),
}

/// What a call can belong to: a visit or an operation, and never both.
#[diagnostic::on_unimplemented(
    message = "a call has exactly one parent, a visit or an operation, and `{Self}` is neither",
    label = "one `&Visit` or one `&Operation` belongs here",
    note = "write `visit.call(kind, ..)` inside a node state, `operation.call(kind, ..)` for work without a token"
)]
pub trait ParentOfCall {
    /// The one parent.
    fn parent(&self) -> CallParent<'_>;
}

impl ParentOfCall for &Visit {
    fn parent(&self) -> CallParent<'_> {
        CallParent::State(self)
    }
}

impl ParentOfCall for &Operation {
    fn parent(&self) -> CallParent<'_> {
        CallParent::Operation(self)
    }
}

impl ParentOfCall for CallParent<'_> {
    fn parent(&self) -> CallParent<'_> {
        *self
    }
}

impl fmt::Debug for CallParent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallParent::State(visit) => write!(f, "State({})", visit.id()),
            CallParent::Operation(operation) => write!(f, "Operation({})", operation.id()),
        }
    }
}

/// The next ordinal of a parent's calls.
#[derive(Default)]
pub(super) struct Ordinals(Mutex<u64>);

/// An exchange that is under way. It ends by [`answered`](Call::answered) or [`failed`](Call::failed); dropped, it is
/// ERROR, and what became of the exchange is unknown.
///
/// A call has a kind and a parent, or it does not compile:
///
/// ```compile_fail
/// # fn f(land: audit_runtime::landscape::Landscape) {
/// let call = land.call("http://example.org", &());
/// # }
/// ```
#[must_use = "a call that is dropped is recorded as ERROR"]
pub struct Call {
    land: Landscape,
    open: Option<Open>,
}

struct Open {
    id: Id,
    parent: Id,
    mono_ns: u64,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({})", self.id())
    }
}

impl Landscape {
    /// Opens a call. When this returns its record is on the device, so the exchange may begin.
    ///
    /// # Errors
    /// `AUD0402` for a blank endpoint, `AUD0501` for a request without canonical form, `AUD0701` for a parent of another
    /// run; refused when the opening cannot be recorded. The exchange must not begin then.
    pub fn call(
        &self,
        parent: impl ParentOfCall,
        kind: CallKind,
        endpoint: &str,
        request: &dyn AuditDigest,
    ) -> Result<Call, Error> {
        const DOING: &str = "opening a call";
        if endpoint.trim().is_empty() {
            return Err(Error::new(Code::MissingField, DOING).detail("endpoint"));
        }
        let (parent, run, ordinals) = match parent.parent() {
            CallParent::State(visit) => (visit.id(), visit.land.run(), &visit.calls),
            CallParent::Operation(operation) => (operation.id(), operation.land.run(), &operation.calls),
        };
        if run != self.run() {
            return Err(Error::new(Code::ForeignEntity, DOING).detail(format!("a parent in run {run}")));
        }
        self.book(DOING, |_| ())?;
        let request = self.take(Sort::Call, Scope::Payload, request, DOING)?;
        let mut header = self.header(Kind::CallOpened, Status::Open);
        header.durability = self.0.recorder.durability(None, Durability::Disk);
        header.parent = parent;
        let mono_ns = header.mono_ns;
        // The lock is held until the record has its place: ordinals and places have one order, without gaps.
        let mut next = ordinals.0.lock();
        let mut body = BodyWriter::new();
        body.uint(Key::Ordinal, *next)
            .text(Key::CallKind, kind.name())
            .text(Key::Endpoint, &scrubbed(endpoint))
            .slot(Key::Input, &request.slot);
        request.write(&mut body);
        let id = self.0.recorder.begin(header, &body.finish(), move |_| {
            *next += 1;
            drop(next);
        })?;
        self.book(DOING, |book| book.opened(id, Entity::Call))?;
        Ok(Call { land: self.clone(), open: Some(Open { id, parent, mono_ns }) })
    }
}

impl Call {
    /// The call's id.
    #[must_use]
    pub fn id(&self) -> Id {
        self.open.as_ref().map_or(Id::NONE, |open| open.id)
    }

    /// The exchange succeeded.
    ///
    /// # Errors
    /// `AUD0501` for a response without canonical form, `AUD0720` for one that should be kept and cannot be: the call is
    /// ERROR then, with that text. In doubt: the terminal could not be recorded. Never repeat the exchange to get its record in.
    pub fn answered(mut self, response: &dyn AuditDigest) -> Result<(), Error> {
        let response = match self.land.take(Sort::Call, Scope::Payload, response, "closing a call") {
            Ok(response) => response,
            Err(error) => {
                let fault = Fault::of(&error);
                self.close(Status::Error, |body| fault_fields(body, &fault))?;
                return Err(error);
            }
        };
        self.close(Status::Success, |body| {
            body.slot(Key::Output, &response.slot);
            response.write(body);
        })
    }

    /// The exchange failed.
    ///
    /// # Errors
    /// In doubt: the terminal could not be recorded.
    pub fn failed(mut self, error: impl Display) -> Result<(), Error> {
        let fault = Fault::of(&error);
        self.close(Status::Error, |body| fault_fields(body, &fault))
    }

    fn close(&mut self, status: Status, fill: impl FnOnce(&mut BodyWriter)) -> Result<(), Error> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let mut header = self.land.header(Kind::CallClosed, status);
        header.durability = self.land.0.recorder.durability(None, Durability::Disk);
        header.exit = if status == Status::Success { Exit::Returned } else { Exit::Errored };
        header.subject = open.id;
        header.parent = open.parent;
        header.duration_ns = header.mono_ns.saturating_sub(open.mono_ns);
        let mut body = BodyWriter::new();
        fill(&mut body);
        let ended = self.land.0.recorder.end(header, &body.finish());
        drop(self.land.book("closing a call", |book| book.closed(open.id)));
        ended.map(drop)
    }
}

fn fault_fields(body: &mut BodyWriter, fault: &Fault) {
    body.text(Key::Error, &fault.text).slot(Key::ErrorDigest, &fault.digest.clone().into());
}

impl Drop for Call {
    fn drop(&mut self) {
        let fault = Fault::of(&"dropped: what became of the exchange is unknown");
        // The failure, if any, is in the recorder's poison slot.
        drop(self.close(Status::Error, |body| fault_fields(body, &fault)));
    }
}
