use audit_runtime::Error;
use audit_runtime::landscape::{Call, CallKind, Landscape, Operation, Visit};

pub fn ask(land: &Landscape, visit: &Visit, operation: &Operation) -> Result<Call, Error> {
    land.call((visit, operation), CallKind::Http, "http://example.org", &())
}

fn main() {}
