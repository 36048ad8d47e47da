use audit_runtime::audited;

#[audited(durable = disc)]
fn import() {}

fn main() {}
