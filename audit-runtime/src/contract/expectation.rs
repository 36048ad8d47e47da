//! Expectations and contracts. What is declared in code has a deadline and a finalising action by construction; what was
//! read from elsewhere may lack them, and is then reconciled as INVALID.

use super::moment::Moment;
use crate::model::Id;
use std::fmt;
use std::time::Duration;

/// What an expectation and its acknowledgement agree on, within a run.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject {
    /// Which part of the system acts.
    pub domain: String,
    /// What it does.
    pub action: String,
    /// Which of several, where one action is expected for several things; empty where there is no need to tell.
    pub instance: String,
    /// Ordinal of the run's attempt that this belongs to, from 0.
    pub attempt: u32,
}

impl Subject {
    /// An action of the first attempt, with no instance.
    #[must_use]
    pub fn new(domain: impl Into<String>, action: impl Into<String>) -> Subject {
        Subject { domain: domain.into(), action: action.into(), instance: String::new(), attempt: 0 }
    }

    /// For one of several things.
    #[must_use]
    pub fn instance(mut self, instance: impl Into<String>) -> Subject {
        self.instance = instance.into();
        self
    }

    /// For a later attempt of the run.
    #[must_use]
    pub fn attempt(mut self, attempt: u32) -> Subject {
        self.attempt = attempt;
        self
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.domain, self.action)?;
        if !self.instance.is_empty() {
            write!(f, "[{}]", self.instance)?;
        }
        if self.attempt > 0 {
            write!(f, " (attempt {})", self.attempt)?;
        }
        Ok(())
    }
}

/// A declared claim that an action will happen within a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// Which action.
    pub subject: Subject,
    /// The deadline, counted from the declaration. Only what was read from elsewhere lacks it.
    pub within: Option<Duration>,
    /// Whether this action ends the run.
    pub finalising: bool,
    /// `file:line` of the declaration, where it is known.
    pub place: Option<String>,
}

impl Expectation {
    /// An action that has to happen within this time. Remembers where in the code it is declared.
    #[must_use]
    #[track_caller]
    pub fn within(subject: Subject, within: Duration) -> Expectation {
        let caller = std::panic::Location::caller();
        let place = Some(format!("{}:{}", caller.file(), caller.line()));
        Expectation { subject, within: Some(within), finalising: false, place }
    }

    /// An action without a deadline, as a file or another process may state it; its contract is INVALID.
    #[must_use]
    pub fn undated(subject: Subject) -> Expectation {
        Expectation { subject, within: None, finalising: false, place: None }
    }
}

/// A set of expectations, one of which ends the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    name: String,
    expectations: Vec<Expectation>,
    by_events: bool,
}

/// A contract that has no finalising action yet: it can be nothing but finished.
///
/// ```
/// use audit_runtime::contract::{Contract, Expectation, Subject};
/// use std::time::Duration;
/// let within = |action, secs| Expectation::within(Subject::new("orders", action), Duration::from_secs(secs));
/// let contract = Contract::draft("order").expect(within("reserve", 5)).finalised_by(within("close", 60));
/// assert!(contract.flaws().is_empty());
/// ```
#[derive(Clone, Debug)]
#[must_use = "a draft is no contract until it says what finalises it"]
pub struct Draft {
    name: String,
    expectations: Vec<Expectation>,
}

impl Draft {
    /// Adds an expectation.
    pub fn expect(mut self, expectation: Expectation) -> Draft {
        self.expectations.push(expectation);
        self
    }

    /// Adds the action that ends the run, which makes this a contract.
    #[must_use]
    pub fn finalised_by(mut self, expectation: Expectation) -> Contract {
        self.expectations.push(Expectation { finalising: true, ..expectation });
        Contract { name: self.name, expectations: self.expectations, by_events: false }
    }
}

impl Contract {
    /// Begins a contract.
    pub fn draft(name: impl Into<String>) -> Draft {
        Draft { name: name.into(), expectations: Vec::new() }
    }

    /// A contract as a file, a record or another process states it. Nothing is promised of it: see [`flaws`](Self::flaws).
    #[must_use]
    pub fn assembled(name: impl Into<String>, expectations: Vec<Expectation>) -> Contract {
        Contract { name: name.into(), expectations, by_events: false }
    }

    /// It is acknowledged by tracing events only. A filter may drop any of them, so an action without acknowledgement is
    /// INCONCLUSIVE then, never MISSING.
    #[must_use]
    pub fn acked_by_events(mut self) -> Contract {
        self.by_events = true;
        self
    }

    /// Whether it is acknowledged by tracing events only.
    #[must_use]
    pub fn is_acked_by_events(&self) -> bool {
        self.by_events
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it expects, in order of declaration.
    #[must_use]
    pub fn expectations(&self) -> &[Expectation] {
        &self.expectations
    }

    /// The action that ends the run.
    #[must_use]
    pub fn finalising(&self) -> Option<&Expectation> {
        self.expectations.iter().find(|expectation| expectation.finalising)
    }

    /// Why nothing can be reconciled with this contract; empty for one that was declared in code.
    #[must_use]
    pub fn flaws(&self) -> Vec<Flaw> {
        flaws(&self.expectations)
    }
}

pub(super) fn flaws<'a>(expectations: impl IntoIterator<Item = &'a Expectation> + Clone) -> Vec<Flaw> {
    let all = || expectations.clone().into_iter();
    let undated = all().filter(|e| e.within.is_none_or(|within| within.is_zero()));
    let mut found: Vec<Flaw> = undated.map(|e| Flaw::NoDeadline(e.subject.clone())).collect();
    let blank = |text: &str| text.trim().is_empty();
    let nameless = all().filter(|e| blank(&e.subject.domain) || blank(&e.subject.action));
    found.extend(nameless.map(|e| Flaw::Nameless(e.subject.clone())));
    match all().filter(|e| e.finalising).count() {
        0 => found.push(Flaw::NotFinal),
        1 => {}
        several => found.push(Flaw::SeveralFinal(several)),
    }
    found
}

/// Why a contract is INVALID.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flaw {
    /// An expectation that could wait for ever.
    NoDeadline(Subject),
    /// An expectation without domain or action.
    Nameless(Subject),
    /// No action ends the run.
    NotFinal,
    /// More than one action ends the run.
    SeveralFinal(usize),
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flaw::NoDeadline(subject) => write!(f, "{subject} has no deadline"),
            Flaw::Nameless(subject) => write!(f, "`{subject}` lacks a domain or an action"),
            Flaw::NotFinal => f.write_str("no action is declared to end the run"),
            Flaw::SeveralFinal(n) => write!(f, "{n} actions are declared to end the run"),
        }
    }
}

/// An expectation that a run has declared, with the place and time of its record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// The claim.
    pub expectation: Expectation,
    /// The record that declares it.
    pub id: Id,
    /// When it was declared: deadlines count from here.
    pub at: Moment,
}
