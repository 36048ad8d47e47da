use audit_runtime::Error;
use audit_runtime::landscape::Token;

pub fn drop_twice(token: Token) -> Result<(), Error> {
    token.filtered()?;
    token.discarded()
}

fn main() {}
