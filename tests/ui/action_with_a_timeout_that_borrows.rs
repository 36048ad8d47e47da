use audit_runtime::action;
use audit_runtime::governance::Authorization;
use std::io;

#[action(version = "1.0.0", within = 5s)]
fn send(authorization: Authorization, amount: &u64) -> io::Result<u64> {
    Ok(*amount)
}

fn main() {}
