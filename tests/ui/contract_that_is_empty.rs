audit_runtime::contract! {}

fn main() {}
