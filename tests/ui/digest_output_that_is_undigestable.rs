use audit_runtime::audited;

struct Handle;

#[audited(digest_output)]
fn import() -> Handle {
    Handle
}

fn main() {}
