use audit_runtime::audited;

#[audited(kind = action, on_audit_failure = degrade)]
fn import() {}

fn main() {}
