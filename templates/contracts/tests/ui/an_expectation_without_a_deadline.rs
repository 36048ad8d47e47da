use audit_runtime::{Error, audited};

#[audited(expects(contracts_template::orders::PARCEL_SENT))]
fn take(_order: u32) -> Result<(), Error> {
    Ok(())
}

fn main() {
    drop(take(7));
}
