#![deny(unused_must_use)]

use audit_runtime::governance::{Denial, Ruling};

pub fn allowed(ruling: Ruling) -> Result<(), Denial> {
    ruling.allowed()?;
    Ok(())
}

fn main() {}
