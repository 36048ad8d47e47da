use audit_runtime::{audited, not_audited};

#[audited]
#[not_audited(reason = "none")]
fn import() {}

fn main() {}
