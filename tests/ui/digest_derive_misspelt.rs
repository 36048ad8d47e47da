use audit_runtime::AuditDigest;

#[derive(AuditDigest)]
pub struct Person {
    #[audit(redac)]
    pub name: String,
}

fn main() {}
