use audit_runtime::audited;

#[audited(kind = sink, on_audit_failure = degrade)]
fn import() {}

fn main() {}
