use audit_runtime::action;
use std::io;

#[action(version = "1.0.0")]
fn send(amount: u64) -> io::Result<u64> {
    Ok(amount)
}

fn main() {}
