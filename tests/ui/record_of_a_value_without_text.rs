use audit_runtime::audited;

struct Handle;

#[audited(record(handle = handle))]
fn import(handle: Handle) {
    drop(Box::new(handle));
}

fn main() {}
