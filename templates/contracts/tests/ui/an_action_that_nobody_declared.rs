use audit_runtime::{Error, audited};
use contracts_template::orders;

#[audited(effect = external, acknowledges(orders::PARCEL_SEND))]
fn send(_order: u32) -> Result<(), Error> {
    Ok(())
}

fn main() {
    drop(send(7));
}
