use audit_runtime::audited;

#[audited(kind = gate, on_audit_failure = degrade)]
fn import() {}

fn main() {}
