#[action(version = "1.2.0", executor = BANK, needs("ledger"), limits(bytes = 200), within = 5s)]
async fn send(authorization: Authorization, transfer: &Transfer) -> Result<Receipt, BankError> {
    let receipt = transfer.send().await?;
    Ok(receipt)
}
