//! A run and its contract, begun together. What becomes of a run whose contract cannot be declared is the caller's choice,
//! and is said either way: it does not start, or every later record of it says "uncontracted".

use crate::contract::Contract;
use crate::error::{Code, Error};
use crate::model::Id;
use crate::model::scrub::message;
use crate::recorder::{Recorder, Run, Severity};

/// What a run does whose contract cannot be declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// It does not start.
    Strict,
    /// It goes on, and every later record of it carries the flag "uncontracted". Its verdict is never PASS.
    Lenient,
}

impl Recorder {
    /// Begins a run and declares its contract before anything happens in it. A contract with a flaw cannot be declared.
    ///
    /// # Errors
    /// Refused when the run cannot be recorded, and under [`Start::Strict`] when its contract cannot.
    pub fn begin_under(&self, name: &str, contract: &Contract, start: Start) -> Result<Run, Error> {
        let flaw = contract.flaws().first().map(|flaw| {
            let what = format!("declaring contract {} of run {name}", contract.name());
            Error::new(Code::ContractFlawed, what).detail(flaw.to_string())
        });
        if let (Some(flaw), Start::Strict) = (&flaw, start) {
            return Err(flaw.clone());
        }
        let run = self.begin_run(name)?;
        let declared = match flaw {
            Some(flaw) => Err(flaw),
            None => self.declare(run.id(), contract).map(drop),
        };
        match (declared, start) {
            (Ok(()), _) => Ok(run),
            (Err(error), Start::Strict) => {
                drop(run.fail("its contract could not be declared"));
                Err(error)
            }
            (Err(error), Start::Lenient) => {
                self.mark_uncontracted(run.id());
                let why = message(&error.to_string());
                // Where not even this can be written, the failure is in the poison slot and refuses what comes next.
                drop(self.note_at((run.id(), Id::NONE), "uncontracted", Severity::Warning, &[("why", why.as_str())]));
                Ok(run)
            }
        }
    }
}
