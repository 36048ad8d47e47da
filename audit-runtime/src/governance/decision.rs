//! ALLOW or DENY. A denial cannot be built without a reason.

use super::reason::Reason;
use super::text::{name, pair, texts};
use crate::model::cbor::Value;
use crate::model::{BodyWriter, Key, Status};

/// Rules that a record lists; more are counted.
const LISTED: usize = 256;
/// Reasons that a record lists; more are counted.
const REASONS: usize = 64;

/// What a rule said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleVerdict {
    /// It applies.
    Matched,
    /// It does not apply.
    NotMatched,
}

impl RuleVerdict {
    /// Its name in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            RuleVerdict::Matched => "matched",
            RuleVerdict::NotMatched => "not_matched",
        }
    }
}

/// The rules that ran, in order, each with its verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules(Vec<(String, RuleVerdict)>);

impl Rules {
    /// No rule has run yet.
    #[must_use]
    pub fn new() -> Rules {
        Rules::default()
    }

    /// Notes a rule and hands its answer through, so that it stands where it is asked: `if rules.ran("limit", x > 5) {…}`.
    pub fn ran(&mut self, rule: &str, matched: bool) -> bool {
        let verdict = if matched { RuleVerdict::Matched } else { RuleVerdict::NotMatched };
        self.0.push((name(rule), verdict));
        matched
    }

    fn value(&self) -> Value {
        let rule = |(rule, verdict): &(String, RuleVerdict)| texts([rule.as_str(), verdict.name()]);
        Value::Array(self.0.iter().take(LISTED).map(rule).collect())
    }

    fn matched(&self) -> Value {
        let matched = self.0.iter().filter(|(_, verdict)| *verdict == RuleVerdict::Matched);
        texts(matched.take(LISTED).map(|(rule, _)| rule))
    }
}

#[derive(Clone, Debug)]
enum Answer {
    Allow,
    Deny { reasons: Vec<Reason>, error_type: Option<&'static str> },
}

/// What a gate answers.
///
/// ```
/// use audit_runtime::governance::{Decision, GateReason, Reason, Rules};
/// let mut rules = Rules::new();
/// let decision = if rules.ran("unknown_fields", true) {
///     Decision::deny(Reason::new(GateReason::UnknownFieldsPresent, "not in the profile").fields(["color"]), rules)
/// } else {
///     Decision::allow(rules)
/// };
/// assert!(!decision.is_allow());
/// ```
/// ```compile_fail,E0061
/// use audit_runtime::governance::{Decision, Rules};
/// let decision = Decision::deny(Rules::new());
/// ```
#[derive(Clone, Debug)]
#[must_use = "a decision is recorded by the gate that it is returned to"]
pub struct Decision {
    answer: Answer,
    rules: Rules,
}

impl Decision {
    /// Yes, after these rules.
    pub fn allow(rules: Rules) -> Decision {
        Decision { answer: Answer::Allow, rules }
    }

    /// No, for this reason, after these rules.
    pub fn deny(reason: Reason, rules: Rules) -> Decision {
        Decision { answer: Answer::Deny { reasons: vec![reason], error_type: None }, rules }
    }

    /// The gate failed: no, with what failed.
    pub(super) fn failed(reason: Reason, error_type: &'static str) -> Decision {
        Decision { answer: Answer::Deny { reasons: vec![reason], error_type: Some(error_type) }, rules: Rules::new() }
    }

    /// One reason more. A yes becomes a no by it.
    pub fn because(mut self, reason: Reason) -> Decision {
        match &mut self.answer {
            Answer::Deny { reasons, .. } => reasons.push(reason),
            Answer::Allow => self.answer = Answer::Deny { reasons: vec![reason], error_type: None },
        }
        self
    }

    /// Whether it is a yes.
    #[must_use]
    pub fn is_allow(&self) -> bool {
        matches!(self.answer, Answer::Allow)
    }

    pub(super) fn status(&self) -> Status {
        if self.is_allow() { Status::Allow } else { Status::Deny }
    }

    pub(super) fn into_reasons(self) -> Vec<Reason> {
        match self.answer {
            Answer::Allow => Vec::new(),
            Answer::Deny { reasons, .. } => reasons,
        }
    }

    pub(super) fn write(&self, body: &mut BodyWriter) {
        body.text(Key::Decision, self.status().name()).value(Key::Rules, &self.rules.value());
        body.value(Key::MatchedRules, &self.rules.matched());
        let Answer::Deny { reasons, error_type } = &self.answer else { return };
        let mut codes: Vec<&str> = Vec::new();
        for reason in reasons {
            if codes.len() < REASONS && !codes.contains(&reason.code()) {
                codes.push(reason.code());
            }
        }
        let mut listed: Vec<Value> = reasons.iter().take(REASONS).map(Reason::value).collect();
        if let Some(more) = reasons.len().checked_sub(REASONS).filter(|more| *more > 0) {
            listed.push(Value::Map(vec![pair("reasons_omitted", Value::Uint(more as u64))]));
        }
        body.value(Key::ReasonCodes, &texts(codes)).value(Key::Reasons, &Value::Array(listed));
        body.maybe(Key::ErrorType, *error_type);
        let names: Vec<&String> = reasons.iter().flat_map(|reason| reason.field_names().0).collect();
        if !names.is_empty() {
            let omitted: usize = reasons.iter().map(|reason| reason.field_names().1).sum();
            let beyond = names.len().saturating_sub(LISTED);
            body.value(Key::FieldNames, &texts(names.into_iter().take(LISTED)));
            if omitted + beyond > 0 {
                body.uint(Key::FieldsOmitted, (omitted + beyond) as u64);
            }
        }
    }
}
