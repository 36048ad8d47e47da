//! A recorder for the whole process, and the public doors that need the current context.

use crate::context;
use crate::error::Error;
use crate::model::Id;
use crate::model::scrub::scrub_error_text;
use crate::recorder::{Recorder, Run, RunFacts, Severity};
use crate::seeded;

/// Keeps a recorder installed; dropping it ends its service and closes the stream cleanly. Where a program and a library of
/// it install the same recorder, each has a guard of its own, and the last one to be dropped does that.
#[derive(Debug)]
#[must_use = "dropping this at once would close the stream: bind it for as long as the program runs"]
pub struct Installed {
    recorder: Recorder,
    closed: bool,
}

impl Installed {
    /// The recorder.
    #[must_use]
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Closes the stream now, whoever else has a guard, and says how that went. Entries that are still open are named by
    /// [`Recorder::leaked`] before, and are abandoned by the next open.
    ///
    /// # Errors
    /// The journal's first failure; nothing that was acknowledged is lost by it.
    pub fn close(mut self) -> Result<(), Error> {
        self.closed = true;
        self.end()
    }

    fn end(&self) -> Result<(), Error> {
        context::uninstall(&self.recorder);
        // Entries that were on their way without a recorder while this one was installed, and those that came too late for
        // it. Where that cannot be written the next recorder tells of them.
        drop(self.recorder.tell_uninstalled());
        self.recorder.close().map(drop)
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        if !self.closed && context::release(&self.recorder) {
            // Whoever wants to know how it went calls close(); the next open finds out otherwise.
            drop(self.end());
        }
    }
}

impl Recorder {
    /// Makes this recorder serve every audited call of the process that is in no scope of its own.
    ///
    /// # Errors
    /// `AUD0108` when another one does; the journal's failure when entries ran before and that cannot be written. Nothing is
    /// installed then.
    pub fn install(&self) -> Result<Installed, Error> {
        context::install(self)?;
        crate::guard::hook::install_once();
        if let Err(error) = self.tell_uninstalled() {
            // Who gets no guard has installed nothing.
            context::release(self);
            return Err(error);
        }
        Ok(Installed { recorder: self.clone(), closed: false })
    }

    /// Tells of the entries that ran without a recorder since somebody was told last.
    fn tell_uninstalled(&self) -> Result<(), Error> {
        let (count, sites) = context::take_uninstalled();
        if count == 0 || seeded::is("uninstalled_untold") {
            return Ok(());
        }
        self.uninstalled(count, &sites).inspect_err(|_| context::still_untold(count, sites))
    }

    /// Begins a run. While it is the only one of this recorder, audited calls belong to it.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), audit_runtime::Error> {
    /// # let recorder = audit_runtime::open("./audit-trail")?;
    /// let run = recorder.begin_run("nightly import")?;
    /// // audited work
    /// println!("{}", run.finish()?);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Refused when its opening record cannot be written.
    pub fn begin_run(&self, name: &str) -> Result<Run, Error> {
        let mut run = self.start_run(name, &RunFacts { actor: None })?;
        let (number, id) = (self.number(), run.id());
        context::run_begun(number, id);
        run.on_end(move || context::run_ended(number, id));
        run.count_unrecorded(context::uninstalled_so_far);
        Ok(run)
    }

    /// A durable point record written by hand: a discovery, a security event, an anomaly. It belongs to the run and
    /// node state that are current here. On the device when this returns; texts are scrubbed.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), audit_runtime::Error> {
    /// use audit_runtime::Severity;
    /// let recorder = audit_runtime::open("./audit-trail")?;
    /// recorder.note("security", Severity::Warning, &[("what", "three failed logins")])?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Refused when it cannot be written.
    pub fn note(&self, kind: &str, severity: Severity, fields: &[(&str, &str)]) -> Result<Id, Error> {
        let place = context::place(self.number(), &context::ambient());
        let scrubbed: Vec<_> = fields.iter().map(|(key, text)| (*key, scrub_error_text(text))).collect();
        let pairs: Vec<_> = scrubbed.iter().map(|(key, text)| (*key, text.as_str())).collect();
        self.note_at((place.run, place.parent), kind, severity, &pairs)
    }
}
