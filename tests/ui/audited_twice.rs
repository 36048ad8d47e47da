use audit_runtime::audited;

#[audited]
#[audited]
fn import() {}

fn main() {}
