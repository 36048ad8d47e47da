//! Contract acknowledgements that are sent as tracing events. They become the same record as any other; but a filter may
//! drop an event, so each one that was asked for is counted where the layer is asked, and a run that acknowledges by
//! events only is never said to have missed something.

use tracing::field::{Field, Visit};
use tracing::{Event, Metadata};

use crate::context;
use crate::contract::{Outcome, ResultId, Subject};
use crate::model::{Id, RunId};
use crate::recorder::Recorder;
use crate::recorder::pledge::{Via, line_of};
use std::fmt::Debug;

/// The target of events that acknowledge an action:
/// `tracing::info!(target: audit_runtime::layer::ACK_TARGET, domain = "orders", action = "reserve", result = "r-7")`.
///
/// In place of `result` stands `error` for a failure and `rolled_back` for an undoing; both of these together say that the
/// undoing failed. `instance`, `attempt` and `run` are optional; without `run` the current one is meant.
pub const ACK_TARGET: &str = "audit_runtime::ack";

/// Whether an event of this place acknowledges something.
pub(super) fn is_ack(metadata: &Metadata<'_>) -> bool {
    metadata.is_event() && metadata.target() == ACK_TARGET
}

/// The subscriber is asked whether it wants an acknowledgement: from now on one is owed.
pub(super) fn asked(recorder: &Recorder) {
    count(recorder, |book| book.asked += 1);
}

fn count(recorder: &Recorder, add: impl FnOnce(&mut crate::recorder::pledge::Book)) {
    let run = current(recorder);
    if run != RunId::NONE {
        add(recorder.0.books.lock().entry(run).or_default());
    }
}

fn current(recorder: &Recorder) -> RunId {
    let ambient = context::ambient();
    match &ambient.recorder {
        Some(ours) if ours.number() == recorder.number() => ambient.run,
        _ => context::place(recorder.number(), &ambient).run,
    }
}

/// Takes an acknowledgement; `false` leaves the event to be kept as evidence. One that cannot be taken stays owed.
pub(super) fn take(recorder: &Recorder, event: &Event<'_>) -> bool {
    let mut said = Said::default();
    event.record(&mut said);
    let Some(outcome) = said.outcome() else { return false };
    let run = match &said.run {
        Some(text) => Id::parse(text).map_or(RunId::NONE, RunId),
        None => current(recorder),
    };
    let metadata = event.metadata();
    let at = line_of(metadata.file().unwrap_or("(unknown)"), metadata.line().unwrap_or(0));
    let subject = Subject::new(said.domain, said.action).instance(said.instance).attempt(said.attempt);
    let taken = recorder.acknowledge_via(run, &subject, &outcome, (&at, Via::Event)).is_ok();
    if taken {
        count(recorder, |book| book.arrived += 1);
    }
    taken
}

/// The fields of one event.
#[derive(Default)]
struct Said {
    domain: String,
    action: String,
    instance: String,
    attempt: u32,
    run: Option<String>,
    result: Option<String>,
    error: Option<String>,
    rolled_back: Option<String>,
}

impl Said {
    fn outcome(&self) -> Option<Outcome> {
        match (&self.result, &self.error, &self.rolled_back) {
            (Some(result), None, None) => Some(Outcome::Success { result: ResultId::new(result.clone())? }),
            (None, Some(error), None) => Some(Outcome::Failure { error: error.clone() }),
            (None, None, Some(reason)) => Some(Outcome::RolledBack { reason: reason.clone() }),
            (None, Some(error), Some(reason)) => {
                Some(Outcome::RollbackFailed { reason: reason.clone(), error: error.clone() })
            }
            _ => None,
        }
    }

    fn put(&mut self, name: &str, text: String) {
        match name {
            "domain" => self.domain = text,
            "action" => self.action = text,
            "instance" => self.instance = text,
            "run" => self.run = Some(text),
            "result" => self.result = Some(text),
            "error" => self.error = Some(text),
            "rolled_back" => self.rolled_back = Some(text),
            _ => {}
        }
    }
}

impl Visit for Said {
    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "attempt" => self.attempt = u32::try_from(value).unwrap_or(u32::MAX),
            name => self.put(name, value.to_string()),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.record_u64(field, u64::try_from(value).unwrap_or(0));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field.name(), format!("{value:?}"));
    }
}
