use audit_runtime::audited;

#[audited(on_audit_failure = ignore)]
fn import() {}

fn main() {}
