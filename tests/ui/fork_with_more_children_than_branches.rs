use audit_runtime::Error;
use audit_runtime::landscape::Token;

pub fn split(token: Token) -> Result<[Token; 3], Error> {
    let [left, right, third] = token.fork(["left", "right"])?;
    Ok([left, right, third])
}

fn main() {}
