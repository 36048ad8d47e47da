use audit_runtime::audited;

#[audited(kind = checkpoint, on_audit_failure = degrade)]
fn import() {}

fn main() {}
