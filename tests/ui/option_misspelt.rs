use audit_runtime::audited;

#[audited(nod = "import")]
fn import() {}

fn main() {}
