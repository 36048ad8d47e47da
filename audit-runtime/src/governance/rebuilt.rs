//! The phases of a run under contract, rebuilt from the trail: the run goes on in the phase in which it was left, in this
//! process or in another one.

use super::case::{self, Left};
use super::kernel::{Authorized, Created, Executing, Finalizing, GovernanceCheck, Governed, Inner, Phase};
use crate::error::{Code, Error};
use crate::model::RunId;
use crate::recorder::{Recorder, Run};
use std::time::Duration;

/// A run under contract, in the phase that the trail tells.
#[derive(Debug)]
#[must_use = "a governed run that is dropped is recorded as FAILED"]
pub enum Rebuilt {
    /// Begun, its contract declared.
    Created(Governed<Created>),
    /// A gate has allowed it.
    Authorized(Governed<Authorized>),
    /// Its work was under way.
    Executing(Governed<Executing>),
    /// Its contract was being reconciled.
    GovernanceCheck(Governed<GovernanceCheck>),
    /// All but the finalising action was clean.
    Finalizing(Governed<Finalizing>),
}

impl Rebuilt {
    /// The run's id.
    #[must_use]
    pub fn id(&self) -> RunId {
        match self {
            Rebuilt::Created(run) => run.id(),
            Rebuilt::Authorized(run) => run.id(),
            Rebuilt::Executing(run) => run.id(),
            Rebuilt::GovernanceCheck(run) => run.id(),
            Rebuilt::Finalizing(run) => run.id(),
        }
    }

    /// The phase.
    #[must_use]
    pub fn phase(&self) -> Phase {
        match self {
            Rebuilt::Created(_) => Phase::Created,
            Rebuilt::Authorized(_) => Phase::Authorized,
            Rebuilt::Executing(_) => Phase::Executing,
            Rebuilt::GovernanceCheck(_) => Phase::GovernanceCheck,
            Rebuilt::Finalizing(_) => Phase::Finalizing,
        }
    }

    /// Ends the run as FAILED, whatever phase it is in.
    ///
    /// # Errors
    /// In doubt when its end cannot be recorded.
    pub fn fail(self, reason: &str) -> Result<super::Ended, Error> {
        match self {
            Rebuilt::Created(run) => run.fail(reason),
            Rebuilt::Authorized(run) => run.fail(reason),
            Rebuilt::Executing(run) => run.fail(reason),
            Rebuilt::GovernanceCheck(run) => run.fail(reason),
            Rebuilt::Finalizing(run) => run.fail(reason),
        }
    }
}

/// Puts the typestate in front of a run that goes on here.
pub(crate) fn rebuilt(recorder: &Recorder, run: Run) -> Result<Rebuilt, Error> {
    let id = run.id();
    let left = case::left(&recorder.0.layout, id, recorder.moment())?;
    watch_again(recorder, id, &left);
    let Left { phase, finalising, finalised, closed, .. } = left;
    let Some(phase) = phase else {
        return Err(Error::new(Code::PhaseRefused, format!("going on with run {id}")).detail("it is in no phase"));
    };
    let failed = (phase == Phase::Failed).then(|| "it had failed when it was left".to_owned());
    let inner = Inner { run, recorder: recorder.clone(), finalising, failed, phase, finalised, closed };
    Ok(match phase {
        Phase::Created => Rebuilt::Created(Governed::standing(inner)),
        Phase::Authorized => Rebuilt::Authorized(Governed::standing(inner)),
        // A failure leads nowhere but to its end, by whoever goes on with it.
        Phase::Executing | Phase::Failed => Rebuilt::Executing(Governed::standing(inner)),
        Phase::GovernanceCheck => Rebuilt::GovernanceCheck(Governed::standing(inner)),
        // Where it had said COMPLETED, its end is all that is left.
        Phase::Finalizing | Phase::Completed => Rebuilt::Finalizing(Governed::standing(inner)),
    })
}

/// What is still expected is watched by whoever goes on with the run.
fn watch_again(recorder: &Recorder, run: RunId, left: &Left) {
    for (subject, time) in &left.open {
        let time = (*time).max(Duration::from_nanos(1));
        recorder.0.dues.expect(run, subject.clone(), recorder.clock().mono_ns(), time);
    }
}
