//! The comparison. Expectations and acknowledgements that agree on run, attempt, domain, action and instance are matched
//! one by one, in order: they are counted, never compared as sets.
//!
//! ```text
//! declared ─success→ ACKED / LATE          ─success→ DUPLICATE
//!    │      ─failure→ FAILED ─success→ RECOVERED / LATE
//!    │      any of them ─rolled back→ ROLLED_BACK,  ─rollback failed→ ROLLBACK_FAILED
//!    └─ nothing: deadline ahead → INCONCLUSIVE, behind or run over → MISSING, and the run STALE if it was the final one
//! ```

use super::ack::{Ack, Outcome};
use super::expectation::{Declared, Subject, flaws};
use super::moment::Moment;
use super::report::{Doubt, Finding, Report, Standing, Verdict};
use crate::model::{Id, RunId};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What is known of the run itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nobody has heard of it.
    Unknown,
    /// Its expectations were kept for a limited time only, and that time is over.
    Expired,
    /// It is under way: more may come.
    Living,
    /// It has ended, its contract is closed or its process is gone: nothing more comes in time.
    Over,
}

/// How much of the contract is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// All but the finalising action, which is not due before the check that permits it.
    BeforeFinal,
}

/// Everything that a reconciliation looks at.
#[derive(Clone, Debug)]
pub struct Case {
    /// The run.
    pub run: RunId,
    /// What is known of it.
    pub known: Known,
    /// Whether the run declared a contract.
    pub contracted: bool,
    /// Whether reconciliation was switched off when the run began.
    pub disabled: bool,
    /// What the run declared.
    pub declared: Vec<Declared>,
    /// What was acknowledged under the run, in order of the trail.
    pub acks: Vec<Ack>,
    /// Whether acknowledgements are known to be lost (an event that a filter dropped): a missing one is no evidence then.
    pub lossy: bool,
    /// Why records of other machines may be missing.
    pub doubt: Option<Doubt>,
    /// When the question is asked.
    pub now: Moment,
    /// How much of the contract is judged.
    pub extent: Extent,
}

/// Compares what was declared with what was acknowledged.
#[must_use]
pub fn reconcile(case: &Case) -> Report {
    let report = compare(case);
    match case.doubt {
        Some(doubt) if report.verdict != Verdict::Disabled => in_doubt(report, doubt),
        _ => report,
    }
}

/// What a missing record could turn into something better is open: only an acknowledgement that is in hand stands, that
/// it came late, and what cannot be whatever else there is.
fn in_doubt(report: Report, doubt: Doubt) -> Report {
    let stands =
        |standing| matches!(standing, Standing::Acked | Standing::Recovered | Standing::Late | Standing::Invalid);
    let open = |finding: Finding| {
        if stands(finding.standing) {
            return finding;
        }
        let so_far = match finding.standing {
            Standing::Inconclusive | Standing::Missing => String::new(),
            standing => format!("; so far {standing}"),
        };
        let standing = Standing::Inconclusive;
        Finding { standing, left: None, detail: format!("{}{so_far}", doubt.name()), ..finding }
    };
    let mut findings: Vec<Finding> = report.findings.into_iter().map(open).collect();
    findings.insert(0, Finding::of(Standing::Inconclusive, None, doubt.sentence()));
    Report { doubt: Some(doubt), ..Report::new(report.run, report.counts.expected, findings) }
}

fn compare(case: &Case) -> Report {
    let whole = |standing, detail: &str| Report::new(case.run, 0, vec![Finding::of(standing, None, detail)]);
    if case.disabled {
        return whole(Standing::Disabled, "reconciliation was switched off when the run began");
    }
    match case.known {
        Known::Unknown => return whole(Standing::NoContract, "nobody knows this run"),
        Known::Expired => return whole(Standing::Inconclusive, "its expectations have expired"),
        Known::Living | Known::Over if !case.contracted && case.declared.is_empty() => {
            return whole(Standing::NoContract, "the run declared no contract");
        }
        Known::Living | Known::Over => {}
    }
    let mut findings: Vec<Finding> = flaws(case.declared.iter().map(|declared| &declared.expectation))
        .iter()
        // Expectations that were added by hand, outside any contract, need nothing that finalises them.
        .filter(|flaw| case.contracted || !matches!(flaw, super::Flaw::NotFinal))
        .map(|flaw| Finding::of(Standing::Invalid, None, flaw.to_string()))
        .collect();
    let (strangers, mut acks) = sort_acks(case);
    findings.extend(strangers);
    let judged: Vec<&Declared> = case
        .declared
        .iter()
        .filter(|declared| case.extent == Extent::Whole || !declared.expectation.finalising)
        .collect();
    adopt_retries(&judged, &mut acks);
    let mut slots: BTreeMap<&Subject, Vec<Slot<'_>>> = BTreeMap::new();
    for (order, declared) in judged.iter().enumerate() {
        slots.entry(&declared.expectation.subject).or_default().push(Slot::new(order, declared));
    }
    let mut surplus = Vec::new();
    for (subject, acks) in &acks {
        match slots.get_mut(subject) {
            Some(slots) => acks.iter().for_each(|ack| take(slots, ack)),
            // What finalises is not judged yet, so an early one is left for the judgement of the whole.
            None if is_declared(case, subject) => {}
            None => surplus.push(drift(subject, acks)),
        }
    }
    let mut filled: Vec<Slot<'_>> = slots.into_values().flatten().collect();
    filled.sort_by_key(|slot| slot.order);
    findings.extend(filled.iter().map(|slot| slot.finding(case)));
    let final_missing =
        |slot: &Slot<'_>| slot.declared.expectation.finalising && slot.standing(case) == Standing::Missing;
    if filled.iter().any(final_missing) {
        findings.push(Finding::of(Standing::Stale, None, "the action that ends the run is missing"));
    }
    findings.extend(surplus);
    Report::new(case.run, judged.len(), findings)
}

fn is_declared(case: &Case, subject: &Subject) -> bool {
    case.declared.iter().any(|declared| declared.expectation.subject == *subject)
}

/// Acknowledgements of this run by subject, each record once; those that name another run are findings.
fn sort_acks(case: &Case) -> (Vec<Finding>, BTreeMap<Subject, Vec<&Ack>>) {
    let mut strangers = Vec::new();
    let mut by_subject: BTreeMap<Subject, Vec<&Ack>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    // One record that is delivered twice is one acknowledgement.
    for ack in case.acks.iter().filter(|ack| seen.insert(ack.id)) {
        if ack.run == case.run {
            by_subject.entry(ack.subject.clone()).or_default().push(ack);
        } else {
            let detail = format!("the acknowledgement names run {}", ack.run);
            let stranger = Finding::of(Standing::Invalid, Some(&ack.subject), detail);
            strangers.push(Finding { acks: vec![ack.id], ..stranger });
        }
    }
    (strangers, by_subject)
}

/// A retry may count its attempts where the declaration did not: an acknowledgement of a later attempt that nobody
/// declared belongs to the nearest earlier attempt that failed.
fn adopt_retries<'a>(declared: &[&Declared], acks: &mut BTreeMap<Subject, Vec<&'a Ack>>) {
    let is_declared = |subject: &Subject| declared.iter().any(|d| d.expectation.subject == *subject);
    let orphans: Vec<Subject> = acks.keys().filter(|s| s.attempt > 0 && !is_declared(s)).cloned().collect();
    for orphan in orphans {
        let parent = (0..orphan.attempt)
            .rev()
            .map(|attempt| Subject { attempt, ..orphan.clone() })
            .find(|subject| is_declared(subject))
            .filter(|subject| {
                let failed = |ack: &&Ack| matches!(ack.outcome, Outcome::Failure { .. });
                acks.get(subject).is_some_and(|acks| acks.iter().any(failed))
            });
        if let Some(parent) = parent {
            let retries: Vec<&'a Ack> = acks.remove(&orphan).unwrap_or_default();
            acks.entry(parent).or_default().extend(retries);
        }
    }
}

fn drift(subject: &Subject, acks: &[&Ack]) -> Finding {
    let place = acks.iter().find_map(|ack| ack.place.clone());
    let ids = acks.iter().map(|ack| ack.id).collect();
    let detail = "acknowledged, but nobody declared it";
    Finding { acks: ids, place, ..Finding::of(Standing::Drift, Some(subject), detail) }
}

/// Where one expectation stands, apart from time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Empty,
    Done { recovered: bool },
    Failed,
    RolledBack,
    RollbackFailed,
}

/// One expectation and what it was given.
struct Slot<'a> {
    order: usize,
    declared: &'a Declared,
    state: State,
    acks: Vec<Id>,
    lateness: Option<Duration>,
    /// What it was given that does not fit: one too many, or an undoing of what was never done.
    odd: Option<Standing>,
    detail: String,
}

impl<'a> Slot<'a> {
    fn new(order: usize, declared: &'a Declared) -> Slot<'a> {
        let (state, acks, detail) = (State::Empty, Vec::new(), String::new());
        Slot { order, declared, state, acks, lateness: None, odd: None, detail }
    }

    fn succeed(&mut self, ack: &Ack) {
        let recovered = self.state != State::Empty;
        self.state = State::Done { recovered };
        let within = self.declared.expectation.within.unwrap_or(Duration::MAX);
        self.lateness = ack.at.beyond(&self.declared.at, within);
        self.detail.clear();
    }

    fn standing(&self, case: &Case) -> Standing {
        if let Some(odd) = self.odd {
            return odd;
        }
        match self.state {
            State::Done { .. } if self.lateness.is_some() => Standing::Late,
            State::Done { recovered: true } => Standing::Recovered,
            State::Done { recovered: false } => Standing::Acked,
            State::Failed => Standing::Failed,
            State::RolledBack => Standing::RolledBack,
            State::RollbackFailed => Standing::RollbackFailed,
            State::Empty if case.lossy => Standing::Inconclusive,
            State::Empty if case.known == Known::Over || self.left(case).is_zero() => Standing::Missing,
            State::Empty => Standing::Inconclusive,
        }
    }

    /// Without a deadline there is no end to wait for; such a contract is INVALID anyway.
    fn left(&self, case: &Case) -> Duration {
        self.declared.expectation.within.map_or(Duration::MAX, |within| case.now.left(&self.declared.at, within))
    }

    fn finding(&self, case: &Case) -> Finding {
        let standing = self.standing(case);
        let detail = match standing {
            Standing::Inconclusive if case.lossy => "acknowledgements of this run are known to be lost",
            _ => self.detail.as_str(),
        };
        let open = standing == Standing::Inconclusive && !case.lossy;
        Finding {
            acks: self.acks.clone(),
            lateness: self.lateness,
            left: open.then(|| self.left(case)),
            place: self.declared.expectation.place.clone(),
            ..Finding::of(standing, Some(&self.declared.expectation.subject), detail)
        }
    }
}

/// Gives one acknowledgement to the expectation of its subject that it fits; one that fits none is a duplicate.
fn take(slots: &mut [Slot<'_>], ack: &Ack) {
    let at = |slots: &[Slot<'_>], fits: &dyn Fn(State) -> bool| slots.iter().position(|slot| fits(slot.state));
    let undone = |state| matches!(state, State::Failed | State::RolledBack | State::RollbackFailed);
    let found = match &ack.outcome {
        Outcome::Success { .. } => at(slots, &undone).or_else(|| at(slots, &|state| state == State::Empty)),
        Outcome::Failure { .. } => at(slots, &|state| state == State::Empty).or_else(|| at(slots, &undone)),
        Outcome::RolledBack { .. } | Outcome::RollbackFailed { .. } => {
            at(slots, &|state| !matches!(state, State::Empty | State::RolledBack))
        }
    };
    let last = slots.len().saturating_sub(1);
    let Some(slot) = slots.get_mut(found.unwrap_or(last)) else { return };
    slot.acks.push(ack.id);
    match &ack.outcome {
        Outcome::Success { .. } | Outcome::Failure { .. } if found.is_none() => slot.odd = Some(Standing::Duplicate),
        _ if found.is_none() => slot.odd = Some(Standing::Invalid),
        Outcome::Success { .. } => slot.succeed(ack),
        Outcome::Failure { error } => {
            slot.state = State::Failed;
            slot.detail.clone_from(error);
        }
        Outcome::RolledBack { reason } => {
            slot.state = State::RolledBack;
            slot.detail.clone_from(reason);
        }
        Outcome::RollbackFailed { reason, error } => {
            slot.state = State::RollbackFailed;
            slot.detail = format!("{reason}: {error}");
        }
    }
}
