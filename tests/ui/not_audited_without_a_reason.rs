use audit_runtime::not_audited;

#[not_audited]
fn import() {}

fn main() {}
