use audit_runtime::audited;

#[audited(digest(a as json))]
fn import(a: u32) {
    drop(vec![a]);
}

fn main() {}
