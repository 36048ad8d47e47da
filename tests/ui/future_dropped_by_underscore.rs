#![deny(let_underscore_drop)]

use audit_runtime::audited;
use std::future::Future;
use std::pin::Pin;

#[audited]
fn import() -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(async move {})
}

pub async fn run() {
    let _ = import();
}

fn main() {}
