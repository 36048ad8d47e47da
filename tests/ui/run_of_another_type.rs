use audit_runtime::audited;

#[audited(run = name)]
fn import(name: &str) {
    drop(name.to_owned());
}

fn main() {}
