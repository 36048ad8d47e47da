use audit_runtime::audited;

#[audited(record())]
fn import() {}

fn main() {}
