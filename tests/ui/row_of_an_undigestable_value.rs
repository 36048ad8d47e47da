use audit_runtime::Error;
use audit_runtime::landscape::{Landscape, Node, Token};

pub struct Order {
    pub rows: u32,
}

pub fn read(land: &Landscape, source: Node, order: &Order) -> Result<Token, Error> {
    land.row(source, "line 7", order)
}

fn main() {}
