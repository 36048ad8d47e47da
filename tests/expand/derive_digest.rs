#[derive(AuditDigest)]
struct Person<T> {
    name: String,
    #[audit(redact)]
    password: String,
    #[audit(keyed)]
    ssn: String,
    age: T,
}
