//! An annotated function while no recorder was ever there, against the same function without the annotation.

use crate::harness::{Comparison, Outcome, ns_per_call, pairs};
use crate::row::{Mark, Row};
use audit_runtime::audited;
use std::hint::black_box;

const CALLS: u64 = 20_000_000;

/// The function that a caller has in front of it; never inlined, so that there is a call to speak of.
#[inline(never)]
fn plain(n: u64) -> u64 {
    black_box(n).wrapping_mul(31) + 1
}

#[inline(never)]
#[audited]
fn annotated(n: u64) -> u64 {
    black_box(n).wrapping_mul(31) + 1
}

/// The bench.
pub fn run() -> Outcome<Vec<Row>> {
    let what = Comparison { bench: "off", peer: "plain function", unit: "ns/call", mark: Mark::AtMost(1.5) };
    let time = |function: fn(u64) -> u64| {
        let function = black_box(function);
        ns_per_call(CALLS, |n| {
            black_box(function(n));
        })
    };
    Ok(vec![pairs(&what, || Ok(time(annotated)), || Ok(time(plain)))?])
}
