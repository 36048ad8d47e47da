//! A run under contract that goes on in another process: handed over once it is authorized, or left behind by a process that
//! died. The seat says who may: a kernel lock that one process holds, so that one claims a run and the others are refused.

use crate::error::{Code, Error};
use crate::governance::rebuilt::rebuilt;
use crate::governance::{Rebuilt, phase_of};
use crate::model::RunId;
use crate::recorder::Recorder;

impl Recorder {
    /// Claims a run under contract and rebuilds the phase in which it stands, from the trail. What its contract still
    /// expects is watched from here on; its finalising action is acknowledged once, whoever did the work before.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), audit_runtime::Error> {
    /// use audit_runtime::governance::Rebuilt;
    /// # let waiting: Vec<audit_runtime::RunId> = Vec::new();
    /// let recorder = audit_runtime::open("./audit-trail")?;
    /// for run in waiting {
    ///     match recorder.claim(run) {
    ///         Ok(Rebuilt::Authorized(run)) => drop(run.execute()?),
    ///         Ok(other) => println!("{} stands elsewhere", other.id()),
    ///         Err(refused) => println!("somebody else works on it: {refused}"),
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// `AUD0710` while another process works on the run, `AUD0711` for a run that stands otherwise, `AUD0804` for one that
    /// has no phase to go on from.
    pub fn claim(&self, id: RunId) -> Result<Rebuilt, Error> {
        let run = self.resume_run(id)?;
        if phase_of(self.path(), id)?.is_none() {
            return Err(
                Error::new(Code::PhaseRefused, format!("claiming run {id}")).detail("it is no run under contract")
            );
        }
        run.goes_on()?;
        rebuilt(self, run)
    }
}
