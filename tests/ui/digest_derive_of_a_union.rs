use audit_runtime::AuditDigest;

#[derive(AuditDigest)]
pub union Either {
    a: u8,
    b: i8,
}

fn main() {}
