use audit_runtime::landscape::{Delivered, Landscape};

pub fn forged(land: Landscape) -> Delivered {
    Delivered { land, tokens: 0 }
}

fn main() {}
