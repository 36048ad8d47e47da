use audit_runtime::audited;

#[audited(expects(PAID within 0s))]
fn import() {}

fn main() {}
