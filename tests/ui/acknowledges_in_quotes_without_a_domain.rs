use audit_runtime::audited;

#[audited(acknowledges("reserve"))]
fn reserve() {}

fn main() {}
