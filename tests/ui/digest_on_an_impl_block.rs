use audit_runtime::audited;

pub struct Import;

#[audited(digest(rows))]
impl Import {
    pub fn run(&self, rows: u32) {
        drop(vec![rows]);
    }
}

fn main() {}
