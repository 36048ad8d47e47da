use audit_runtime::Evidence;

#[derive(Evidence)]
pub enum Failure {
    One,
    #[evidence(code = "ONE")]
    Two,
}

fn main() {}
