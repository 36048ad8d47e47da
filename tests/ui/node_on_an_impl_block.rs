use audit_runtime::audited;

pub struct Import;

#[audited(node = "import")]
impl Import {
    pub fn run(&self) {}
}

fn main() {}
