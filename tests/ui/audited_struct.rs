use audit_runtime::audited;

#[audited]
pub struct Import {
    pub rows: u32,
}

fn main() {}
