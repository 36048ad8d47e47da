use audit_runtime::Error;
use audit_runtime::landscape::{Call, Visit};

pub fn ask(visit: &Visit) -> Result<Call, Error> {
    visit.call("http://example.org", &())
}

fn main() {}
