use audit_runtime::audited;

#[audited(digest())]
fn import(a: u32) {
    drop(vec![a]);
}

fn main() {}
