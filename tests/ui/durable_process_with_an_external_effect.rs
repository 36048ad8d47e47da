use audit_runtime::audited;

#[audited(effect = external, durable = process)]
fn import() {}

fn main() {}
