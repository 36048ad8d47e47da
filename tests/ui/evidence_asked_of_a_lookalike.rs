use audit_runtime::Evidence;

pub struct Lookalike;

impl Lookalike {
    pub fn error_code(&self) -> &str {
        "A"
    }
}

fn code(error: &impl Evidence) -> &str {
    error.error_code()
}

fn main() {
    println!("{}", code(&Lookalike));
}
