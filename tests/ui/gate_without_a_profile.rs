use audit_runtime::gate;
use audit_runtime::governance::{Decision, Rules};

#[gate]
fn may(amount: &u64) -> Decision {
    let _ = amount;
    Decision::allow(Rules::new())
}

fn main() {}
