//! What a question came to: items, findings, text, exit code.

use audit_runtime::trail::{Finding, Json, Weight};
use audit_runtime::{Code, Error};

use crate::out::Page;

/// The exit codes.
pub(crate) mod exit {
    pub(crate) const FINE: u8 = 0;
    pub(crate) const PROBLEM: u8 = 1;
    pub(crate) const USAGE: u8 = 2;
    pub(crate) const CANNOT_OPEN: u8 = 3;
    pub(crate) const INTEGRITY: u8 = 4;
}

/// Version of the object that `--json` prints.
const SCHEMA: &str = "audited/1";

/// An answer, the same facts in two forms.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) items: Vec<Json>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) page: Page,
}

impl Answer {
    /// The exit code that the findings call for.
    pub(crate) fn exit(&self) -> u8 {
        match self.findings.iter().map(|finding| finding.weight).max() {
            Some(Weight::Integrity) => exit::INTEGRITY,
            Some(Weight::Problem) => exit::PROBLEM,
            _ => exit::FINE,
        }
    }

    /// The one object that `--json` prints.
    pub(crate) fn json(&self, command: &str, trail: &str) -> Json {
        envelope(command, trail, self.items.clone(), self.findings.iter().map(Finding::json).collect())
    }
}

fn envelope(command: &str, trail: &str, items: Vec<Json>, findings: Vec<Json>) -> Json {
    Json::Object(vec![
        ("schema".into(), SCHEMA.into()),
        ("command".into(), command.into()),
        ("trail".into(), trail.into()),
        ("items".into(), Json::List(items)),
        ("findings".into(), Json::List(findings)),
    ])
}

/// The object for a question that could not be answered.
pub(crate) fn failure_json(command: &str, trail: &str, error: &Error) -> Json {
    let weight = if error.is_integrity() { Weight::Integrity } else { Weight::Problem };
    let finding = Json::object([
        ("rule", error.code().text().into()),
        ("weight", weight.name().into()),
        ("id", error.attempted().into()),
        ("message", error.to_string().into()),
    ]);
    envelope(command, trail, Vec::new(), vec![finding])
}

/// The exit code of an error.
pub(crate) fn exit_of(error: &Error) -> u8 {
    match error.code() {
        Code::UnknownId | Code::AmbiguousId => exit::PROBLEM,
        Code::BadId => exit::USAGE,
        _ if error.is_integrity() => exit::INTEGRITY,
        _ => exit::CANNOT_OPEN,
    }
}
