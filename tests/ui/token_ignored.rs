#![deny(unused_must_use)]

use audit_runtime::Error;
use audit_runtime::landscape::Visit;

pub fn done(visit: Visit) -> Result<(), Error> {
    visit.complete()?;
    Ok(())
}

fn main() {}
