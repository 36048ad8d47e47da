use audit_runtime::audited;

#[audited(err = debug)]
fn import() -> std::io::Result<()> {
    Ok(())
}

fn main() {}
