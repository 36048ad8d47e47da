use audit_runtime::{Error, audited};

#[audited(on_audit_failure = degrade, acknowledges(contracts_template::orders::PARCEL_SENT))]
fn send(_order: u32) -> Result<(), Error> {
    Ok(())
}

fn main() {
    drop(send(7));
}
