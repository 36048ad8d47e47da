use audit_runtime::Error;
use audit_runtime::landscape::{SinkBatch, SinkReceipt, Written};

pub fn proof(batch: SinkBatch<Written>) -> Result<SinkReceipt, Error> {
    batch.receipt()
}

fn main() {}
