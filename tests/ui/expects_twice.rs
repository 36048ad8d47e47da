use audit_runtime::audited;

#[audited(expects(PAID within 5s, PAID within 6s))]
fn import() {}

fn main() {}
