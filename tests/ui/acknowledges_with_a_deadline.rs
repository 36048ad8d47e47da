use audit_runtime::audited;

#[audited(acknowledges(PAID within 5s))]
fn import() {}

fn main() {}
