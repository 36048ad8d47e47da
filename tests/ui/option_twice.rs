use audit_runtime::audited;

#[audited(node = "a", node = "b")]
fn import() {}

fn main() {}
