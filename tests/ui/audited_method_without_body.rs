use audit_runtime::audited;

pub trait Imports {
    #[audited]
    fn import(&self);
}

fn main() {}
