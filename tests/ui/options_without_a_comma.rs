use audit_runtime::audited;

#[audited(digest_output node = "a")]
fn import() -> u32 {
    1
}

fn main() {}
