use audit_runtime::audited;

#[audited(expects(PAID))]
fn import() {}

fn main() {}
