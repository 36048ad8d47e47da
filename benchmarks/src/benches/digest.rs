//! A value's digest: canonical JSON, hashed. The peer makes the same bytes with a general canonicaliser.

use crate::harness::{Comparison, Outcome, pairs, per_second};
use crate::row::{Mark, Row};
use audit_runtime::AuditDigest;
use audit_runtime::model::digest::{Scope, canonical_json, canonical_value, digest_of};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::hint::black_box;

/// A flight, as programs pass them around.
#[derive(Clone, Debug, Serialize, AuditDigest)]
struct Flight {
    carrier: String,
    number: u32,
    origin: String,
    destination: String,
    scheduled: String,
    delay_minutes: Option<i32>,
    distance_miles: f64,
    cancelled: bool,
    passengers: u16,
}

/// The same flight with its fields in canonical order already: serialising it sorts nothing.
#[derive(Debug, Serialize)]
struct Sorted {
    cancelled: bool,
    carrier: String,
    delay_minutes: Option<i32>,
    destination: String,
    distance_miles: f64,
    number: u32,
    origin: String,
    passengers: u16,
    scheduled: String,
}

impl From<Flight> for Sorted {
    fn from(flight: Flight) -> Sorted {
        Sorted {
            cancelled: flight.cancelled,
            carrier: flight.carrier,
            delay_minutes: flight.delay_minutes,
            destination: flight.destination,
            distance_miles: flight.distance_miles,
            number: flight.number,
            origin: flight.origin,
            passengers: flight.passengers,
            scheduled: flight.scheduled,
        }
    }
}

/// A day's flights of one plane.
#[derive(Debug, Serialize)]
struct Rotation {
    tail: String,
    legs: Vec<Flight>,
}

fn flight(number: u32) -> Flight {
    Flight {
        carrier: "United Air Lines".to_owned(),
        number,
        origin: "EWR".to_owned(),
        destination: "IAH".to_owned(),
        scheduled: "2013-01-01T05:15:00".to_owned(),
        delay_minutes: Some(2),
        distance_miles: 1400.5,
        cancelled: false,
        passengers: 149,
    }
}

fn compare<T: Serialize>(bench: &str, value: &T, calls: u64, least: f64) -> Outcome<Vec<Row>> {
    let theirs = |value: &T| serde_json_canonicalizer::to_vec(value);
    let bytes = theirs(value)?;
    if canonical_json(value)? != bytes {
        return Err("the two canonical forms differ".into());
    }
    let peer = "serde_json_canonicalizer + sha2";
    let what = Comparison { bench, peer, unit: "digests/s", mark: Mark::AtLeast(least) };
    let ours = || {
        per_second(calls, |_| {
            drop(black_box(digest_of(Scope::Args, black_box(value))));
        })
    };
    let peers = || {
        per_second(calls / 2, |_| {
            drop(black_box(theirs(black_box(value)).map(Sha256::digest)));
        })
    };
    let both = pairs(&what, || Ok(ours()), || Ok(peers()))?;
    let peer = format!("canonical form alone, {} bytes", bytes.len());
    let what = Comparison { peer: &peer, mark: Mark::None, ..what };
    let form = pairs(
        &what,
        || Ok(per_second(calls, |_| drop(black_box(canonical_json(black_box(value)))))),
        || Ok(per_second(calls / 2, |_| drop(black_box(theirs(black_box(value)))))),
    )?;
    let what = Comparison { peer: "SHA-256 alone: the limit here", mark: Mark::None, ..what };
    let limit = pairs(
        &what,
        || Ok(ours()),
        || {
            Ok(per_second(calls, |_| {
                black_box(Sha256::digest(black_box(&bytes)));
            }))
        },
    )?;
    Ok(vec![both, form, limit])
}

/// The derive puts the keys in order while compiling: it costs what serialising a sorted struct costs.
fn derived(flight: &Flight, calls: u64) -> Outcome<Row> {
    let sorted = Sorted::from(flight.clone());
    if canonical_value(None, flight)? != serde_json::to_vec(&sorted)? {
        return Err("the derived form is not the sorted one".into());
    }
    let peer = "derived, beside serde of a struct that is sorted already";
    let what = Comparison { bench: "digest_200", peer, unit: "forms/s", mark: Mark::AtLeast(1.0) };
    pairs(
        &what,
        || Ok(per_second(calls, |_| drop(black_box(canonical_value(None, black_box(flight)))))),
        || Ok(per_second(calls, |_| drop(black_box(canonical_json(black_box(&sorted)))))),
    )
}

/// The bench, for about this many canonical bytes.
pub fn run(bytes: usize) -> Outcome<Vec<Row>> {
    if bytes < 1000 {
        let mut rows = compare("digest_200", &flight(1545), 100_000, 5.0)?;
        rows.push(derived(&flight(1545), 100_000)?);
        return Ok(rows);
    }
    let legs = (0..10).map(|n| flight(1545 + n)).collect();
    compare("digest_2k", &Rotation { tail: "N14228".to_owned(), legs }, 20_000, 4.0)
}
