use audit_runtime::audited;

pub struct Import;

impl Import {
    #[audited(nod = "a")]
    pub fn one(&self) {}

    #[audited(effect = some)]
    pub fn two(&self) {}
}

fn main() {
    Import.one();
    Import.two();
}
