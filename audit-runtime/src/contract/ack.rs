//! Contract acknowledgements: the report, made by the effect itself, of what became of an expected action.

use super::expectation::Subject;
use super::moment::Moment;
use crate::model::{Id, RunId};

/// What an action brought about: the id of an incident, a row, a message. Never blank.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ResultId(String);

impl ResultId {
    /// `None` for a blank text: a success without a result cannot be stated.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Option<ResultId> {
        let text = text.into();
        (!text.trim().is_empty()).then_some(ResultId(text))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What became of the action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It happened, and this is what it brought about.
    Success {
        /// What it brought about.
        result: ResultId,
    },
    /// It failed; a later success makes it RECOVERED.
    Failure {
        /// Why.
        error: String,
    },
    /// What it had done was undone.
    RolledBack {
        /// Why.
        reason: String,
    },
    /// What it had done could not be undone.
    RollbackFailed {
        /// Why it should have been undone.
        reason: String,
        /// Why that failed.
        error: String,
    },
}

impl Outcome {
    /// Its name in records.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Outcome::Success { .. } => "success",
            Outcome::Failure { .. } => "failure",
            Outcome::RolledBack { .. } => "rolled_back",
            Outcome::RollbackFailed { .. } => "rollback_failed",
        }
    }
}

/// A contract acknowledgement as the trail holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// Its record.
    pub id: Id,
    /// The run that it names.
    pub run: RunId,
    /// Which action.
    pub subject: Subject,
    /// What became of it.
    pub outcome: Outcome,
    /// When.
    pub at: Moment,
    /// `file:line` that acknowledged it, where it is known.
    pub place: Option<String>,
}
