use audit_runtime::audited;

struct Handle;

#[audited(digest(id, handle))]
fn import(id: u32, handle: Handle) {
    drop((vec![id], Box::new(handle)));
}

fn main() {}
