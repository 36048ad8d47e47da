use audit_runtime::{Error, Guard};

pub fn import(guard: Guard) -> Result<(), Error> {
    guard.fail("no rows")?;
    println!("{}", guard.id());
    Ok(())
}

fn main() {}
