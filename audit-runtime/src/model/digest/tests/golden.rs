//! Frozen vectors: canonical bytes and digests that every later version must repeat.

use serde::Serialize;

use super::canonical;
use crate::model::digest::{CANONICAL_VERSION, Scope, digest_of};

#[derive(Serialize)]
struct Payment<'a> {
    reference: &'a str,
    amount: f64,
    currency: char,
    retries: u8,
    note: Option<&'a str>,
    tags: (&'a str, bool),
    ratio: f32,
    kind: Kind,
    channel: Kind,
    extra: Kind,
    nothing: (),
}

#[derive(Serialize)]
enum Kind {
    Card,
    Bank { iban: &'static str, bic: Option<u8> },
    Split(i8, u16),
}

fn payment() -> Payment<'static> {
    Payment {
        reference: "R-\u{1}\t\"ü😀",
        amount: 1e21,
        currency: '€',
        retries: 3,
        note: None,
        tags: ("x/y", true),
        ratio: 0.1,
        kind: Kind::Card,
        channel: Kind::Bank { iban: "DE00", bic: None },
        extra: Kind::Split(-1, 2),
        nothing: (),
    }
}

#[test]
fn golden_vectors_of_version_1() {
    assert_eq!(CANONICAL_VERSION, 1, "a new version gets vectors of its own and keeps these");
    let mut met = 0;
    let frozen = include_str!("golden-v1.txt").lines().filter(|line| !line.starts_with('#'));
    for line in frozen {
        let (digest, text) = line.split_once(' ').expect("digest, space, canonical bytes");
        let value: serde_json::Value = serde_json::from_str(text).expect("JSON");
        assert_eq!(canonical(&value), text);
        assert_eq!(digest_of(Scope::Payload, &value).expect("fine").to_string(), digest);
        met += 1;
    }
    assert_eq!(met, 12);
    assert!(include_str!("golden-v1.txt").contains(&canonical(&payment())), "{}", canonical(&payment()));
}
