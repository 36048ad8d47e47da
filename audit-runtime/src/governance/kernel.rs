//! The phases of a run under contract. Each transition consumes the run and needs the proof of the step before, so that a
//! skipped phase does not compile.
//!
//! ```text
//! govern → CREATED ─authorize(Authorization)→ AUTHORIZED ─execute→ EXECUTING ─report(Work)→ GOVERNANCE_CHECK
//!              ─check (clean reconciliation)→ FINALIZING ─complete(result)→ COMPLETED
//!        any of them ─fail, drop→ FAILED
//! ```

use super::authorization::Authorization;
use super::text::message;
use crate::context::{AuditContext, InContext};
use crate::contract::{Contract, Outcome, Report, ResultId, Subject};
use crate::error::{Code, Error};
use crate::model::status::coded;
use crate::model::{BodyWriter, Id, Key, Kind, RunId, Status};
use crate::recorder::{Recorder, Run, RunSummary};
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;

coded! {
    /// Where a run under contract stands.
    Phase {
        /// Begun, its contract declared.
        Created = 1 "CREATED",
        /// A gate has allowed it.
        Authorized = 2 "AUTHORIZED",
        /// Its work is under way.
        Executing = 3 "EXECUTING",
        /// Its work is done; its contract is being reconciled.
        GovernanceCheck = 4 "GOVERNANCE_CHECK",
        /// Its contract is clean but for the finalising action.
        Finalizing = 5 "FINALIZING",
        /// It has ended well.
        Completed = 6 "COMPLETED",
        /// It has ended badly.
        Failed = 7 "FAILED",
    }
}

/// A phase as a type.
pub trait AtPhase {
    /// The phase.
    const PHASE: Phase;
}

macro_rules! phases {
    ($($(#[$meta:meta])* $name:ident),*) => {$(
        $(#[$meta])*
        #[derive(Debug)]
        pub struct $name(());
        impl AtPhase for $name {
            const PHASE: Phase = Phase::$name;
        }
    )*};
}

phases! {
    /// Begun, its contract declared.
    Created,
    /// A gate has allowed it.
    Authorized,
    /// Its work is under way.
    Executing,
    /// Its contract is being reconciled.
    GovernanceCheck,
    /// All but the finalising action is clean.
    Finalizing
}

/// A run under contract, in one of its living phases. Dropped before its end it is FAILED.
///
/// ```compile_fail,E0599
/// # use audit_runtime::governance::{Created, Governed};
/// fn skip(run: Governed<Created>) {
///     run.check();
/// }
/// ```
#[derive(Debug)]
#[must_use = "a governed run that is dropped is recorded as FAILED"]
pub struct Governed<P: AtPhase> {
    inner: Option<Box<Inner>>,
    phase: PhantomData<P>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) run: Run,
    pub(super) recorder: Recorder,
    pub(super) finalising: Option<Subject>,
    /// Work was reported as failed: nothing leads to COMPLETED any more.
    pub(super) failed: Option<String>,
    pub(super) phase: Phase,
    /// Another process has acknowledged the finalising action, or closed the contract, and died before the run's end.
    pub(super) finalised: bool,
    pub(super) closed: bool,
}

/// What the work came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// It was done.
    Done,
    /// It failed; the run can only fail now.
    Failed(String),
}

/// A transition that was refused; the run comes back, in the phase in which it was.
#[derive(Debug)]
pub struct Refused<P: AtPhase> {
    /// The run.
    pub run: Governed<P>,
    /// Why.
    pub error: Error,
    /// What the reconciliation found, where that was the reason.
    pub report: Option<Box<Report>>,
}

impl<P: AtPhase> fmt::Display for Refused<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl<P: AtPhase + fmt::Debug> std::error::Error for Refused<P> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl<P: AtPhase> From<Refused<P>> for Error {
    fn from(refused: Refused<P>) -> Error {
        refused.error.clone()
    }
}

/// How a governed run ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// COMPLETED or FAILED.
    pub phase: Phase,
    /// What the run came to.
    pub summary: RunSummary,
    /// What the last reconciliation found.
    pub report: Report,
}

impl Recorder {
    /// Begins a run under contract. When its contract cannot be declared the run does not start.
    ///
    /// # Errors
    /// Refused when run or contract cannot be recorded, or when the contract has a flaw.
    pub fn govern(&self, name: &str, contract: &Contract) -> Result<Governed<Created>, Error> {
        if let Some(flaw) = contract.flaws().first() {
            return Err(Error::new(Code::PhaseRefused, format!("governing run {name}")).detail(flaw.to_string()));
        }
        let run = self.begin_run(name)?;
        if let Err(error) = self.declare(run.id(), contract) {
            drop(run.fail("its contract could not be declared"));
            return Err(error);
        }
        let finalising = contract.finalising().map(|expectation| expectation.subject.clone());
        let inner = Inner {
            run,
            recorder: self.clone(),
            finalising,
            failed: None,
            phase: Phase::Created,
            finalised: false,
            closed: false,
        };
        let governed = Governed::standing(inner);
        governed.entered(None)?;
        Ok(governed)
    }
}

impl<P: AtPhase> Governed<P> {
    pub(super) fn standing(inner: Inner) -> Governed<P> {
        Governed { inner: Some(Box::new(inner)), phase: PhantomData }
    }

    /// The run's id.
    #[must_use]
    pub fn id(&self) -> RunId {
        self.inner.as_ref().map_or(RunId::NONE, |inner| inner.run.id())
    }

    /// The phase.
    #[must_use]
    pub fn phase(&self) -> Phase {
        P::PHASE
    }

    /// Runs a closure in this run.
    pub fn scope<R>(&self, work: impl FnOnce() -> R) -> R {
        self.context().run(work)
    }

    /// As [`scope`](Self::scope), for a future.
    pub fn scope_async<F: Future>(&self, work: F) -> InContext<F> {
        self.context().wrap_future(work)
    }

    fn context(&self) -> AuditContext {
        match &self.inner {
            Some(inner) => AuditContext::of(&inner.recorder, inner.run.id()),
            None => crate::context::audit_context(),
        }
    }

    /// Acknowledges what became of an action of this run.
    ///
    /// # Errors
    /// As [`Recorder::acknowledge`]; `AUD0804` for the finalising action, which the run acknowledges itself, once.
    #[track_caller]
    pub fn acknowledge(&self, subject: &Subject, outcome: &Outcome) -> Result<Id, Error> {
        let Some(inner) = &self.inner else { return Err(Error::new(Code::NoRun, "acknowledging an action")) };
        if inner.finalising.as_ref() == Some(subject) {
            let error = Error::new(Code::PhaseRefused, format!("acknowledging {subject} by hand"));
            return Err(error.detail("the run does that at its end, exactly once"));
        }
        inner.recorder.acknowledge(inner.run.id(), subject, outcome)
    }

    /// Ends the run as FAILED, with its finalising acknowledgement.
    ///
    /// # Errors
    /// In doubt when its end cannot be recorded.
    pub fn fail(mut self, reason: &str) -> Result<Ended, Error> {
        match self.inner.take() {
            Some(inner) => inner.fail(reason),
            None => Err(Error::new(Code::NoRun, "failing a run")),
        }
    }

    /// Writes that this phase was entered.
    fn entered(&self, before: Option<Phase>) -> Result<(), Error> {
        match &self.inner {
            Some(inner) => inner.tell(P::PHASE, before, None),
            None => Ok(()),
        }
    }

    /// Goes on to the next phase, whose record is on the device then.
    fn enter<N: AtPhase>(mut self) -> Result<Governed<N>, Refused<P>> {
        let told = self.inner.as_ref().map_or(Ok(()), |inner| inner.tell(N::PHASE, Some(P::PHASE), None));
        if let Err(error) = told {
            return Err(Refused { run: self, error, report: None });
        }
        let inner = self.inner.take().map(|inner| Box::new(Inner { phase: N::PHASE, ..*inner }));
        Ok(Governed { inner, phase: PhantomData })
    }

    fn refuse<T>(self, detail: &str, report: Option<Box<Report>>) -> Result<T, Refused<P>> {
        let error = Error::new(Code::PhaseRefused, format!("leaving {} in run {}", P::PHASE, self.id()));
        Err(Refused { run: self, error: error.detail(detail), report })
    }
}

impl Governed<Created> {
    /// Needs an authorization that a gate gave to this run. It is looked at, not used up: its action is still to come.
    ///
    /// # Errors
    /// [`Refused`] for an authorization of another run.
    pub fn authorize(self, proof: &Authorization) -> Result<Governed<Authorized>, Refused<Created>> {
        if proof.run() != self.id() {
            return self.refuse("the authorization belongs to another run", None);
        }
        self.enter()
    }
}

impl Governed<Authorized> {
    /// Leaves the run to whichever process claims it first: it is INTERRUPTED, its seat is free, its contract goes on, and
    /// its deadlines are those that were declared. [`Recorder::claim`] is the other end.
    ///
    /// # Errors
    /// In doubt when that cannot be recorded.
    pub fn hand_over(mut self) -> Result<RunId, Error> {
        let Some(inner) = self.inner.take() else { return Err(Error::new(Code::NoRun, "handing a run over")) };
        let (id, recorder) = (inner.run.id(), inner.recorder.clone());
        inner.run.interrupt("authorized, and left to whoever claims it")?;
        recorder.0.dues.over(id);
        Ok(id)
    }

    /// The work begins.
    ///
    /// # Errors
    /// [`Refused`] when that cannot be recorded.
    pub fn execute(self) -> Result<Governed<Executing>, Refused<Authorized>> {
        self.enter()
    }
}

impl Governed<Executing> {
    /// The work has ended. Work that failed, open work, and work of which nothing succeeded lead no further.
    ///
    /// # Errors
    /// [`Refused`]: the run can only be failed then, or its open work ended first.
    pub fn report(mut self, work: Work) -> Result<Governed<GovernanceCheck>, Refused<Executing>> {
        let Some(inner) = self.inner.as_mut() else { return self.refuse("the run has ended", None) };
        if let Work::Failed(why) = work {
            inner.failed.get_or_insert(message(&why));
        }
        let summary = inner.run.summary();
        let detail = match &inner.failed {
            Some(why) => format!("its work failed: {why}"),
            None if summary.total().open() > 0 => format!("{} entries are open", summary.total().open()),
            None if summary.status == Status::Failed => "nothing of its work succeeded".to_owned(),
            None => return self.enter(),
        };
        self.refuse(&detail, None)
    }
}

impl Governed<GovernanceCheck> {
    /// Reconciles all but the finalising action, from the trail. Needs PASS; a run whose reconciliation was switched off
    /// goes on, and says DISABLED at its end.
    ///
    /// # Errors
    /// [`Refused`] with what was found.
    pub fn check(self) -> Result<Governed<Finalizing>, Refused<GovernanceCheck>> {
        use crate::contract::Verdict;
        let report = match self.inner.as_ref().map(|inner| inner.recorder.reconcile_before_final(inner.run.id())) {
            Some(Ok(report)) => report,
            Some(Err(error)) => return Err(Refused { run: self, error, report: None }),
            None => return self.refuse("the run has ended", None),
        };
        match report.verdict {
            Verdict::Pass | Verdict::Disabled => self.enter(),
            verdict => self.refuse(&format!("the contract is {verdict}"), Some(Box::new(report))),
        }
    }
}

impl Governed<Finalizing> {
    /// Acknowledges the finalising action, reconciles the whole contract, closes it and ends the run. A contract that is
    /// not clean by now (the end came too late) ends it as FAILED.
    ///
    /// # Errors
    /// In doubt when its end cannot be recorded.
    pub fn complete(mut self, result: ResultId) -> Result<Ended, Error> {
        match self.inner.take() {
            Some(inner) => inner.complete(result),
            None => Err(Error::new(Code::NoRun, "completing a run")),
        }
    }
}

impl Inner {
    fn tell(&self, phase: Phase, before: Option<Phase>, reason: Option<&str>) -> Result<(), Error> {
        let mut header = self.recorder.header(Kind::RunPhase);
        header.run = self.run.id();
        let mut body = BodyWriter::new();
        body.text(Key::Phase, phase.name()).maybe(Key::PhaseBefore, before.map(Phase::name)).maybe(Key::Reason, reason);
        self.recorder.point_on_disk(header, &body.finish()).map(drop)
    }

    fn complete(self, result: ResultId) -> Result<Ended, Error> {
        use crate::contract::Verdict;
        let report = self.close(&Outcome::Success { result })?;
        if !matches!(report.verdict, Verdict::Pass | Verdict::Disabled) {
            let reason = format!("its contract is {}", report.verdict);
            self.tell(Phase::Failed, Some(self.phase), Some(&reason))?;
            return Ok(Ended { phase: Phase::Failed, summary: self.run.fail(&reason)?, report });
        }
        // Open work refuses the end before anything says COMPLETED.
        if self.run.has_open_work() {
            let reason = "its end found open work";
            self.tell(Phase::Failed, Some(self.phase), Some(reason))?;
            return Ok(Ended { phase: Phase::Failed, summary: self.run.fail(reason)?, report });
        }
        self.tell(Phase::Completed, Some(self.phase), None)?;
        Ok(Ended { phase: Phase::Completed, summary: self.run.finish()?, report })
    }

    fn fail(self, reason: &str) -> Result<Ended, Error> {
        let reason = message(reason);
        let report = self.close(&Outcome::Failure { error: reason.clone() })?;
        self.tell(Phase::Failed, Some(self.phase), Some(&reason))?;
        Ok(Ended { phase: Phase::Failed, summary: self.run.fail(&reason)?, report })
    }

    /// The finalising acknowledgement, once on every path, because the run is consumed by it; then the contract's end.
    fn close(&self, outcome: &Outcome) -> Result<Report, Error> {
        if let Some(finalising) = self.finalising.as_ref().filter(|_| !self.finalised) {
            self.recorder.acknowledge(self.run.id(), finalising, outcome)?;
        }
        if self.closed {
            return self.recorder.reconcile(self.run.id());
        }
        self.recorder.close_contract(self.run.id())
    }
}

impl<P: AtPhase> Drop for Governed<P> {
    fn drop(&mut self) {
        if let Some(inner) = self.inner.take() {
            let reason = inner.failed.clone().unwrap_or_else(|| "dropped before its end".to_owned());
            // A drop has nobody to tell; the failure is in the poison slot.
            drop(inner.fail(&reason));
        }
    }
}
