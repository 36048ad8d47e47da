use audit_runtime::action;
use audit_runtime::governance::Authorization;
use std::io;

#[action(versoin = "1.0.0", within = 5, needs("ledger"))]
const fn send(amount: u64, other: u64) -> io::Result<u64> {
    Ok(amount + other)
}

fn main() {}
