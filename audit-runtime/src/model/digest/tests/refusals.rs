//! What has no canonical form is refused with a code and a path, and never with the value.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use serde::ser::{SerializeMap as _, SerializeStruct as _, Serializer};
use serde::{Serialize, ser};
use serde_json::{Value, json};

use super::{canonical, refusal};
use crate::model::digest::{
    Absence, ArgsDigest, AuditDigest, CanonicalError, CanonicalWriter, DigestErrorCode as Code, DigestKey, KeyId,
    MAX_DEPTH, Redacted, Scope, SerdeValue, Slot, canonical_json, canonical_value, catching, digest_args, digest_of,
};

#[derive(Serialize)]
struct Order {
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    price: f64,
}

#[test]
fn a10_nan_and_infinities_are_refused_where_they_stand() {
    let order = |price| Order { rows: vec![Row { price: 1.0 }, Row { price }] };
    assert_eq!(refusal(&order(f64::NAN)), (Code::NotANumber, "$.rows[1].price".into()));
    assert_eq!(refusal(&order(f64::INFINITY)), (Code::Infinite, "$.rows[1].price".into()));
    assert_eq!(refusal(&f32::NEG_INFINITY), (Code::Infinite, "$".into()));
    assert_eq!(canonical(&order(-0.0)), r#"{"rows":[{"price":1},{"price":0}]}"#);
}

#[test]
fn a10_integers_that_would_round_are_refused() {
    assert_eq!(canonical(&9_007_199_254_740_991_u64), "9007199254740991");
    assert_eq!(canonical(&9_007_199_254_740_992_u64), "9007199254740992");
    assert_eq!(canonical(&-9_007_199_254_740_992_i64), "-9007199254740992");
    assert_eq!(canonical(&9_007_199_254_740_994_u64), "9007199254740994");
    assert_eq!(canonical(&(1_u128 << 100)), "1.2676506002282294e+30");
    assert_eq!(canonical(&i128::MIN), "-1.7014118346046923e+38");
    assert_eq!(refusal(&9_007_199_254_740_993_u64).0, Code::IntegerRounds);
    assert_eq!(refusal(&-9_007_199_254_740_993_i64).0, Code::IntegerRounds);
    assert_eq!(refusal(&u64::MAX).0, Code::IntegerRounds);
    assert_eq!(refusal(&i64::MAX).0, Code::IntegerRounds);
    assert_eq!(refusal(&u128::MAX).0, Code::IntegerRounds);
    assert_eq!(refusal(&i128::MAX).0, Code::IntegerRounds);
    assert_eq!(refusal(&((1_u128 << 100) + 1)).0, Code::IntegerRounds);
}

/// A map that gives its entries as they come.
struct Entries<'e, K>(&'e [(K, u8)]);

impl<K: Serialize> Serialize for Entries<'_, K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

#[test]
fn a10_duplicate_keys_are_refused() {
    assert_eq!(refusal(&Entries(&[("a", 1), ("a", 1)])).0, Code::DuplicateKey);
    assert_eq!(refusal(&Entries(&[("a", 1), ("b", 1), ("a", 2)])).0, Code::DuplicateKey);
    assert_eq!(refusal(&Entries(&[("long key \"1\"", 1), ("b", 1), ("long key \"1\"", 2)])).0, Code::DuplicateKey);
    assert_eq!(canonical(&Entries(&[("b", 1), ("a", 2), ("a\0", 3)])), r#"{"a":2,"a\u0000":3,"b":1}"#);
    assert_eq!(canonical(&Entries(&[("\"", 1), ("a", 2), ("!", 3)])), r#"{"!":3,"\"":1,"a":2}"#);
    assert_eq!(canonical(&Entries(&[("\\", 1), ("^", 2), ("[", 3)])), r#"{"[":3,"\\":1,"^":2}"#);
}

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
enum Colour {
    Red,
}

#[derive(Serialize, PartialEq, Eq, PartialOrd, Ord)]
struct Name(&'static str);

#[test]
fn a10_keys_that_are_no_strings_are_refused() {
    assert_eq!(refusal(&BTreeMap::from([(1, 2)])), (Code::KeyNotAString, "${0}".into()));
    assert_eq!(refusal(&BTreeMap::from([(true, 2)])).0, Code::KeyNotAString);
    assert_eq!(refusal(&BTreeMap::from([((), 2)])).0, Code::KeyNotAString);
    assert_eq!(refusal(&BTreeMap::from([(vec!["a"], 2)])).0, Code::KeyNotAString);
    assert_eq!(refusal(&BTreeMap::from([(None::<&str>, 2)])).0, Code::KeyNotAString);
    assert_eq!(refusal(&Entries(&[(1.5, 2)])).0, Code::KeyNotAString);
    assert_eq!(canonical(&BTreeMap::from([('k', 2)])), r#"{"k":2}"#);
    assert_eq!(canonical(&BTreeMap::from([(Name("k"), 2)])), r#"{"k":2}"#);
    assert_eq!(canonical(&BTreeMap::from([(Colour::Red, 2)])), r#"{"Red":2}"#);
    assert_eq!(canonical(&BTreeMap::from([(std::net::Ipv4Addr::LOCALHOST, 2)])), r#"{"127.0.0.1":2}"#);
}

#[test]
fn a10_depth_over_64_is_refused() {
    let nest = |depth: u8| (1..depth).fold(json!([]), |inner, _| json!([inner]));
    assert!(canonical_json(&nest(MAX_DEPTH)).is_ok());
    assert_eq!(refusal(&nest(MAX_DEPTH + 1)).0, Code::TooDeep);
    let objects = (0..MAX_DEPTH).fold(json!({}), |inner, _| json!({ "a": inner }));
    assert_eq!(refusal(&objects).0, Code::TooDeep);
}

/// An error that a value swallows, or a half-written map, still refuses the whole.
#[test]
fn g20_a_swallowed_error_still_refuses() {
    struct Swallows;
    impl Serialize for Swallows {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut fields = serializer.serialize_struct("Swallows", 1)?;
            fields.serialize_field("bad", &f64::NAN).ok();
            fields.end()
        }
    }
    struct KeyOnly;
    impl Serialize for KeyOnly {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(None)?;
            map.serialize_key("a")?;
            map.end()
        }
    }
    struct Nothing;
    impl AuditDigest for Nothing {
        fn audit_digest(&self, _: &mut CanonicalWriter<'_>) -> Result<(), CanonicalError> {
            Ok(())
        }
    }
    struct Twice;
    impl AuditDigest for Twice {
        fn audit_digest(&self, out: &mut CanonicalWriter<'_>) -> Result<(), CanonicalError> {
            out.null()?;
            out.null().or(Ok(()))
        }
    }
    assert_eq!(refusal(&Swallows).0, Code::NotANumber);
    assert_eq!(refusal(&KeyOnly).0, Code::Malformed);
    for bad in [&Nothing as &dyn AuditDigest, &Twice] {
        assert_eq!(canonical_value(None, bad).map_err(|e| e.code()), Err(Code::Malformed));
    }
    assert_eq!(canonical_value(None, &[Some(1), None]).expect("fine"), b"[1,null]");
}

#[test]
fn p13_an_error_never_quotes_the_value() {
    struct Leaks;
    impl Serialize for Leaks {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(ser::Error::custom("card 4111111111111111"))
        }
    }
    let error = canonical_json(&HashMap::from([("jane@example.org", Leaks)])).expect_err("a refusal");
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("serialize_failed") && shown.contains("${0}"), "{shown}");
    assert!(!shown.contains("4111") && !shown.contains("jane"), "{shown}");
    let secret = Redacted::new("4111111111111111");
    let panic = std::panic::catch_unwind(|| panic!("{secret} {secret:?}")).expect_err("a panic");
    assert_eq!(panic.downcast_ref::<String>().expect("text"), "[redacted] [redacted]");
    assert_eq!(canonical(&secret), r#""[redacted]""#);
    assert_eq!(canonical_value(None, &secret).expect("fine"), br#""[redacted]""#);
}

/// A panic inside a value passes through, and the next digest on the thread is right.
#[test]
fn g20_a_panic_in_serialize_leaves_nothing_broken() {
    struct Panics;
    impl Serialize for Panics {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(None)?;
            map.serialize_entry("z", &1)?;
            panic!("inside")
        }
    }
    let (error, payload) = catching(|| digest_of(Scope::Args, &Panics)).expect_err("a refusal");
    assert_eq!(error.code(), Code::SerializePanicked);
    assert_eq!(payload.expect("the payload").downcast_ref::<&str>(), Some(&"inside"));
    assert_eq!(canonical(&json!({ "b": 1, "a": 2 })), r#"{"a":2,"b":1}"#);
}

/// A value that digests another one while it is digested gets a buffer of its own.
#[test]
fn digests_nest() {
    struct Nested;
    impl Serialize for Nested {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let inner = digest_of(Scope::Payload, &json!([1, 2])).map_err(ser::Error::custom)?;
            serializer.collect_str(&inner)
        }
    }
    let inner = digest_of(Scope::Payload, &json!([1, 2])).expect("fine");
    assert_eq!(canonical(&[Nested]), format!("[\"{inner}\"]"));
}

#[test]
fn g20_arguments_name_the_one_that_is_refused() {
    let mut args = ArgsDigest::new(None);
    args.arg("b", &1_u8).serde_arg("a", &json!({ "x": [1.5] })).text_arg("id", &u64::MAX);
    let digest = args.finish().expect("fine");
    assert_eq!(
        digest,
        digest_of(Scope::Args, &json!({ "a": { "x": [1.5] }, "b": 1, "id": u64::MAX.to_string() })).unwrap()
    );
    let error = digest_args(None, &[("a", &1), ("row", &SerdeValue(&Row { price: f64::NAN }))]).expect_err("refused");
    assert_eq!((error.code(), error.path()), (Code::NotANumber, "$.row.price".into()));
    let mut args = ArgsDigest::new(None);
    args.arg("nan", &f64::NAN).arg("late", &1_u8);
    let slot = Slot::from(args.finish());
    assert_eq!(slot.absence(), Some(Absence::NotSerialisable(Code::NotANumber)));
    assert_eq!(slot.to_string(), "not_serialisable (not_a_number)");
}

/// An argument is bound when it is added: what the body does to it later does not reach the digest.
#[test]
fn a13_a_later_change_does_not_reach_the_digest() {
    let (cell, bound) = (std::cell::Cell::new(1), |value: u8| digest_args(None, &[("cell", &value)]).expect("fine"));
    let mut args = ArgsDigest::new(None);
    args.arg("cell", &cell);
    cell.set(2);
    assert_eq!(args.finish().expect("fine"), bound(1));
    assert_ne!(bound(1), bound(2));
}

#[test]
fn p15_a_keyed_field_needs_a_key_and_hides_the_value() {
    struct Person(&'static str);
    impl AuditDigest for Person {
        fn audit_digest(&self, out: &mut CanonicalWriter<'_>) -> Result<(), CanonicalError> {
            out.object(|object| {
                object.keyed_field("born", self.0)?;
                object.redacted_field("card")
            })
        }
    }
    let error = canonical_value(None, &Person("1970-01-01")).expect_err("no key");
    assert_eq!((error.code(), error.path()), (Code::KeyMissing, "$.born".into()));
    let key = |secret: &[u8]| DigestKey::new(KeyId::new("2026-a").expect("an id"), secret).expect("long enough");
    let text = |person, key| String::from_utf8(canonical_value(Some(key), &person).expect("fine")).expect("UTF-8");
    let (one, other) = (key(b"0123456789abcdef"), key(b"fedcba9876543210"));
    let first = text(Person("1970-01-01"), &one);
    assert!(
        first.starts_with(r#"{"born":"hmac-sha256:2026-a:"#) && first.ends_with(r#","card":"[redacted]"}"#),
        "{first}"
    );
    assert_eq!(first, text(Person("1970-01-01"), &one));
    assert_ne!(first, text(Person("1970-01-02"), &one));
    assert_ne!(first, text(Person("1970-01-01"), &other));
}

#[test]
fn values_that_cannot_be_read_are_refused() {
    let path = Path::new(OsStr::from_bytes(b"\xff"));
    assert_eq!(canonical_value(None, path).map_err(|e| e.code()), Err(Code::NotUtf8));
    assert_eq!(refusal(path).0, Code::SerializeFailed);
    let cell = std::cell::RefCell::new(1);
    let borrowed = cell.borrow_mut();
    assert_eq!(canonical_value(None, &cell).map_err(|e| e.code()), Err(Code::Unreadable));
    drop(borrowed);
    assert_eq!(canonical_value(None, &cell).expect("fine"), b"1");
}

/// Negative control of the paths: without a fault there is none.
#[test]
fn a_good_value_is_not_refused() {
    let value: Value = json!({ "rows": [{ "price": 1.25 }] });
    assert_eq!(canonical(&value), r#"{"rows":[{"price":1.25}]}"#);
}
