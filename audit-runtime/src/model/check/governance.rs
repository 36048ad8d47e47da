//! The load check of decisions, action attempts and contract records: which fields each status needs and forbids.

use super::invalid;
use crate::model::cbor::Value;
use crate::model::kind::{Key, Kind};
use crate::model::record::{Invalid, Record};
use crate::model::status::{Exit, Status};

/// What a record of this kind with this status needs, beyond the kind's own table, and what it must not have.
struct Row {
    kind: Kind,
    status: Status,
    exits: &'static [Exit],
    required: &'static [Key],
    absent: &'static [Key],
}

const ROWS: &[Row] = &[
    Row {
        kind: Kind::Decision,
        status: Status::Allow,
        exits: &[Exit::None],
        required: &[],
        absent: &[Key::ReasonCodes, Key::Reasons, Key::ErrorType],
    },
    Row {
        kind: Kind::Decision,
        status: Status::Deny,
        exits: &[Exit::None],
        required: &[Key::ReasonCodes, Key::Reasons],
        absent: &[Key::ExpiresMs],
    },
    Row { kind: Kind::ActionPending, status: Status::Pending, exits: &[Exit::None], required: &[], absent: &[] },
    Row {
        kind: Kind::ActionClosed,
        status: Status::Success,
        exits: &[Exit::Returned],
        required: &[Key::OutputDigest],
        absent: &[Key::Error, Key::ErrorCode, Key::AbandonReason, Key::StillRunning],
    },
    Row {
        kind: Kind::ActionClosed,
        status: Status::Failed,
        exits: &[Exit::Errored, Exit::Panicked, Exit::Cancelled],
        required: &[Key::Error, Key::ErrorCode],
        absent: &[Key::OutputDigest, Key::AbandonReason],
    },
    Row {
        kind: Kind::ActionClosed,
        status: Status::Abandoned,
        exits: &[Exit::Lost],
        required: &[Key::AbandonReason],
        absent: &[Key::OutputDigest, Key::Error, Key::ErrorCode],
    },
    Row { kind: Kind::ActionBlocked, status: Status::Blocked, exits: &[Exit::None], required: &[], absent: &[] },
];

/// Kinds that are about something that another record created.
const WITH_SUBJECT: &[Kind] = &[Kind::ActionClosed, Kind::LateCompletion];
/// Kinds that belong to a run, always.
const WITH_RUN: &[Kind] = &[
    Kind::ContractDeclared,
    Kind::ExpectationDeclared,
    Kind::ContractAck,
    Kind::ContractClosed,
    Kind::ContractAlert,
    Kind::RunPhase,
];

pub(super) fn check(record: &Record) -> Result<(), Invalid> {
    let (header, kind) = (&record.header, record.header.kind);
    if WITH_SUBJECT.contains(&kind) && header.subject.is_none() {
        return Err(invalid(record, "subject", "is missing"));
    }
    if WITH_RUN.contains(&kind) && header.run.0.is_none() {
        return Err(invalid(record, "run", "is missing"));
    }
    if ROWS.iter().any(|row| row.kind == kind) {
        check_status(record)?;
    }
    match kind {
        Kind::Decision if record.body.text(Key::Decision) != Some(header.status.name()) => {
            Err(invalid(record, "decision", format!("is not {}", header.status)))
        }
        Kind::ContractAck => check_ack(record),
        Kind::ContractDeclared => check_expectations(record),
        _ => Ok(()),
    }
}

fn check_status(record: &Record) -> Result<(), Invalid> {
    let header = &record.header;
    let Some(row) = ROWS.iter().find(|row| row.kind == header.kind && row.status == header.status) else {
        return Err(invalid(record, "status", format!("{} cannot stand here", header.status)));
    };
    if !row.exits.contains(&header.exit) {
        return Err(invalid(record, "exit", format!("{} does not go with {}", header.exit, header.status)));
    }
    if let Some(key) = row.absent.iter().find(|key| record.body.get(**key).is_some()) {
        return Err(invalid(record, key.name(), format!("must be absent for {}", header.status)));
    }
    for key in header.kind.required().iter().chain(row.required) {
        match record.body.get(*key) {
            None => return Err(invalid(record, key.name(), format!("is missing for {}", header.status))),
            Some(value) if is_blank(value) && *key != Key::Rules => {
                return Err(invalid(record, key.name(), "is blank"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Text(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty() || items.iter().any(is_blank),
        _ => false,
    }
}

/// A success has a result, a failure an error, a rollback a reason.
fn check_ack(record: &Record) -> Result<(), Invalid> {
    let needed: &[Key] = match record.body.text(Key::Outcome) {
        Some("success") => &[Key::Result],
        Some("failure") => &[Key::Error],
        Some("rolled_back") => &[Key::Reason],
        Some("rollback_failed") => &[Key::Reason, Key::Error],
        _ => return Err(invalid(record, "outcome", "names none")),
    };
    match needed.iter().find(|key| record.body.get(**key).is_none_or(is_blank)) {
        Some(key) => Err(invalid(record, key.name(), "is missing or blank")),
        None => Ok(()),
    }
}

fn check_expectations(record: &Record) -> Result<(), Invalid> {
    let items = record.body.get(Key::Expectations).and_then(Value::as_array).unwrap_or_default();
    let named = |item: &Value, name: &str| {
        let pairs = item.as_map().unwrap_or_default();
        pairs.iter().any(|(key, value)| key.as_text() == Some(name) && value.as_text().is_some())
    };
    match items.iter().all(|item| named(item, "domain") && named(item, "action")) {
        true => Ok(()),
        false => Err(invalid(record, "expectations", "one lacks its domain or action")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::digest::{Scope, Slot, digest_bytes};
    use crate::model::{BodyWriter, Header, Id, RunId, StreamId};

    fn slot() -> Slot {
        digest_bytes(Scope::Payload, b"{}").into()
    }

    /// A record as its bytes tell it; `edit` may spoil it before it is written.
    fn loaded(kind: Kind, edit: impl FnOnce(&mut Header, &mut BodyWriter)) -> Result<Record, Invalid> {
        let mut header = Header::new(kind);
        header.run = RunId(Id::new(StreamId([7; 16]), 1));
        let mut body = BodyWriter::new();
        edit(&mut header, &mut body);
        let mut bytes = header.encode().to_vec();
        bytes.extend(body.finish());
        Record::decode(&bytes)
    }

    fn texts(items: &[&str]) -> Value {
        Value::Array(items.iter().map(|item| Value::Text((*item).to_owned())).collect())
    }

    fn decision(status: Status, reasons: &[&str]) -> Result<Record, Invalid> {
        loaded(Kind::Decision, |header, body| {
            header.status = status;
            body.text(Key::Decision, status.name()).text(Key::ProfileId, "p").slot(Key::ProfileHash, &slot());
            body.value(Key::Rules, &texts(&[])).slot(Key::InputDigest, &slot());
            if !reasons.is_empty() {
                body.value(Key::ReasonCodes, &texts(reasons)).value(Key::Reasons, &texts(reasons));
            }
        })
    }

    #[test]
    fn a5_a_denial_without_reason_is_an_integrity_error() {
        assert!(decision(Status::Deny, &["TOO_MUCH"]).is_ok());
        assert!(decision(Status::Allow, &[]).is_ok());
        assert!(decision(Status::Deny, &[]).is_err());
        assert!(decision(Status::Deny, &["  "]).is_err());
        assert!(decision(Status::Allow, &["TOO_MUCH"]).is_err());
        assert!(decision(Status::Pending, &[]).is_err());
    }

    #[test]
    fn a18_a_failed_action_has_no_output_digest_and_a_success_has_one() {
        let closed = |status, exit, fill: fn(&mut BodyWriter)| {
            loaded(Kind::ActionClosed, |header, body| {
                (header.status, header.exit) = (status, exit);
                header.subject = Id::new(StreamId([7; 16]), 4);
                fill(body);
            })
        };
        let output = |body: &mut BodyWriter| {
            body.slot(Key::OutputDigest, &slot());
        };
        let error = |body: &mut BodyWriter| {
            body.text(Key::Error, "e").text(Key::ErrorCode, "EXECUTOR_EXCEPTION");
        };
        assert!(closed(Status::Success, Exit::Returned, output).is_ok());
        assert!(closed(Status::Success, Exit::Returned, |_| {}).is_err());
        assert!(closed(Status::Success, Exit::Errored, output).is_err());
        assert!(closed(Status::Failed, Exit::Errored, error).is_ok());
        assert!(closed(Status::Failed, Exit::Errored, output).is_err());
        assert!(closed(Status::Abandoned, Exit::Lost, error).is_err());
        assert!(closed(Status::Blocked, Exit::None, error).is_err());
    }

    #[test]
    fn c14_a_success_ack_without_result_is_an_integrity_error() {
        let ack = |outcome: &str, result: Option<&str>| {
            loaded(Kind::ContractAck, |_, body| {
                body.text(Key::Domain, "d").text(Key::Action, "a").text(Key::Outcome, outcome);
                body.maybe(Key::Result, result);
            })
        };
        assert!(ack("success", Some("r-1")).is_ok());
        assert!(ack("success", Some(" ")).is_err());
        assert!(ack("success", None).is_err());
        assert!(ack("failure", None).is_err());
        assert!(ack("perhaps", Some("r-1")).is_err());
    }
}
