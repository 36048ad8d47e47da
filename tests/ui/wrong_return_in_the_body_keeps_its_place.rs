use audit_runtime::audited;

#[audited]
pub fn import(rows: u32) -> Result<String, std::io::Error> {
    Ok(rows)
}

fn main() {}
