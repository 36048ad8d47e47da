//! Which run the output files belong to: a file beside them says so from before their first byte until the run has ended.
//! Who finds it goes on with that run. A lock keeps a second process away meanwhile; it goes with its process.

use super::arguments::about;
use audit_runtime::{Code, Id, Recorder, Run, RunId};
use audited_examples::say;
use rustix::fs::{FlockOperation, flock};
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The file that names the run, and the lock on the directory.
pub struct Owner {
    run: PathBuf,
    _lock: File,
}

impl Owner {
    /// The owner of the files in this directory.
    pub fn of(out: &Path) -> Result<Owner, String> {
        fs::create_dir_all(out).map_err(about(out))?;
        let path = out.join("lock");
        let lock = File::create(&path).map_err(about(&path))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Owner { run: out.join("run"), _lock: lock }),
            Err(_) => Err(format!("{}: another process writes there", out.display())),
        }
    }

    /// The run that was left, resumed, or a new one.
    pub fn run(&self, recorder: &Recorder) -> Result<Run, Box<dyn Error>> {
        let left = match fs::read_to_string(&self.run) {
            Ok(text) => Id::parse(text.trim()).map(RunId),
            Err(none) if none.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(about(&self.run)(error).into()),
        };
        match left.map(|run| recorder.resume_run(run)) {
            Some(Ok(run)) => {
                say!("going on with the run that the files belong to");
                Ok(run)
            }
            // It had ended, and died before it could say so here; or the trail is another one.
            Some(Err(error)) if matches!(error.code(), Code::NotResumable | Code::UnknownId) => self.begin(recorder),
            Some(Err(error)) => Err(error.into()),
            None => self.begin(recorder),
        }
    }

    fn begin(&self, recorder: &Recorder) -> Result<Run, Box<dyn Error>> {
        let dir = self.run.parent().unwrap_or(Path::new("."));
        // Whole or not there: a torn name would lose the run.
        let staged = self.run.with_extension("new");
        let mut file = File::create(&staged).map_err(about(&staged))?;
        let run = recorder.begin_run("flights")?;
        writeln!(file, "{:#}", run.id().0)?;
        file.sync_all()?;
        fs::rename(&staged, &self.run)?;
        File::open(dir)?.sync_all()?;
        Ok(run)
    }

    /// The run has ended: the files are whole.
    pub fn done(self) -> io::Result<()> {
        fs::remove_file(&self.run)
    }
}
