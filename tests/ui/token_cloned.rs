use audit_runtime::landscape::Token;

pub fn twins(token: Token) -> (Token, Token) {
    (token.clone(), token)
}

fn main() {}
