use audit_runtime::audited;

#[audited]
const fn one() -> u32 {
    1
}

fn main() {
    let _ = one();
}
