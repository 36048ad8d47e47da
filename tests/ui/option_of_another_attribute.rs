use audit_runtime::audited;

#[audited(skip_all, fields(a = 1))]
fn import(a: u32) {
    drop(vec![a]);
}

fn main() {}
