use audit_runtime::audited;

#[audited(node =)]
fn import() {}

fn main() {}
