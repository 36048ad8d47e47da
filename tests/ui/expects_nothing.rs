use audit_runtime::audited;

#[audited(expects())]
fn import() {}

fn main() {}
