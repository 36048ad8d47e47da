#![deny(unused_must_use)]

use audit_runtime::audited;

#[audited]
async fn import() {}

pub async fn run() {
    import();
}

fn main() {}
