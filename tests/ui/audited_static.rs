use audit_runtime::audited;

#[audited]
pub static ROWS: u32 = 1;

fn main() {}
