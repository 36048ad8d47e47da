use audit_runtime::AuditDigest;

#[derive(AuditDigest)]
pub struct Person {
    pub name: String,
    #[audit(rename = "name")]
    pub nick: String,
}

fn main() {}
