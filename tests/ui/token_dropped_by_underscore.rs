#![deny(let_underscore_drop)]

use audit_runtime::Error;
use audit_runtime::landscape::Visit;

pub fn done(visit: Visit) -> Result<(), Error> {
    let _ = visit.complete()?;
    Ok(())
}

fn main() {}
