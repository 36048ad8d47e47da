use audit_runtime::audited;

#[audited(effect = external, on_audit_failure = degrade)]
fn import() {}

fn main() {}
