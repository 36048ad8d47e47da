use audit_runtime::audited;

#[audited]
pub async fn import() -> Result<u32, String> {
    Ok(1)
}

fn main() {}
