use audit_runtime::AuditDigest;

pub struct Handle;

#[derive(AuditDigest)]
pub struct Person {
    pub name: String,
    pub handle: Handle,
}

fn main() {}
