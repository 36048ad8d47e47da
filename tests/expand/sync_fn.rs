#[audited]
fn import(rows: u32, mut names: Vec<String>) -> Result<usize, Failure> {
    names.push(rows.to_string());
    Ok(names.len())
}
