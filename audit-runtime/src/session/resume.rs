//! Going on with a run that another process has left, or this one.

use super::recovery;
use crate::context;
use crate::error::{Code, Error};
use crate::landscape;
use crate::model::{Id, RunId};
use crate::recorder::{Recorder, Run};

impl Recorder {
    /// Goes on with a run that is FAILED, INTERRUPTED or ABANDONED. Nothing is written yet: the run's graph is declared
    /// again first, by [`Run::pipeline`], and when that is the graph with which the run was sealed, one record says that
    /// it is resumed. What has an outcome is not touched; what has none is given back, by
    /// [`Landscape::row_again`](crate::landscape::Landscape::row_again) and its neighbours.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), audit_runtime::Error> {
    /// use audit_runtime::RunId;
    /// use audit_runtime::landscape::{Again, Determinism, NodeKind, Token};
    /// # fn drive(token: Token) -> Result<(), audit_runtime::Error> { token.filtered() }
    /// # let earlier: Option<RunId> = None;
    /// let recorder = audit_runtime::open("./audit-trail")?;
    /// let run = match earlier {
    ///     Some(id) => recorder.resume_run(id)?,
    ///     None => recorder.begin_run("nightly")?,
    /// };
    /// let mut graph = run.pipeline();
    /// let source = graph.node("orders.csv", NodeKind::Source, Determinism::IoRead);
    /// let land = graph.seal()?;
    /// for (line, text) in ["a;1", "b;2"].iter().enumerate() {
    ///     match land.row_again(source, &line.to_string(), text)? {
    ///         Again::New(token) => drive(token)?,
    ///         Again::Open(tokens) => tokens.into_iter().try_for_each(drive)?,
    ///         Again::Done => {}
    ///     }
    /// }
    /// run.finish()?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// `AUD0710` while another process works on the run: nothing is read then. `AUD0711` for a run that stands otherwise,
    /// `AUD0601` for a run that the trail does not hold, `AUD0713` for a run whose last checkpoint is damaged.
    pub fn resume_run(&self, id: RunId) -> Result<Run, Error> {
        self.resume(id, None)
    }

    /// As [`resume_run`](Self::resume_run), from a checkpoint that must be the run's last one.
    ///
    /// # Errors
    /// As [`resume_run`](Self::resume_run); `AUD0713` for a checkpoint that is not the run's last one.
    pub fn resume_run_from(&self, id: RunId, checkpoint: Id) -> Result<Run, Error> {
        self.resume(id, Some(checkpoint))
    }

    fn resume(&self, id: RunId, from: Option<Id>) -> Result<Run, Error> {
        let doing = || format!("resuming run {id}");
        if !self.0.layout.stream_dir(id.0.stream).is_dir() {
            return Err(Error::new(Code::UnknownId, doing()));
        }
        // The seat comes first: who does not get it reads nothing and writes nothing.
        let seat = self.run_seat(id)?;
        self.0.note_recovered(recovery::recover(self)?);
        let past = landscape::past(&self.0.layout, id)?;
        let bad = |why: &str| Err(Error::new(Code::BadCheckpoint, doing()).detail(why));
        match (past.checkpoint(), from) {
            (None, Some(_)) => return bad("the run has none"),
            (Some(last), Some(from)) if last.id != from => return bad("another one has superseded it"),
            (Some(last), _) => {
                if let Some(flaw) = last.flaw {
                    return bad(flaw);
                }
            }
            (None, None) => {}
        }
        let mut run = self.resumed(id, seat, past)?;
        let number = self.number();
        context::run_begun(number, id);
        run.on_end(move || context::run_ended(number, id));
        Ok(run)
    }
}
