use audit_runtime::audited;

#[audited(attempt = "first")]
fn import() {}

fn main() {}
