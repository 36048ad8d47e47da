//! What a reconciliation found.

use super::expectation::Subject;
use crate::model::status::coded;
use crate::model::{Id, RunId};
use std::fmt;
use std::time::Duration;

coded! {
    /// Where an expectation, an acknowledgement or a whole run stands.
    Standing {
        /// Acknowledged in time.
        Acked = 1 "ACKED",
        /// Failed first, then succeeded in time.
        Recovered = 2 "RECOVERED",
        /// The deadline is ahead, or the evidence is known to be incomplete.
        Inconclusive = 3 "INCONCLUSIVE",
        /// Never acknowledged, and nothing can come any more in time.
        Missing = 4 "MISSING",
        /// Acknowledged behind its deadline.
        Late = 5 "LATE",
        /// Acknowledged more often than expected.
        Duplicate = 6 "DUPLICATE",
        /// Acknowledged, but nobody declared it.
        Drift = 7 "DRIFT",
        /// Acknowledged as failed, and never as succeeded.
        Failed = 8 "FAILED",
        /// Undone: what was expected does not stand any more.
        RolledBack = 9 "ROLLED_BACK",
        /// Should have been undone and was not.
        RollbackFailed = 10 "ROLLBACK_FAILED",
        /// The run's finalising action is missing.
        Stale = 11 "STALE",
        /// The contract, or an acknowledgement, cannot be what it claims to be.
        Invalid = 12 "INVALID",
        /// The run has no contract, or nobody knows the run.
        NoContract = 13 "NO_CONTRACT",
        /// Reconciliation was switched off for this run.
        Disabled = 14 "DISABLED",
    }
}

impl Standing {
    /// What it means for the whole run. A rolled-back action is no success: what was expected does not stand.
    #[must_use]
    pub const fn verdict(self) -> Verdict {
        match self {
            Standing::Acked | Standing::Recovered => Verdict::Pass,
            Standing::Disabled => Verdict::Disabled,
            Standing::Inconclusive | Standing::NoContract => Verdict::Inconclusive,
            Standing::Missing
            | Standing::Late
            | Standing::Duplicate
            | Standing::Drift
            | Standing::Failed
            | Standing::RolledBack
            | Standing::RollbackFailed
            | Standing::Stale
            | Standing::Invalid => Verdict::Fail,
        }
    }
}

coded! {
    /// Why records of a run may be missing that another machine has sent. A run in doubt is never a PASS, and nothing of
    /// it is called MISSING.
    Doubt {
        /// The server at which the processes of the run meet does not answer, or holds less than was recorded here.
        Unreachable = 1 "UNREACHABLE",
        /// The server lost what it held, and not everybody may have sent it again.
        Restarted = 2 "RESTARTED",
        /// What the server held was kept for a limited time only, and that time is over.
        Expired = 3 "EXPIRED",
    }
}

impl Doubt {
    /// The sentence for people.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Doubt::Unreachable => "UNREACHABLE: the server at which the run's processes meet does not answer",
            Doubt::Restarted => "RESTARTED: the server at which the run's processes meet has lost what it held",
            Doubt::Expired => "EXPIRED: the server holds nothing of the run any more",
        }
    }
}

coded! {
    /// The answer for a run. In order: the worst finding decides.
    Verdict {
        /// Everything that was expected happened, in time, once.
        Pass = 1 "PASS",
        /// Nothing was judged. Never a pass.
        Disabled = 2 "DISABLED",
        /// The evidence does not suffice for an answer.
        Inconclusive = 3 "INCONCLUSIVE",
        /// Something is amiss.
        Fail = 4 "FAIL",
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where it stands.
    pub standing: Standing,
    /// Which action; `None` for a finding about the whole run.
    pub subject: Option<Subject>,
    /// The acknowledgements behind it, in order.
    pub acks: Vec<Id>,
    /// How far behind its deadline it was acknowledged.
    pub lateness: Option<Duration>,
    /// How much time an open expectation has left.
    pub left: Option<Duration>,
    /// Why, for people.
    pub detail: String,
    /// `file:line` of the declaration, where it is known.
    pub place: Option<String>,
}

impl Finding {
    pub(super) fn of(standing: Standing, subject: Option<&Subject>, detail: impl Into<String>) -> Finding {
        Finding {
            standing,
            subject: subject.cloned(),
            acks: Vec::new(),
            lateness: None,
            left: None,
            detail: detail.into(),
            place: None,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:15} ", self.standing)?;
        match &self.subject {
            Some(subject) => write!(f, "{subject}")?,
            None => f.write_str("run")?,
        }
        if let Some(lateness) = self.lateness {
            write!(f, "  {:.3} s late", lateness.as_secs_f64())?;
        }
        if let Some(left) = self.left {
            write!(f, "  {:.3} s left", left.as_secs_f64())?;
        }
        if !self.detail.is_empty() {
            write!(f, "  {}", self.detail)?;
        }
        if let Some(place) = &self.place {
            write!(f, "  {place}")?;
        }
        self.acks.iter().try_for_each(|ack| write!(f, "  {ack}"))
    }
}

/// The scoreboard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Expectations that were judged.
    pub expected: usize,
    /// Of them, acknowledged as done, in time or not.
    pub acked: usize,
    /// Never acknowledged.
    pub missing: usize,
    /// Acknowledged behind their deadline.
    pub late: usize,
    /// Actions that nobody declared.
    pub drift: usize,
    /// Acknowledged too often.
    pub duplicate: usize,
}

/// What a reconciliation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The run.
    pub run: RunId,
    /// The worst of all findings.
    pub verdict: Verdict,
    /// The scoreboard.
    pub counts: Counts,
    /// Every expectation and every acknowledgement has its finding, in order of declaration; drift comes last.
    pub findings: Vec<Finding>,
    /// Why records of other machines may be missing.
    pub doubt: Option<Doubt>,
}

impl Report {
    pub(super) fn new(run: RunId, expected: usize, findings: Vec<Finding>) -> Report {
        let count = |standing| findings.iter().filter(|finding| finding.standing == standing).count();
        let counts = Counts {
            expected,
            acked: count(Standing::Acked) + count(Standing::Recovered) + count(Standing::Late),
            missing: count(Standing::Missing),
            late: count(Standing::Late),
            drift: count(Standing::Drift),
            duplicate: count(Standing::Duplicate),
        };
        // No finding at all is no evidence at all.
        let verdict = findings.iter().map(|finding| finding.standing.verdict()).max().unwrap_or(Verdict::Inconclusive);
        Report { run, verdict, counts, findings, doubt: None }
    }

    /// Whether the run is clean: PASS, and nothing else.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.verdict == Verdict::Pass
    }

    /// Findings of one standing.
    pub fn of(&self, standing: Standing) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.standing == standing)
    }

    /// What is amiss or unknown: every finding that keeps the run from being clean.
    pub fn amiss(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.standing.verdict() != Verdict::Pass)
    }

    /// The value of `status` in `rac_reconciliation_total`: one label for each report.
    #[must_use]
    pub fn label(&self) -> &'static str {
        let has = |standing| self.of(standing).next().is_some();
        match self.verdict {
            Verdict::Pass => "COMPLETE",
            Verdict::Disabled => "DISABLED",
            Verdict::Inconclusive if has(Standing::NoContract) => "NO_CONTRACT",
            Verdict::Inconclusive => "INCONCLUSIVE",
            Verdict::Fail if has(Standing::Invalid) => "INVALID",
            Verdict::Fail if has(Standing::Stale) => "STALE",
            Verdict::Fail if has(Standing::RollbackFailed) => "ROLLBACK_FAILED",
            Verdict::Fail if has(Standing::Missing) || has(Standing::Failed) => "INCOMPLETE",
            Verdict::Fail if has(Standing::RolledBack) => "ROLLED_BACK",
            Verdict::Fail if has(Standing::Late) => "LATE",
            Verdict::Fail if has(Standing::Duplicate) => "DUPLICATE",
            Verdict::Fail => "DRIFT",
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { expected, acked, missing, late, drift, duplicate } = self.counts;
        writeln!(f, "run {}: {}", self.run, self.verdict)?;
        writeln!(
            f,
            "  expected {expected}  acked {acked}  missing {missing}  late {late}  drift {drift}  duplicate {duplicate}"
        )?;
        self.amiss().try_for_each(|finding| writeln!(f, "  {finding}"))
    }
}
