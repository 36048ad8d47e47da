use audit_runtime::audited;

#[audited(nod = "a", effect = exernal, digest(b), record(status = 1))]
fn import(a: u32) {
    drop(vec![a]);
}

fn main() {}
