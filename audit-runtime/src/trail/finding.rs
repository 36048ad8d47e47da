//! One thing that is not as it should be: which rule, whose id, where in the code.

use std::fmt;

use crate::index::json::Json;

/// How bad a finding is; the exit code of the command line follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Weight {
    /// Worth knowing, no fault: exit code 0.
    Note,
    /// A problem: exit code 1.
    Problem,
    /// What is stored contradicts itself: exit code 4.
    Integrity,
}

impl Weight {
    /// Its name in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Weight::Note => "note",
            Weight::Problem => "problem",
            Weight::Integrity => "integrity",
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Stable name of the rule (`S9`, `TORN_TAIL`, …).
    pub rule: &'static str,
    /// How bad it is.
    pub weight: Weight,
    /// Whom it is about: an id, a stream, a file.
    pub id: String,
    /// What is wrong, in one sentence.
    pub message: String,
    /// `file:line` of the site, where one is known.
    pub place: Option<String>,
}

impl Finding {
    pub(super) fn new(
        rule: &'static str,
        weight: Weight,
        id: impl Into<String>,
        message: impl Into<String>,
    ) -> Finding {
        Finding { rule, weight, id: id.into(), message: message.into(), place: None }
    }

    /// The finding as JSON.
    #[must_use]
    pub fn json(&self) -> Json {
        Json::object([
            ("rule", self.rule.into()),
            ("weight", self.weight.name().into()),
            ("id", self.id.as_str().into()),
            ("message", self.message.as_str().into()),
            ("place", self.place.clone().into()),
        ])
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.rule, self.id, self.message)?;
        match &self.place {
            Some(place) => write!(f, " ({place})"),
            None => Ok(()),
        }
    }
}
