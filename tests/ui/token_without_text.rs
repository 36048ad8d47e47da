use audit_runtime::audited;

struct Token;

#[audited(token = token)]
fn import(token: Token) {
    let Token = token;
}

fn main() {}
