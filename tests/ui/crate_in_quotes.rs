use audit_runtime::audited;

#[audited(crate = "renamed")]
fn import() {}

fn main() {}
