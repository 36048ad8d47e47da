#[audited]
fn import(rows: u32) -> impl Future<Output = Result<u32, Failure>> {
    let rows = rows + 1;
    fetch(rows)
}
