//! What joins the records of one piece of work to each other and to telemetry.

use super::text::{label, name, pair};
use crate::context;
use crate::error::Error;
use crate::model::cbor::Value;
use crate::model::trace::{Rejected, SpanId, TraceId, TraceParent};
use crate::model::{BodyWriter, Id, Key, Kind};
use crate::recorder::{Recorder, Severity};

/// How an entity relates to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Relation {
    /// It tries again what the other one failed to do.
    RetryOf,
    /// It would not be without the other one.
    CausedBy,
    /// Its result was produced by the other one.
    CachedFrom,
    /// It undoes the other one.
    RollbackOf,
}

impl Relation {
    /// Its name in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Relation::RetryOf => "retry_of",
            Relation::CausedBy => "caused_by",
            Relation::CachedFrom => "cached_from",
            Relation::RollbackOf => "rollback_of",
        }
    }
}

/// The ids that every record of one piece of work carries. Labels are scrubbed and cut to 256 bytes.
///
/// ```
/// use audit_runtime::governance::Correlation;
/// let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let correlation = Correlation::inbound(Some(header)).tenant("acme").session("s-1").request("transfer", "r-1");
/// assert_eq!(correlation.trace().map(|id| id.to_string()).as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Correlation {
    trace: Option<TraceId>,
    caller: Option<String>,
    tenant: Option<String>,
    actor: Option<String>,
    session: Option<String>,
    request: Option<String>,
    links: Vec<(Relation, Id)>,
    rejected: Option<Rejected>,
}

impl Correlation {
    /// Work that nobody sent: a trace of its own.
    #[must_use]
    pub fn fresh() -> Correlation {
        Correlation { trace: random().and_then(TraceId::new), ..Correlation::default() }
    }

    /// Work that came with a `traceparent` header, a trace id or a dashed UUID. What is none of them is replaced by a
    /// trace of our own, and the replacement is recorded by the gate.
    #[must_use]
    pub fn inbound(text: Option<&str>) -> Correlation {
        let Some(text) = text else { return Correlation::fresh() };
        match TraceParent::parse(text) {
            Ok(parent) => {
                let (trace, caller) = (Some(parent.trace), Some(parent.span.to_string()));
                Correlation { trace, caller, ..Correlation::default() }
            }
            Err(why) => match TraceId::parse(text) {
                Ok(trace) => Correlation { trace: Some(trace), ..Correlation::default() },
                Err(_) => Correlation { rejected: Some(why), ..Correlation::fresh() },
            },
        }
    }

    /// The caller's own name or id for what it did.
    #[must_use]
    pub fn caller(mut self, caller: &str) -> Correlation {
        self.caller = label(caller);
        self
    }

    /// The customer whose data this is.
    #[must_use]
    pub fn tenant(mut self, tenant: &str) -> Correlation {
        self.tenant = label(tenant);
        self
    }

    /// Who asks.
    #[must_use]
    pub fn actor(mut self, actor: &str) -> Correlation {
        self.actor = label(actor);
        self
    }

    /// Many requests that belong together.
    #[must_use]
    pub fn session(mut self, session: &str) -> Correlation {
        self.session = label(session);
        self
    }

    /// Type and correlation id of this request.
    #[must_use]
    pub fn request(mut self, kind: &str, id: &str) -> Correlation {
        self.request = label(&format!("{kind} {id}"));
        self
    }

    /// Relates this work to what another record is about.
    #[must_use]
    pub fn link(mut self, relation: Relation, to: Id) -> Correlation {
        self.links.push((relation, to));
        self
    }

    /// The trace, for the response, the error and the span.
    #[must_use]
    pub fn trace(&self) -> Option<TraceId> {
        self.trace
    }

    /// Why the inbound id was replaced, if it was.
    #[must_use]
    pub fn rejected(&self) -> Option<Rejected> {
        self.rejected
    }

    /// The `traceparent` header for a call that this work makes, with a span of its own.
    #[must_use]
    pub fn outbound(&self) -> Option<TraceParent> {
        Some(TraceParent { trace: self.trace?, span: random().and_then(SpanId::new)?, flags: 1 })
    }

    /// Adds what is there to a body.
    pub(super) fn write(&self, body: &mut BodyWriter) {
        if let Some(trace) = &self.trace {
            body.bytes(Key::Trace, trace.bytes());
        }
        body.maybe(Key::Caller, self.caller.as_deref())
            .maybe(Key::Tenant, self.tenant.as_deref())
            .maybe(Key::Actor, self.actor.as_deref())
            .maybe(Key::Session, self.session.as_deref())
            .maybe(Key::Request, self.request.as_deref());
        if !self.links.is_empty() {
            let links = self.links.iter().map(|(relation, to)| pair(relation.name(), Value::Text(format!("{to:#}"))));
            body.value(Key::Links, &Value::Map(links.collect()));
        }
    }

    /// Writes that the response went out, so that `audited explain` finds it behind the decision and the action: a status
    /// as the outside saw it, never its body. On the device when this returns.
    ///
    /// # Errors
    /// Refused when it cannot be recorded.
    pub fn responded(&self, recorder: &Recorder, status: &str) -> Result<Id, Error> {
        let place = context::place(recorder.number(), &context::ambient());
        let mut header = recorder.header(Kind::Note);
        (header.run, header.parent) = (place.run, place.parent);
        let mut body = BodyWriter::new();
        body.text(Key::NoteKind, "response").text(Key::Severity, Severity::Info.name());
        body.value(Key::Fields, &Value::Map(vec![pair("status", Value::Text(name(status)))]));
        if let Some(trace) = &self.trace {
            body.bytes(Key::Trace, trace.bytes());
        }
        body.maybe(Key::Tenant, self.tenant.as_deref())
            .maybe(Key::Session, self.session.as_deref())
            .maybe(Key::Request, self.request.as_deref())
            .maybe(Key::Actor, self.actor.as_deref());
        recorder.point_on_disk(header, &body.finish())
    }

    /// The few ids that a late record needs to be found.
    pub(super) fn write_short(&self, body: &mut BodyWriter) {
        if let Some(trace) = &self.trace {
            body.bytes(Key::Trace, trace.bytes());
        }
        body.maybe(Key::Tenant, self.tenant.as_deref()).maybe(Key::Session, self.session.as_deref());
    }
}

/// Random bytes; `None` when the system has none, and then the work has no trace rather than a made-up one.
fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let mut filled = 0;
    while filled < N {
        match rustix::rand::getrandom(&mut bytes[filled..], rustix::rand::GetRandomFlags::empty()) {
            Ok(n) => filled += n,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return None,
        }
    }
    Some(bytes)
}
