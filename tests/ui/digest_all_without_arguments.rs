use audit_runtime::audited;

#[audited(digest(all))]
fn import() {}

fn main() {}
