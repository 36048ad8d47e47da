use audit_runtime::Error;
use audit_runtime::landscape::{Batch, FailedBatch};

pub fn again(failed: FailedBatch) -> Result<(Batch, Batch), Error> {
    let first = failed.retry()?;
    let second = failed.retry()?;
    Ok((first, second))
}

fn main() {}
