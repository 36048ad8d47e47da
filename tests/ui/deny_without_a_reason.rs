use audit_runtime::governance::{Decision, Rules};

fn main() {
    let _ = Decision::deny(Rules::new());
}
