//! What is kept. Nothing, unless somebody asked for it.

use super::store::Store;
use std::fmt;

/// What a payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// A source row.
    Row,
    /// A call's request or response.
    Call,
    /// The reason of a routing decision.
    Reason,
    /// A value that the program keeps by name.
    Named,
}

/// Which payloads are kept. A payload store exists for a program that gives one of these to
/// [`Builder::payloads`](crate::session::Builder::payloads), and for no other.
///
/// ```no_run
/// # fn main() -> Result<(), audit_runtime::Error> {
/// use audit_runtime::{Builder, Payloads};
/// let recorder = Builder::new("./audit-trail").payloads(Payloads::new().rows().calls()).open()?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a policy does nothing until a builder has it"]
pub struct Payloads {
    rows: bool,
    calls: bool,
    reasons: bool,
    limit: u64,
}

impl Default for Payloads {
    fn default() -> Self {
        Payloads { rows: false, calls: false, reasons: false, limit: 16 << 20 }
    }
}

impl Payloads {
    /// Only what the program keeps by name, with [`RunHandle::keep`](crate::recorder::RunHandle::keep).
    pub fn new() -> Payloads {
        Payloads::default()
    }

    /// Source rows too.
    pub fn rows(mut self) -> Payloads {
        self.rows = true;
        self
    }

    /// Requests and responses of calls too.
    pub fn calls(mut self) -> Payloads {
        self.calls = true;
        self
    }

    /// Reasons of routing decisions too.
    pub fn reasons(mut self) -> Payloads {
        self.reasons = true;
        self
    }

    /// The largest payload, in bytes; default 16 MiB. A larger one is refused, and so is the record that would name it.
    pub fn limit(mut self, bytes: u64) -> Payloads {
        self.limit = bytes;
        self
    }

    /// Whether payloads of this sort are kept.
    #[must_use]
    pub fn keeps(&self, sort: Sort) -> bool {
        match sort {
            Sort::Row => self.rows,
            Sort::Call => self.calls,
            Sort::Reason => self.reasons,
            Sort::Named => true,
        }
    }

    /// The largest payload, in bytes.
    #[must_use]
    pub fn largest(&self) -> u64 {
        self.limit
    }
}

/// As it stands in the stream's first record.
impl fmt::Display for Payloads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sorts = [("rows", self.rows), ("calls", self.calls), ("reasons", self.reasons), ("named", true)];
        let kept: Vec<&str> = sorts.iter().filter(|(_, kept)| *kept).map(|(name, _)| *name).collect();
        write!(f, "{}; at most {} bytes", kept.join(", "), self.limit)
    }
}

/// A store and what goes into it.
#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) policy: Payloads,
    pub(crate) store: Store,
}
