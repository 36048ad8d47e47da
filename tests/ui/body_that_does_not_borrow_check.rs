use audit_runtime::audited;

#[audited]
pub fn import(rows: Vec<u32>) -> Vec<u32> {
    drop(rows);
    rows
}

fn main() {}
