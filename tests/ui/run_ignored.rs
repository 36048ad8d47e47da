#![deny(unused_must_use)]

use audit_runtime::recorder::Recorder;
use audit_runtime::Error;

pub fn import(recorder: &Recorder) -> Result<(), Error> {
    recorder.begin_run("import")?;
    Ok(())
}

fn main() {}
