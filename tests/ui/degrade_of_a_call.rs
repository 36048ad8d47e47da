use audit_runtime::audited;

#[audited(kind = call, on_audit_failure = degrade)]
fn import() {}

fn main() {}
