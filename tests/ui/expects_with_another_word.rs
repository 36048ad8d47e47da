use audit_runtime::audited;

#[audited(expects(PAID after 5s))]
fn import() {}

fn main() {}
