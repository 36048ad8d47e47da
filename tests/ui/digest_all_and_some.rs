use audit_runtime::audited;

#[audited(digest(all, a))]
fn import(a: u32) {
    drop(vec![a]);
}

fn main() {}
