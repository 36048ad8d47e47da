use audit_runtime::audited;

#[derive(Debug)]
pub struct Failure;

#[audited]
pub fn import() -> Result<u32, Failure> {
    Err(Failure)
}

fn main() {}
