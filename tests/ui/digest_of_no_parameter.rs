use audit_runtime::audited;

#[audited(digest(ordre))]
fn import(order: u32) {
    drop(vec![order]);
}

fn main() {}
