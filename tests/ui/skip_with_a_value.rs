use audit_runtime::audited;

#[audited(skip = true)]
fn import() {}

fn main() {}
