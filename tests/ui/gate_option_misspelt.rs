use audit_runtime::gate;
use audit_runtime::governance::{Decision, Profile, Rules};

#[gate(profil = *profile)]
fn may(#[payload] profile: &Profile<u8>) -> Decision {
    let _ = profile;
    Decision::allow(Rules::new())
}

fn main() {}
