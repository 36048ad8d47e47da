//! The load check of the landscape's records: which status each kind may state, and which fields that status needs.

use super::{check_state, invalid};
use crate::model::cbor::Value;
use crate::model::kind::{Key, Kind};
use crate::model::outcome;
use crate::model::record::{Invalid, Record};
use crate::model::status::Status;

/// Status that a kind may state, with the fields that it needs and must not have beyond the kind's own table.
struct Row {
    kind: Kind,
    status: Status,
    required: &'static [Key],
    absent: &'static [Key],
}

const fn row(kind: Kind, status: Status, required: &'static [Key], absent: &'static [Key]) -> Row {
    Row { kind, status, required, absent }
}

use Key::{AbandonReason, Children, Error, ErrorDigest, Observer, Output, Parents, RetryOf};

const ROWS: &[Row] = &[
    row(Kind::GraphSealed, Status::None, &[], &[]),
    row(Kind::RowRead, Status::Completed, &[], &[]),
    row(Kind::TokenForked, Status::Ended, &[], &[]),
    row(Kind::TokenExpanded, Status::Ended, &[], &[]),
    row(Kind::TokensCoalesced, Status::Merged, &[], &[]),
    row(Kind::TokenOutcome, Status::Ended, &[], &[]),
    row(Kind::Routed, Status::None, &[], &[]),
    row(Kind::CallOpened, Status::Open, &[], &[]),
    row(Kind::CallClosed, Status::Success, &[Output], &[Error, ErrorDigest, AbandonReason, Observer]),
    row(Kind::CallClosed, Status::Error, &[Error], &[Output, AbandonReason, Observer]),
    row(Kind::CallClosed, Status::Abandoned, &[AbandonReason], &[Output, Error, ErrorDigest]),
    row(Kind::OperationOpened, Status::Open, &[], &[]),
    row(Kind::BatchDrafted, Status::Draft, &[], &[]),
    row(Kind::BatchMember, Status::Buffered, &[], &[]),
    row(Kind::BatchExecuting, Status::Executing, &[], &[]),
    row(Kind::BatchClosed, Status::Completed, &[Parents, Children], &[Error, ErrorDigest, AbandonReason, Observer]),
    row(Kind::BatchClosed, Status::Failed, &[Error, ErrorDigest], &[Children, AbandonReason, Observer]),
    row(Kind::BatchClosed, Status::Abandoned, &[AbandonReason], &[Parents, Children, Error, ErrorDigest]),
    row(Kind::SinkPrepared, Status::Prepared, &[], &[]),
    row(Kind::SinkIntent, Status::Intent, &[], &[]),
    row(Kind::SinkAnswered, Status::Returned, &[], &[Error, ErrorDigest]),
    row(Kind::SinkAnswered, Status::Error, &[Error, ErrorDigest], &[]),
    row(Kind::SinkAnswered, Status::ResponseLost, &[Error, ErrorDigest], &[]),
    row(Kind::SinkReceipt, Status::Finalized, &[], &[]),
    row(Kind::Artifact, Status::None, &[], &[]),
    row(Kind::Checkpoint, Status::None, &[], &[]),
    row(Kind::RunResumed, Status::Running, &[], &[]),
];

/// Kinds that are about something that another record created.
const WITH_SUBJECT: &[Kind] = &[
    Kind::TokenForked,
    Kind::TokenExpanded,
    Kind::TokenOutcome,
    Kind::CallClosed,
    Kind::OperationClosed,
    Kind::BatchMember,
    Kind::BatchExecuting,
    Kind::BatchClosed,
    Kind::SinkIntent,
    Kind::SinkAnswered,
    Kind::SinkReceipt,
    Kind::RunResumed,
];

/// Kinds that belong to a node state or an operation.
const WITH_PARENT: &[Kind] = &[Kind::Routed, Kind::CallOpened, Kind::Artifact];

pub(super) fn check(record: &Record) -> Result<(), Invalid> {
    let (header, kind) = (&record.header, record.header.kind);
    if header.run.0.is_none() {
        return Err(invalid(record, "run", "is missing"));
    }
    if WITH_SUBJECT.contains(&kind) && header.subject.is_none() {
        return Err(invalid(record, "subject", "is missing"));
    }
    if WITH_PARENT.contains(&kind) && header.parent.is_none() {
        return Err(invalid(record, "parent", "is missing"));
    }
    let blank = |(key, value): &&(Key, Value)| {
        *key != Key::Identity && value.as_text().is_some_and(|text| text.trim().is_empty())
    };
    if let Some((key, _)) = record.body.fields.iter().find(blank) {
        return Err(invalid(record, key.name(), "is blank"));
    }
    if kind == Kind::OperationClosed {
        return check_state(record, &[Status::Completed, Status::Failed, Status::Abandoned]);
    }
    let Some(row) = ROWS.iter().find(|row| row.kind == kind && row.status == header.status) else {
        return Err(invalid(record, "status", format!("{} cannot stand here", header.status)));
    };
    if let Some(key) = row.required.iter().find(|key| record.body.get(**key).is_none()) {
        return Err(invalid(record, key.name(), format!("is missing for {}", header.status)));
    }
    if let Some(key) = row.absent.iter().find(|key| record.body.get(**key).is_some()) {
        return Err(invalid(record, key.name(), format!("must be absent for {}", header.status)));
    }
    check_fields(record)
}

fn check_fields(record: &Record) -> Result<(), Invalid> {
    let list = |key| record.body.get(key).and_then(Value::as_array).map_or(0, <[Value]>::len);
    for key in [Key::Parents, Key::States] {
        let ids = record.body.get(key).and_then(Value::as_array).unwrap_or_default();
        if ids.iter().any(|id| id.as_bytes().is_none_or(|bytes| bytes.len() != 28)) {
            return Err(invalid(record, key.name(), "holds something that is no id"));
        }
    }
    let children = record.body.uint(Children);
    match record.header.kind {
        Kind::TokenOutcome if record.body.get(Key::Sink).is_some() && record.body.get(Key::Receipt).is_none() => {
            Err(invalid(record, "receipt", "is missing: only a receipt proves that a sink was reached"))
        }
        Kind::TokenOutcome => outcome::check(&record.body).map_err(|(field, why)| invalid(record, field, why)),
        Kind::TokenForked | Kind::TokenExpanded if children == Some(0) => {
            Err(invalid(record, "children", "is zero: a group has at least one"))
        }
        Kind::TokenForked if children != Some(list(Key::Branches) as u64) => {
            Err(invalid(record, "children", "differs from the number of branches"))
        }
        Kind::TokensCoalesced if list(Parents) == 0 => Err(invalid(record, "parents", "is empty")),
        Kind::BatchDrafted if record.body.get(RetryOf).is_some() != record.body.get(Parents).is_some() => {
            Err(invalid(record, "retry_of", "stands with the members of the batch that failed, or not at all"))
        }
        _ => Ok(()),
    }
}
