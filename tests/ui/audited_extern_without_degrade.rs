use audit_runtime::audited;

#[audited]
pub extern "C" fn import() {}

fn main() {}
