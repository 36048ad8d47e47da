#[derive(Evidence)]
enum Failure {
    NoSuchRow,
    #[evidence(code = "E_LIMIT")]
    Limit(u32),
    #[evidence(transparent)]
    Inner(Deep),
}
