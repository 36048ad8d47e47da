#[audited]
async fn import(rows: u32) -> Result<u32, Failure> {
    fetch(rows).await
}
