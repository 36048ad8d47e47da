use audit_runtime::audited;

#[audited(node = import)]
fn import() {}

fn main() {}
