use audit_runtime::audited;

#[audited(digest_output)]
fn import() {}

fn main() {}
