use audit_runtime::gate;

#[gate(profile = 1)]
struct May;

fn main() {}
