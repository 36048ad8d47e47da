#[audited(kind = transform)]
impl Import {
    pub fn run(&self) -> u32 {
        self.rows
    }

    pub const fn new() -> Import {
        Import { rows: 0 }
    }

    #[not_audited(reason = "trivial")]
    fn rows(&self) -> u32 {
        self.rows
    }
}
