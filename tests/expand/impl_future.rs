#[audited]
fn import(rows: u32) -> impl Future<Output = Result<u32, Failure>> {
    async move { fetch(rows).await }
}
