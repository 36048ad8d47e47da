//! Which run the output files belong to: a file beside them says so from before their first byte until the run has ended.
//! Who finds it goes on with that run.

use audit_runtime::{Code, Id, Recorder, Run, RunId};
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The file that names the run.
pub struct Owner(PathBuf);

impl Owner {
    /// The owner of the files in this directory.
    pub fn of(out: &Path) -> Owner {
        Owner(out.join("run"))
    }

    /// The run that was left, resumed, or a new one.
    pub fn run(&self, recorder: &Recorder) -> Result<Run, Box<dyn Error>> {
        let left = match fs::read_to_string(&self.0) {
            Ok(text) => Id::parse(text.trim()).map(RunId),
            Err(none) if none.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        match left.map(|run| recorder.resume_run(run)) {
            Some(Ok(run)) => {
                println!("going on with the run that the files belong to");
                Ok(run)
            }
            // It had ended, and died before it could say so here; or the trail is another one.
            Some(Err(error)) if matches!(error.code(), Code::NotResumable | Code::UnknownId) => self.begin(recorder),
            Some(Err(error)) => Err(error.into()),
            None => self.begin(recorder),
        }
    }

    fn begin(&self, recorder: &Recorder) -> Result<Run, Box<dyn Error>> {
        let run = recorder.begin_run("flights")?;
        let dir = self.0.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(dir)?;
        // Whole or not there: a torn name would lose the run.
        let staged = self.0.with_extension("new");
        let mut file = File::create(&staged)?;
        writeln!(file, "{:#}", run.id().0)?;
        file.sync_all()?;
        fs::rename(&staged, &self.0)?;
        File::open(dir)?.sync_all()?;
        Ok(run)
    }

    /// The run has ended: the files are whole.
    pub fn done(self) -> io::Result<()> {
        fs::remove_file(&self.0)
    }
}
