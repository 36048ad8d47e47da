use audit_runtime::audited;

pub struct Import;

impl Drop for Import {
    #[audited]
    fn drop(&mut self) {}
}

fn main() {}
