use audit_runtime::Error;
use audit_runtime::landscape::Call;

pub fn answer(call: Call) -> Result<(), Error> {
    call.answered(&"yes")?;
    call.failed("no")
}

fn main() {}
