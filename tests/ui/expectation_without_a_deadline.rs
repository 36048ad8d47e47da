use audit_runtime::contract::{Expectation, Subject};

pub fn paid() -> Expectation {
    Expectation::within(Subject::new("billing", "charge"))
}

fn main() {}
