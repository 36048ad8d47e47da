use audit_runtime::gate;
use audit_runtime::governance::{Decision, Profile, Rules};

#[gate(profile = *profile, expires = 1m, expires = 2m)]
fn may(#[payload] profile: &Profile<u8>) -> Decision {
    let _ = profile;
    Decision::allow(Rules::new())
}

fn main() {}
