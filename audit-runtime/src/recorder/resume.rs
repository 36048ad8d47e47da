//! A run that another process goes on with: who may, and the one record that says so.
//!
//! ```text
//! run_seat ──kernel lock──→ the run's past is read ─→ resumed ─→ Run ─graph declared again─→ announce: RUN_RESUMED (Disk)
//!      └ held: refused, nothing is read                  └ dropped before: nothing is written, the seat is free again
//! ```
//! The number of the resume is the seat's epoch: the run's own process has 0, and `RUN_ENDED` names the one that it ends.

use super::{Recorder, Run};
use crate::error::{Code, Error};
use crate::journal::owner::Lock;
use crate::ledger::Past;
use crate::model::lifecycle::{self, By, Entity};
use crate::model::{BodyWriter, Durability, Id, Key, Kind, RunId, Status};
use crate::seeded;
use std::time::Duration;

/// How often a seat that seems to be held is tried again: whoever only looks at it holds it for a moment.
const TRIES: u32 = 10;

impl Recorder {
    /// Takes the seat of a run for this process alone.
    pub(crate) fn run_seat(&self, run: RunId) -> Result<Lock, Error> {
        let doing = || format!("taking the seat of run {run}");
        let mut path = self.0.layout.run_lock(run);
        if seeded::is("second_resumer_admitted") {
            path.set_extension(format!("lock-{}", std::process::id()));
        }
        for _ in 0..TRIES {
            match Lock::take(&path).map_err(|cause| Error::io(Code::CannotOpen, doing(), cause))? {
                Some(seat) => return Ok(seat),
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        Err(Error::new(Code::RunHeld, doing()))
    }

    /// The run, resumed: nothing is written of it until its graph is declared again.
    pub(crate) fn resumed(&self, run: RunId, seat: Lock, past: Past) -> Result<Run, Error> {
        let doing = || format!("resuming run {run}");
        lifecycle::step(Entity::Run, Some(past.status), Status::Running, By::Owner).map_err(|illegal| {
            Error::new(Code::NotResumable, doing()).detail(illegal.from.map_or("new", Status::name))
        })?;
        let attempt = past.attempt + 1;
        let noted = seat.note(&format!("epoch {attempt}\npid {}\n", std::process::id()));
        noted.map_err(|cause| Error::io(Code::StorageFailed, doing(), cause))?;
        if past.uncontracted {
            self.mark_uncontracted(run);
        }
        let resumed = Run::new(self, run, &past.name, attempt, Some(seat));
        self.0.ledger.lock().keep_past(run, past);
        Ok(resumed)
    }

    /// Writes that the run goes on. On the device when this returns; no entry of it begins before.
    pub(crate) fn announce(&self, run: RunId, past: &Past) -> Result<Id, Error> {
        let mut header = self.header(Kind::RunResumed);
        header.durability = self.durability(None, Durability::Disk);
        header.status = Status::Running;
        header.run = run;
        header.subject = run.0;
        header.attempt = past.attempt + 1;
        let mut body = BodyWriter::new();
        body.text(Key::PriorStatus, past.status.name()).uint(Key::Redriven, past.redriven());
        if let Some(checkpoint) = past.checkpoint() {
            body.id(Key::Checkpoint, checkpoint.id);
        }
        let nobody = || format!("process {}", std::process::id());
        body.text(Key::Actor, &self.0.actor.clone().unwrap_or_else(nobody));
        self.begin(header, &body.finish(), |_| ())
    }
}

impl Run {
    /// Writes that the run goes on, where no graph has to be declared again first.
    pub(crate) fn goes_on(&self) -> Result<(), Error> {
        let handle = self.handle();
        let (recorder, id) = (handle.recorder(), handle.id());
        let Some(past) = recorder.0.ledger.lock().take_past(id) else { return Ok(()) };
        let announced = match past.graph {
            Some(_) => Err(Error::new(Code::NotResumable, format!("going on with run {id}")).detail("it has a graph")),
            None => recorder.announce(id, &past),
        };
        match announced {
            Ok(_) => {
                let counts = recorder.counted_again(&past.by_node.counts());
                recorder.0.ledger.lock().count_on(id, &counts);
                Ok(())
            }
            Err(error) => {
                recorder.0.ledger.lock().keep_past(id, past);
                Err(error)
            }
        }
    }
}
