use audit_runtime::audited;

#[audited]
pub fn import() -> u32 {
    let rows: u32 = "seven";
    rows
}

fn main() {}
