use audit_runtime::not_audited;

#[not_audited(reason = " ")]
fn import() {}

fn main() {}
