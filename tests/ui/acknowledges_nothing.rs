use audit_runtime::audited;

#[audited(acknowledges())]
fn import() {}

fn main() {}
