use audit_runtime::Evidence;

#[derive(Evidence)]
pub enum Failure {
    #[evidence(cod = "A")]
    One,
}

fn main() {}
