use audit_runtime::audited;

#[audited(acknowledges(PAID), on_audit_failure = degrade)]
fn import() {}

fn main() {}
