use audit_runtime::gate;
use audit_runtime::governance::Profile;

#[gate(profile = *profile)]
fn may(profile: &Profile<u8>, #[payload] amount: &u64) -> bool {
    *amount < 7
}

fn main() {}
