//! The load check: what the status of a record allows and asks for. A record that fails it is an integrity error, with
//! the record's kind and the field that is wrong.

mod governance;
mod landscape;
mod retention;
mod states;

pub use states::wrong_state_sql;

use super::kind::{Key, Kind};
use super::record::{Invalid, Record};
use super::status::{Exit, Status};

/// Need of a field in the matrix: required, optional, absent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Need {
    /// Must be there.
    Required,
    /// May be there.
    Optional,
    /// Must not be there.
    Absent,
}

/// One row of the table "node-state fields by status", for the record that brings the status about.
#[derive(Debug)]
pub struct StateRow {
    /// The status.
    pub status: Status,
    /// Exits that it may have.
    pub exits: &'static [Exit],
    /// Need of each field that the table names.
    pub fields: &'static [(Key, Need)],
}

use Need::{Absent, Optional, Required};

/// The table. Input slot and times stand in the opening record; the terminal repeats the input slot where one was bound.
pub const STATE_ROWS: &[StateRow] = &[
    StateRow {
        status: Status::Open,
        exits: &[Exit::None],
        fields: &[
            (Key::Input, Required),
            (Key::Output, Absent),
            (Key::ContextAfter, Absent),
            (Key::Error, Absent),
            (Key::SuccessReason, Absent),
            (Key::AbandonReason, Absent),
        ],
    },
    StateRow {
        status: Status::Deferred,
        exits: &[Exit::None],
        fields: &[
            (Key::Output, Absent),
            (Key::ContextAfter, Optional),
            (Key::Error, Absent),
            (Key::SuccessReason, Absent),
            (Key::AbandonReason, Absent),
        ],
    },
    StateRow {
        status: Status::Completed,
        exits: &[Exit::Returned],
        fields: &[
            (Key::Output, Required),
            (Key::ContextAfter, Optional),
            (Key::Error, Absent),
            (Key::SuccessReason, Optional),
            (Key::AbandonReason, Absent),
        ],
    },
    StateRow {
        status: Status::Failed,
        exits: &[Exit::Errored, Exit::Panicked, Exit::Cancelled],
        fields: &[
            (Key::Output, Optional),
            (Key::ContextAfter, Optional),
            (Key::Error, Required),
            (Key::SuccessReason, Absent),
            (Key::AbandonReason, Absent),
        ],
    },
    StateRow {
        status: Status::Abandoned,
        exits: &[Exit::Lost],
        fields: &[
            (Key::Output, Absent),
            (Key::ContextAfter, Absent),
            (Key::Error, Absent),
            (Key::SuccessReason, Absent),
            (Key::AbandonReason, Required),
        ],
    },
];

/// The row of a status.
#[must_use]
pub fn state_row(status: Status) -> Option<&'static StateRow> {
    STATE_ROWS.iter().find(|row| row.status == status)
}

fn invalid(record: &Record, field: &'static str, why: impl Into<String>) -> Invalid {
    Invalid::Field { kind: record.header.kind, field, why: why.into() }
}

/// Checks required fields and, for node states and runs, the matrix.
///
/// # Errors
/// [`Invalid::Field`] with the first field that is wrong.
pub fn check(record: &Record) -> Result<(), Invalid> {
    for key in record.header.kind.required() {
        if record.body.get(*key).is_none() {
            return Err(invalid(record, key.name(), "is missing"));
        }
    }
    let allowed =
        |key: &Key| record.header.kind.required().contains(key) || record.header.kind.optional().contains(key);
    if let Some((key, _)) = record.body.fields.iter().find(|(key, _)| !allowed(key)) {
        return Err(invalid(record, key.name(), "has no place in this kind"));
    }
    retention::check_payload(record)?;
    match record.header.kind {
        Kind::StateOpened => check_state(record, &[Status::Open]),
        Kind::StateDeferred => check_state(record, &[Status::Deferred]),
        Kind::StateClosed => check_state(record, &[Status::Completed, Status::Failed, Status::Abandoned]),
        Kind::RunStarted => check_run(record, &[Status::Running]),
        Kind::RunEnded => check_run(
            record,
            &[
                Status::Completed,
                Status::CompletedWithFailures,
                Status::Empty,
                Status::Failed,
                Status::Interrupted,
                Status::Abandoned,
            ],
        ),
        kind if (64..96).contains(&kind.code()) => landscape::check(record),
        kind if (110..114).contains(&kind.code()) => retention::check(record),
        _ => governance::check(record),
    }
}

fn check_run(record: &Record, statuses: &[Status]) -> Result<(), Invalid> {
    if !statuses.contains(&record.header.status) {
        return Err(invalid(record, "status", format!("{} cannot stand here", record.header.status)));
    }
    if record.header.kind == Kind::RunEnded && record.header.run.0.is_none() {
        return Err(invalid(record, "run", "is missing"));
    }
    Ok(())
}

fn check_state(record: &Record, statuses: &[Status]) -> Result<(), Invalid> {
    let header = &record.header;
    let row = match state_row(header.status) {
        Some(row) if statuses.contains(&header.status) => row,
        _ => return Err(invalid(record, "status", format!("{} cannot stand here", header.status))),
    };
    if !row.exits.contains(&header.exit) {
        return Err(invalid(record, "exit", format!("{} does not go with {}", header.exit, header.status)));
    }
    if header.kind != Kind::StateOpened && header.subject.is_none() {
        return Err(invalid(record, "subject", "is missing"));
    }
    for (key, need) in row.fields {
        let value = record.body.get(*key);
        match (need, value) {
            (Required, None) => return Err(invalid(record, key.name(), format!("is missing for {}", header.status))),
            (Absent, Some(_)) => {
                return Err(invalid(record, key.name(), format!("must be absent for {}", header.status)));
            }
            (Required | Optional, Some(value)) if value.as_text().is_some_and(|t| t.trim().is_empty()) => {
                return Err(invalid(record, key.name(), "is blank"));
            }
            _ => {}
        }
    }
    Ok(())
}
