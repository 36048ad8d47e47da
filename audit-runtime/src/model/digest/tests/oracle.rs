//! Against a second canonicaliser, written by others, on random values.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde::Serialize;
use serde_json::Value;

use super::super::buffer::{compare_keys, rank};
use super::canonical;
use crate::model::digest::{DigestErrorCode, canonical_json};

fn by_oracle<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(value).expect("the oracle takes it")
}

/// Texts that like to hurt: controls, quotes, surrogates' neighbours, long runs.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[ -~]{0,12}".boxed(),
        1 => "[\u{0}-\u{1f}\"\\\\/\u{7f}]{1,3}".boxed(),
        1 => "[\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}\u{fb33}\u{1f600}é]{1,4}".boxed(),
    ];
    vec(piece, 0..3).prop_map(|pieces| pieces.concat())
}

fn number() -> impl Strategy<Value = Value> {
    let exact = -9_007_199_254_740_992_i64..=9_007_199_254_740_992;
    let finite = any::<u64>().prop_map(f64::from_bits).prop_filter("finite", |double| double.is_finite());
    prop_oneof![
        exact.prop_map(Value::from),
        (-1000_i64..1000).prop_map(Value::from),
        finite.prop_map(Value::from),
        (-1e9..1e9_f64).prop_map(|double| Value::from((double * 100.0).round() / 100.0)),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf =
        prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), number(), text().prop_map(Value::from),];
    leaf.prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Value::from),
            btree_map(text(), inner, 0..8).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

#[derive(Clone, Serialize, Debug)]
struct Unsorted {
    zeta: String,
    #[serde(rename = "a\"quoted\\name")]
    quoted: Option<f64>,
    amount_long_name_b: i32,
    amount_long_name_a: u32,
    #[serde(rename = "ö")]
    umlaut: Inner,
    #[serde(flatten)]
    more: std::collections::BTreeMap<String, u16>,
    kind: Kind,
    unit: (),
    letter: char,
    float: f64,
}

#[derive(Clone, Serialize, Debug)]
struct Inner {
    y: Vec<(bool, String)>,
    x: [i64; 2],
}

#[derive(Clone, Serialize, Debug)]
enum Kind {
    Unit,
    New(Inner),
    Tuple(u8, String),
    Struct { b: u8, a: Option<Box<Kind>> },
}

fn inner() -> impl Strategy<Value = Inner> {
    (vec((any::<bool>(), text()), 0..3), -9_000_000_000_i64..9_000_000_000).prop_map(|(y, x)| Inner { y, x: [x, -x] })
}

fn kind() -> impl Strategy<Value = Kind> {
    let leaf = prop_oneof![
        Just(Kind::Unit),
        inner().prop_map(Kind::New),
        (any::<u8>(), text()).prop_map(|(a, b)| Kind::Tuple(a, b)),
    ];
    leaf.prop_recursive(3, 8, 1, |kind| {
        (any::<u8>(), proptest::option::of(kind)).prop_map(|(b, a)| Kind::Struct { b, a: a.map(Box::new) })
    })
}

fn unsorted() -> impl Strategy<Value = Unsorted> {
    let more = btree_map("[A-Zb-j\u{20ac}\u{1f600}]{1,9}", any::<u16>(), 0..5);
    (
        (text(), proptest::option::of(-1e30..1e30_f64), any::<i32>(), any::<u32>()),
        (inner(), more, kind(), any::<char>(), -1e30..1e30_f64),
    )
        .prop_map(|((zeta, quoted, b, a), (umlaut, more, kind, letter, float))| Unsorted {
            zeta,
            quoted,
            amount_long_name_b: b,
            amount_long_name_a: a,
            umlaut,
            more,
            kind,
            unit: (),
            letter,
            float,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a10_random_values_agree_with_the_oracle(value in value()) {
        let ours = canonical_json(&value).expect("a canonical form");
        prop_assert_eq!(&ours, &by_oracle(&value));
        // Reading it back and writing it again changes nothing; a double beyond 2^53 may come back as an integer that
        // is none.
        let again: Value = serde_json::from_slice(&ours).expect("JSON");
        match canonical_json(&again) {
            Ok(bytes) => prop_assert_eq!(bytes, ours),
            Err(error) => prop_assert_eq!(error.code(), DigestErrorCode::IntegerRounds),
        }
    }

    #[test]
    fn a10_random_structs_agree_with_the_oracle(value in unsorted()) {
        let ours = canonical_json(&value).expect("a canonical form");
        let theirs = by_oracle(&value);
        prop_assert_eq!(String::from_utf8_lossy(&ours), String::from_utf8_lossy(&theirs));
    }

    #[test]
    fn a10_doubles_agree_with_the_oracle(bits in any::<u64>()) {
        let double = f64::from_bits(bits);
        prop_assume!(double.is_finite());
        prop_assert_eq!(canonical_json(&double).expect("finite"), by_oracle(&double));
    }

    /// The oracle widens singles; ours are written by their own shortest digits, which read back as the same single.
    #[test]
    fn a10_singles_take_their_own_shortest_digits(bits in any::<u32>()) {
        let single = f32::from_bits(bits);
        prop_assume!(single.is_finite());
        let text = canonical(&single);
        prop_assert_eq!(text.parse::<f32>(), Ok(single));
        let digits = |text: &str| text.split('e').next().map(|mantissa| {
            let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
            digits.trim_matches('0').len()
        });
        prop_assert_eq!(digits(&text), digits(&format!("{single:e}")));
    }

    #[test]
    fn a10_keys_order_by_utf16_code_units(a in text(), b in text()) {
        let expected = a.encode_utf16().cmp(b.encode_utf16());
        prop_assert_eq!(compare_keys(a.as_bytes(), b.as_bytes()), expected);
        let ranks = rank(a.as_bytes()).cmp(&rank(b.as_bytes()));
        prop_assert!(ranks == expected || ranks.is_eq());
    }

    /// Two different values never share bytes: doubles differ unless both are zero, texts always.
    #[test]
    fn a10_different_values_have_different_bytes(a in value(), b in value()) {
        let same_bytes = canonical_json(&a).expect("fine") == canonical_json(&b).expect("fine");
        let reread = |value: &Value| -> Value {
            serde_json::from_slice(&by_oracle(value)).expect("JSON")
        };
        prop_assert_eq!(same_bytes, reread(&a) == reread(&b));
    }
}

/// Keys and texts of every length up to some blocks, backwards, with and without escapes, nested, and many of them.
#[test]
fn a10_every_length_survives_the_reordering() {
    let mut object = serde_json::Map::new();
    for length in (0..140).rev() {
        let text: String = ('!'..='~').cycle().skip(length).take(length).collect();
        let inner =
            Backwards(vec![("z".repeat(1 + length % 40), Value::from(length)), (String::new(), text.clone().into())]);
        assert_eq!(canonical_json(&inner).expect("fine"), by_oracle(&inner));
        object.insert(format!("{length:03}{text}"), text.into());
    }
    let entries = || object.clone().into_iter().rev().collect::<Vec<_>>();
    assert_eq!(canonical_json(&Backwards(entries())).expect("fine"), by_oracle(&object));
    let mut twice = entries();
    twice.push(twice[70].clone());
    assert!(canonical_json(&Backwards(twice)).is_err_and(|error| error.code() == DigestErrorCode::DuplicateKey));
    let large = vec![Backwards(entries()); 200];
    assert_eq!(canonical_json(&large).expect("fine"), by_oracle(&large));
}

#[derive(Clone)]
struct Backwards(Vec<(String, Value)>);

impl Serialize for Backwards {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

/// Negative control: the comparison sees a swapped pair of keys and a number in another spelling.
#[test]
fn the_oracle_catches_a_wrong_form() {
    let value = serde_json::json!({ "b": 1.5, "a": 100.0 });
    assert_ne!(serde_json::to_vec(&Swapped { b: 1.5, a: 100.0 }).expect("JSON"), by_oracle(&value));
    assert_eq!(canonical(&Swapped { b: 1.5, a: 100.0 }).as_bytes(), by_oracle(&value));
}

#[derive(Serialize)]
struct Swapped {
    b: f64,
    a: f64,
}
