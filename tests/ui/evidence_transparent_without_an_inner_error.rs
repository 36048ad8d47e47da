use audit_runtime::Evidence;

#[derive(Evidence)]
pub enum Failure {
    #[evidence(transparent)]
    One,
}

fn main() {}
