//! A program whose `tracing` is compiled out.

#![forbid(unsafe_code)]

use audit_runtime::{AuditLayer, audited};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tracing::span;
use tracing::subscriber::Subscriber;
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::prelude::*;

#[audited(node = "call")]
fn call(n: usize) -> usize {
    let _span = tracing::info_span!("classical", n).entered();
    n
}

/// Records the classical way: when a span is made.
struct Classical(Arc<AtomicU32>);

impl<S: Subscriber> Layer<S> for Classical {
    fn on_new_span(&self, _: &span::Attributes<'_>, _: &span::Id, _: Context<'_, S>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn main() -> Result<(), audit_runtime::Error> {
    let count = Arc::new(AtomicU32::new(0));
    let layer = AuditLayer::open(std::env::args().nth(1).unwrap_or_default())?;
    let guard = layer.guard();
    tracing_subscriber::registry().with(layer).with(Classical(Arc::clone(&count))).init();
    for n in 0..100 {
        assert_eq!(call(n), n);
    }
    println!("classical {}", count.load(Ordering::Relaxed));
    guard.close()
}
