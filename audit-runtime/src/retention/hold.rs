//! A hold: a run whose payloads no purge touches until the hold is lifted.

use crate::error::{Code, Error};
use crate::model::{BodyWriter, Durability, Id, Key, Kind, RunId};
use crate::recorder::Recorder;
use crate::trail::Trail;

fn given(doing: &str, authority: &str, reason: &str) -> Result<(), Error> {
    for (name, text) in [("authority", authority), ("reason", reason)] {
        if text.trim().is_empty() {
            return Err(Error::new(Code::MissingField, doing).detail(name));
        }
    }
    Ok(())
}

impl Recorder {
    /// Holds a run: its payloads stay, whatever a purge asks for. On the device when this returns.
    ///
    /// # Errors
    /// `AUD0601` when no run has this id, `AUD0402` for a blank authority or reason, `AUD0724` while a purge runs; refused
    /// when the record cannot be written.
    pub fn hold(&self, run: RunId, authority: &str, reason: &str) -> Result<Id, Error> {
        const DOING: &str = "placing a hold";
        given(DOING, authority, reason)?;
        // A purge that has made its plan does not learn of this hold, so it ends first.
        let _shared = self.payload_store().share()?;
        let trail = Trail::open(self.path())?;
        if !trail.has_run(run.0)? {
            return Err(Error::new(Code::UnknownId, DOING).detail(format!("run {run}")));
        }
        self.held(Kind::HoldPlaced, run, Id::NONE, authority, reason)
    }

    /// Lifts a hold. On the device when this returns.
    ///
    /// # Errors
    /// `AUD0601` when no hold that stands has this id, `AUD0402` for a blank authority or reason; refused when the record
    /// cannot be written.
    pub fn lift_hold(&self, hold: Id, authority: &str, reason: &str) -> Result<Id, Error> {
        const DOING: &str = "lifting a hold";
        given(DOING, authority, reason)?;
        let known = Trail::open(self.path())?.holds()?;
        let Some(found) = known.into_iter().find(|known| known.id == format!("{hold:#}")) else {
            return Err(Error::new(Code::UnknownId, DOING).detail(format!("no hold {hold} stands")));
        };
        let run = Id::parse(&found.run).map_or(RunId::NONE, RunId);
        self.held(Kind::HoldLifted, run, hold, authority, reason)
    }

    fn held(&self, kind: Kind, run: RunId, hold: Id, authority: &str, reason: &str) -> Result<Id, Error> {
        let scrubbed = |text: &str| crate::model::scrub::scrub_error_text(text);
        self.flush_gaps();
        let mut body = BodyWriter::new();
        body.text(Key::Authority, &scrubbed(authority)).text(Key::Reason, &scrubbed(reason));
        let mut header = self.header(kind);
        header.durability = Durability::Disk;
        header.run = run;
        header.subject = hold;
        Ok(Id::new(self.stream(), self.point(header, &body.finish())?))
    }
}
