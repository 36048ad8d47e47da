use audit_runtime::audited;

#[audited(on_audit_failure = "refuse")]
fn import() {}

fn main() {}
