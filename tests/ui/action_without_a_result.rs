use audit_runtime::action;
use audit_runtime::governance::Authorization;

#[action(version = "1.0.0")]
fn send(authorization: Authorization, amount: u64) {
    let _ = amount;
}

fn main() {}
