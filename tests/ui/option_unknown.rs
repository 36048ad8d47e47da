use audit_runtime::audited;

#[audited(colour = "red")]
fn paint() {}

fn main() {}
