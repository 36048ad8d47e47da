use audit_runtime::audited;

#[audited(digest(1 + 1))]
fn import(a: u32) {
    drop(vec![a]);
}

fn main() {}
