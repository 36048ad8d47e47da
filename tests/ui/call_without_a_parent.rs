use audit_runtime::Error;
use audit_runtime::landscape::{Call, CallKind, Landscape};

pub fn ask(land: &Landscape) -> Result<Call, Error> {
    land.call((), CallKind::Http, "http://example.org", &())
}

fn main() {}
