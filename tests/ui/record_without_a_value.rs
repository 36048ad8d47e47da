use audit_runtime::audited;

#[audited(record(rows))]
fn import(rows: u32) {
    drop(vec![rows]);
}

fn main() {}
