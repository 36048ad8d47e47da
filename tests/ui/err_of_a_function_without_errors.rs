use audit_runtime::audited;

#[audited(err = display)]
fn import() {}

fn main() {}
