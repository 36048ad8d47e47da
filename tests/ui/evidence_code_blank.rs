use audit_runtime::Evidence;

#[derive(Evidence)]
pub enum Failure {
    #[evidence(code = "")]
    One,
}

fn main() {}
