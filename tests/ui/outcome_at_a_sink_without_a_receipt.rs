use audit_runtime::Error;
use audit_runtime::landscape::Token;

pub fn arrive(token: Token) -> Result<(), Error> {
    token.deliver("orders.csv")
}

fn main() {}
