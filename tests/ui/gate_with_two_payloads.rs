use audit_runtime::gate;
use audit_runtime::governance::{Decision, Profile, Rules};

#[gate(profile = *profile)]
fn may(profile: &Profile<u8>, amount: u64) -> Decision {
    let _ = amount;
    Decision::allow(Rules::new())
}

fn main() {}
