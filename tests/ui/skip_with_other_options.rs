use audit_runtime::audited;

#[audited(skip, node = "a")]
fn import() {}

fn main() {}
