use audit_runtime::audited;

#[audited(kind = "")]
fn import() {}

fn main() {}
