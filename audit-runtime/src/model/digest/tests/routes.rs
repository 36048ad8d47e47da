//! `AuditDigest` and serde give the same bytes, for every type that has both.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use serde::Serialize;

use super::super::probe::{Probe, ViaAuditDigest as _, ViaSerde as _};
use crate::model::digest::{AsText, AuditDigest, SerdeValue, canonical_json, canonical_value};

/// Both routes, forms and refusals alike.
fn same<T: AuditDigest + Serialize + ?Sized>(value: &T) -> bool {
    let audit = canonical_value(None, value).map_err(|error| (error.code(), error.path()));
    let serde = canonical_json(value).map_err(|error| (error.code(), error.path()));
    assert_eq!(canonical_value(None, &SerdeValue(value)).map_err(|error| (error.code(), error.path())), serde);
    audit == serde
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a11_numbers_take_one_form_on_both_routes(
        unsigned in any::<(u8, u16, u32, u64, u128, usize)>(),
        signed in any::<(i8, i16, i32, i64, i128, isize)>(),
        floats in any::<(f32, f64)>(),
    ) {
        prop_assert!(same(&unsigned) && same(&signed) && same(&floats));
        prop_assert!(same(&unsigned.3) && same(&signed.3) && same(&unsigned.4) && same(&signed.4));
        prop_assert!(same(&floats.0) && same(&floats.1));
    }

    #[test]
    fn a11_texts_and_lists_take_one_form_on_both_routes(
        text in any::<String>(), letter in any::<char>(), flag in any::<bool>(),
        list in proptest::collection::vec(any::<Option<i32>>(), 0..9),
        map in proptest::collection::btree_map(any::<String>(), any::<u32>(), 0..9),
    ) {
        prop_assert!(same(&text) && same(text.as_str()) && same(&letter) && same(&flag));
        prop_assert!(same(&list) && same(list.as_slice()) && same(&VecDeque::from(list.clone())));
        prop_assert!(same(&list.iter().copied().collect::<BTreeSet<_>>()) && same(&[flag; 3]));
        prop_assert!(same(&map) && same(&map.clone().into_iter().collect::<HashMap<_, _>>()));
        prop_assert!(same(&Box::new(text.clone())) && same(&Cow::Borrowed(text.as_str())) && same(&&text));
        prop_assert!(same(&(text.clone(),)) && same(&Some(map.clone())) && same(&Ok::<_, ()>(list)));
        prop_assert!(same(&Err::<(), _>(text.clone())) && same(&BTreeMap::from([(text, map)])));
    }

    #[test]
    fn a11_durations_take_one_form_on_both_routes(secs in 0..=u64::MAX, nanos in 0..1_000_000_000_u32) {
        prop_assert!(same(&Duration::new(secs, nanos)));
    }
}

#[test]
fn a11_the_other_types_take_one_form_on_both_routes() {
    assert!(same(&()) && same(&std::marker::PhantomData::<u8>) && same(&None::<u8>));
    assert!(same(&std::num::NonZeroU64::MAX) && same(&std::num::NonZeroI8::MIN));
    assert!(same(&std::net::IpAddr::from([127, 0, 0, 1])) && same(&std::net::SocketAddr::from(([0; 16], 80))));
    assert!(same(&std::cell::Cell::new(1)) && same(&std::cell::RefCell::new("a")));
    assert!(same(&std::sync::atomic::AtomicU64::new(7)) && same(&std::sync::atomic::AtomicBool::new(true)));
    assert!(same(std::path::Path::new("/a b")) && same(&std::path::PathBuf::from("c")));
    assert!(same(&(1, 2, 3, 4, 5, 6, 7, 8, 9, 'a', "b", 1.5)) && same(&AsText(&u64::MAX)));
    // serde has these two only by a feature.
    assert_eq!(canonical_value(None, &Rc::new(1)).expect("fine"), b"1");
    assert_eq!(canonical_value(None, &Arc::<str>::from("a")).expect("fine"), br#""a""#);
}

/// As expansions spell it.
macro_rules! way {
    ($value:expr) => {
        (&&&Probe($value)).audit_value()
    };
}

/// The type decides: its own way first, serde second.
#[test]
fn expansions_find_the_way_by_the_type() {
    #[derive(Serialize)]
    struct OnlySerde {
        b: u8,
        a: u8,
    }
    struct Own;
    impl AuditDigest for Own {
        fn audit_digest(
            &self,
            out: &mut crate::model::digest::CanonicalWriter<'_>,
        ) -> Result<(), crate::model::digest::CanonicalError> {
            out.str("own")
        }
    }
    let both = "text".to_owned();
    let (serde, own) = (OnlySerde { b: 1, a: 2 }, Own);
    let write =
        |value: &dyn AuditDigest| String::from_utf8(canonical_value(None, value).expect("fine")).expect("UTF-8");
    assert_eq!(write(&way!(&serde)), r#"{"a":2,"b":1}"#);
    assert_eq!(write(&way!(&own)), r#""own""#);
    assert_eq!(write(&way!(&both)), r#""text""#);
    assert_eq!(write(&way!("unsized")), r#""unsized""#);
}

/// Negative control: a type whose two forms differ is caught.
#[test]
fn two_forms_are_caught() {
    #[derive(Serialize)]
    struct Liar;
    impl AuditDigest for Liar {
        fn audit_digest(
            &self,
            out: &mut crate::model::digest::CanonicalWriter<'_>,
        ) -> Result<(), crate::model::digest::CanonicalError> {
            out.str("null")
        }
    }
    assert!(!same(&Liar));
}
