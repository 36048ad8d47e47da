use audit_runtime::audited;

#[audited(effect = externl)]
fn import() {}

fn main() {}
