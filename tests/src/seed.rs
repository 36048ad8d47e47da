//! Random numbers from a seed that is printed, so that every run can be had again.

/// SplitMix64.
#[derive(Clone, Debug)]
pub struct Seed(pub u64);

impl Seed {
    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.draw() % end.max(1)
    }

    /// Whether one case in `n` is drawn.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// `AUDIT_SEED`, or one from the clock.
#[must_use]
pub fn from_environment() -> u64 {
    let named = std::env::var("AUDIT_SEED").ok().and_then(|text| text.parse().ok());
    named.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        now.as_nanos() as u64
    })
}
