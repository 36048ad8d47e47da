//! An annotated function while no recorder was ever there, against the same function without the annotation.
//!
//! What is measured is a handful of instructions, and where the linker happens to put them decides half as much again. So
//! there are eight of each, at as many places, and a measurement is their mean.

use crate::harness::{Comparison, Outcome, ns_per_call, pairs};
use crate::row::{Mark, Row};
use audit_runtime::audited;
use std::hint::black_box;

const CALLS: u64 = 4_000_000;

/// The function that a caller has in front of it; never inlined, so that there is a call to speak of.
#[inline(never)]
fn plain<const N: u64>(n: u64) -> u64 {
    black_box(n).wrapping_mul(31 + N) + 1
}

#[inline(never)]
#[audited]
fn annotated<const N: u64>(n: u64) -> u64 {
    black_box(n).wrapping_mul(31 + N) + 1
}

macro_rules! eight {
    ($function:ident) => {
        [
            $function::<0>,
            $function::<1>,
            $function::<2>,
            $function::<3>,
            $function::<4>,
            $function::<5>,
            $function::<6>,
            $function::<7>,
        ]
    };
}

const PLAIN: [fn(u64) -> u64; 8] = eight!(plain);
const ANNOTATED: [fn(u64) -> u64; 8] = eight!(annotated);

/// The bench.
pub fn run() -> Outcome<Vec<Row>> {
    let what = Comparison { bench: "off", peer: "plain function", unit: "ns/call", mark: Mark::AtMost(1.5) };
    let time = |functions: [fn(u64) -> u64; 8]| {
        let each = functions.map(|function| {
            let function = black_box(function);
            ns_per_call(CALLS, |n| {
                black_box(function(n));
            })
        });
        each.iter().sum::<f64>() / each.len() as f64
    };
    Ok(vec![pairs(&what, || Ok(time(ANNOTATED)), || Ok(time(PLAIN)))?])
}
