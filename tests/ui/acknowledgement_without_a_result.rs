use audit_runtime::contract::Outcome;

fn main() {
    let _ = Outcome::Success {};
}
