#![deny(let_underscore_drop)]

use audit_runtime::recorder::Recorder;
use audit_runtime::Error;

pub fn import(recorder: &Recorder) -> Result<(), Error> {
    let _ = recorder.enter("import")?;
    Ok(())
}

fn main() {}
