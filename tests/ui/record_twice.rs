use audit_runtime::audited;

#[audited(record(rows = 1, rows = 2))]
fn import() {}

fn main() {}
