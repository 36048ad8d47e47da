use audit_runtime::AuditDigest;

#[derive(AuditDigest)]
pub struct Person {
    #[audit(redact, keyed)]
    pub name: String,
}

fn main() {}
