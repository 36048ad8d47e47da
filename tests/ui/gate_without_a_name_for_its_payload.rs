use audit_runtime::gate;
use audit_runtime::governance::{Decision, Profile, Rules};

#[gate(profile = *profile)]
fn may(profile: &Profile<u8>, #[payload] (a, b): (u64, u64)) -> Decision {
    let _ = (a, b);
    Decision::allow(Rules::new())
}

fn main() {}
