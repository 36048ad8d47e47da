use contracts_template::{pay, send};

fn main() -> Result<(), audit_runtime::Error> {
    let paid = pay(7)?;
    send(paid)?;
    send(paid)
}
