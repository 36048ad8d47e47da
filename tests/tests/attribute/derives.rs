//! The derives: codes of errors, and digests that equal the serde route.

use crate::trail::Trail;
use audit_runtime::model::Key;
use audit_runtime::model::digest::{DigestKey, KeyId, canonical_json, canonical_value};
use audit_runtime::{AuditDigest, Evidence, audited};
use proptest::prelude::*;
use serde::Serialize;
use std::fmt;

#[derive(Debug, Evidence)]
enum Failure {
    NoSuchRow,
    #[evidence(code = "E_LIMIT")]
    Limit(#[allow(dead_code)] u32),
    #[evidence(transparent)]
    Inner(Deep),
    Audit,
}

#[derive(Debug, Evidence)]
struct Deep {
    #[allow(dead_code)]
    why: u8,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl From<audit_runtime::Error> for Failure {
    fn from(_: audit_runtime::Error) -> Failure {
        Failure::Audit
    }
}

/// Looks like evidence, but does not say so.
#[derive(Debug)]
struct Lookalike;

impl Lookalike {
    #[allow(dead_code, clippy::unused_self)]
    fn error_code(&self) -> &'static str {
        "NOT_COUNTED"
    }
}

impl From<audit_runtime::Error> for Lookalike {
    fn from(_: audit_runtime::Error) -> Lookalike {
        Lookalike
    }
}

#[audited]
fn fails(which: u8) -> Result<(), Failure> {
    match which {
        0 => Err(Failure::NoSuchRow)?,
        1 => Err(Failure::Limit(3))?,
        _ => Err(Failure::Inner(Deep { why: 1 }))?,
    }
    Ok(())
}

#[audited]
fn looks_alike() -> Result<(), Lookalike> {
    Err(Lookalike)
}

#[test]
fn g4_evidence_names_the_variant() {
    let trail = Trail::new();
    trail.recorder.scope(|| {
        (0..3).for_each(|which| assert!(fails(which).is_err()));
        assert!(looks_alike().is_err());
    });
    let codes: Vec<_> = trail.states().iter().map(|state| state.text(Key::ErrorCode).map(str::to_owned)).collect();
    assert_eq!(codes, [Some("NO_SUCH_ROW".into()), Some("E_LIMIT".into()), Some("DEEP".into()), None]);
}

#[derive(Debug, Clone, Serialize, AuditDigest)]
struct Unit;

#[derive(Debug, Clone, Serialize, AuditDigest)]
struct Newtype(i32);

#[derive(Debug, Clone, Serialize, AuditDigest)]
struct Pair(bool, String);

/// Its fields are known to serde only.
#[derive(Debug, Clone, Serialize)]
struct OnlySerde {
    z: u8,
    a: u8,
}

#[derive(Debug, Clone, Serialize, AuditDigest)]
#[allow(non_snake_case)]
struct Whole<T> {
    zeta: u32,
    alpha: Option<String>,
    r#type: Vec<T>,
    Upper: Newtype,
    ünder: Pair,
    kind: Kind<T>,
    only: OnlySerde,
}

#[derive(Debug, Clone, Serialize, AuditDigest)]
enum Kind<T> {
    Nothing,
    One(T),
    Two(T, u8),
    Named { b: T, a: Unit },
}

fn whole() -> impl Strategy<Value = Whole<i16>> {
    let kind = prop_oneof![
        Just(Kind::Nothing),
        any::<i16>().prop_map(Kind::One),
        any::<(i16, u8)>().prop_map(|(a, b)| Kind::Two(a, b)),
        any::<i16>().prop_map(|b| Kind::Named { b, a: Unit }),
    ];
    let rest = (any::<u32>(), any::<Option<String>>(), any::<Vec<i16>>(), any::<i32>(), any::<(bool, String)>());
    (kind, rest, any::<(u8, u8)>()).prop_map(|(kind, (zeta, alpha, list, n, (yes, text)), (z, a))| Whole {
        zeta,
        alpha,
        r#type: list,
        Upper: Newtype(n),
        ünder: Pair(yes, text),
        kind,
        only: OnlySerde { z, a },
    })
}

proptest! {
    #[test]
    fn the_derived_form_equals_the_serde_route(value in whole()) {
        let derived = canonical_value(None, &value).expect("it has a form");
        let by_serde = canonical_json(&value).expect("it has a form");
        prop_assert_eq!(String::from_utf8_lossy(&derived), String::from_utf8_lossy(&by_serde));
    }
}

#[derive(AuditDigest)]
struct Person {
    name: String,
    #[audit(redact)]
    #[allow(dead_code)]
    password: String,
    #[audit(skip)]
    #[allow(dead_code)]
    cache: std::cell::UnsafeCell<u8>,
    #[audit(keyed)]
    ssn: String,
    #[audit(text)]
    big: u64,
    #[audit(rename = "aka")]
    nick: (u8, u8),
}

#[test]
fn field_attributes_skip_redact_keyed_text_rename() {
    let person = |ssn: &str, password: &str| Person {
        name: "n".into(),
        password: password.into(),
        cache: 0.into(),
        ssn: ssn.into(),
        big: u64::MAX,
        nick: (1, 2),
    };
    let key = DigestKey::new(KeyId::new("k1").expect("an id"), &[7; 32]).expect("a key");
    let form =
        |person: &Person| String::from_utf8(canonical_value(Some(&key), person).expect("a form")).expect("UTF-8");
    let one = form(&person("078-05-1120", "x"));
    assert!(
        one.starts_with(
            r#"{"aka":[1,2],"big":"18446744073709551615","name":"n","password":"[redacted]","ssn":"hmac-sha256:k1:"#
        ),
        "{one}"
    );
    assert_eq!(one, form(&person("078-05-1120", "y")), "what is redacted does not show");
    assert_ne!(one, form(&person("078-05-1121", "x")), "what is keyed does");
    assert!(canonical_value(None, &person("", "")).is_err(), "a keyed field needs a key");
}
