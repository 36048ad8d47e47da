use audit_runtime::audited;

#[audited(expects(PAID within 5))]
fn import() {}

fn main() {}
