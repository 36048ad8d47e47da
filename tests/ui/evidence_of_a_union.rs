use audit_runtime::Evidence;

#[derive(Evidence)]
pub union Failure {
    a: u8,
    b: i8,
}

fn main() {}
