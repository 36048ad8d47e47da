//! Digests and slots: stable codes and names, texts that read back, nothing empty.

use crate::model::digest::{
    Absence, Algorithm, Digest, DigestErrorCode, DigestKey, KeyId, Scope, Slot, digest_bytes, digest_of, digest_reader,
    digest_value, keyed_digest_bytes, keyed_digest_of, keyed_digest_reader,
};

/// One value has one digest in every stream, and empty values have digests like any other.
#[test]
fn a11_one_value_one_digest_and_empty_is_not_absent() {
    let row = serde_json::json!({ "b": 1, "a": [true, null] });
    let digests: Vec<_> = Scope::ALL.iter().map(|&scope| digest_of(scope, &row).expect("fine")).collect();
    assert!(digests.iter().all(|digest| digest.bytes() == digests[0].bytes()));
    assert_eq!(digests[0].bytes(), digest_bytes(Scope::Bytes, br#"{"a":[true,null],"b":1}"#).bytes());

    let (unit, object, array) = ((), serde_json::json!({}), Vec::<u8>::new());
    let unit = digest_value(Scope::Output, None, &unit).expect("fine");
    let object = digest_of(Scope::Output, &object).expect("fine");
    let array = digest_value(Scope::Output, None, &array).expect("fine");
    assert_eq!(unit.hex(), "74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b");
    assert_eq!(object.hex(), "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
    assert_eq!(array.hex(), "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945");
    assert!(Slot::from(unit).absence().is_none());
    let changed = digest_of(Scope::Args, &serde_json::json!({ "b": 2, "a": [true, null] })).expect("fine");
    assert_ne!(changed.bytes(), digests[0].bytes());
}

#[test]
fn digests_read_back_from_their_text() {
    let plain = digest_bytes(Scope::Payload, b"abc");
    assert_eq!(plain.to_string(), "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(Digest::parse(Scope::Payload, &plain.to_string()).as_ref(), Ok(&plain));
    assert_eq!((plain.algorithm(), plain.scope(), plain.key_id()), (Algorithm::Sha256, Scope::Payload, None));
    let key = DigestKey::new(KeyId::new("k-1").expect("an id"), &[7; 32]).expect("long enough");
    let keyed = keyed_digest_bytes(Scope::Args, &key, b"abc");
    assert_eq!(Digest::parse(Scope::Args, &keyed.to_string()).as_ref(), Ok(&keyed));
    assert_eq!((keyed.algorithm(), keyed.key_id().map(KeyId::as_str)), (Algorithm::HmacSha256, Some("k-1")));
    let upper = plain.to_string().to_uppercase();
    for wrong in ["", "sha256:", "sha256:00", "md5:00", "hmac-sha256:00", &plain.hex(), &upper, &format!("{plain}0")] {
        assert!(Digest::parse(Scope::Args, wrong).is_err(), "{wrong}");
    }
    assert!(Digest::parse(Scope::Args, &keyed.to_string().replace("k-1", "k 1")).is_err());
}

#[test]
fn codes_and_names_are_unique_and_read_back() {
    for &scope in Scope::ALL {
        assert_eq!((Scope::from_code(scope.code()), Scope::from_name(scope.name())), (Some(scope), Some(scope)));
    }
    for &code in DigestErrorCode::ALL {
        assert_eq!(DigestErrorCode::from_code(code.code()), Some(code));
        assert_eq!(DigestErrorCode::from_name(code.name()), Some(code));
        let absence = Absence::NotSerialisable(code);
        assert_eq!(Absence::from_codes(absence.codes().0, absence.codes().1), Some(absence));
    }
    for absence in [Absence::NotRequested, Absence::Erased, Absence::NoValue] {
        assert_eq!(Absence::from_codes(absence.codes().0, absence.codes().1), Some(absence));
    }
    for nothing in [Absence::from_codes(0, 0), Absence::from_codes(2, 0), Absence::from_codes(1, 1)] {
        assert_eq!(nothing, None);
    }
    assert_eq!((Scope::from_code(0), Scope::from_name(""), Algorithm::from_code(3)), (None, None, None));
}

/// RFC 4231: a short key, a block-long message, a key longer than a block (cases 3, 6 and 7 meet our shortest key).
#[test]
fn p15_keyed_digests_match_rfc_4231() {
    let hmac = |secret: &[u8], data: &[u8]| {
        let key = DigestKey::new(KeyId::new("k").expect("an id"), secret).expect("long enough");
        let reader = keyed_digest_reader(&key, data).expect("a slice reads");
        let direct = keyed_digest_bytes(Scope::Bytes, &key, data);
        assert_eq!(reader, direct);
        direct.hex()
    };
    assert_eq!(hmac(&[0x0b; 20], b"Hi There"), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    assert_eq!(hmac(&[0xaa; 20], &[0xdd; 50]), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    let long = b"Test Using Larger Than Block-Size Key - Hash Key First";
    assert_eq!(hmac(&[0xaa; 131], long), "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    assert!(DigestKey::new(KeyId::new("k").expect("an id"), b"short").is_none());
    assert!(KeyId::new("").is_none() && KeyId::new("a:b").is_none() && KeyId::new(&"k".repeat(65)).is_none());
}

/// Without the key no candidate matches; with another key neither; the key shows nothing of itself.
#[test]
fn p15_enumeration_without_the_key_finds_nothing() {
    let key = DigestKey::new(KeyId::new("k").expect("an id"), b"a secret of bytes").expect("long enough");
    let pin = keyed_digest_of(Scope::Args, &key, "4711").expect("fine");
    let plain = |candidate: u32| digest_of(Scope::Args, &format!("{candidate:04}")).expect("fine");
    assert!((0..10_000).all(|candidate| plain(candidate).bytes() != pin.bytes()));
    let keyed = |candidate: u32| keyed_digest_of(Scope::Args, &key, &format!("{candidate:04}")).expect("fine");
    assert_eq!((0..10_000).filter(|candidate| keyed(*candidate) == pin).count(), 1, "the key finds it");
    assert_eq!(format!("{key:?}"), "DigestKey(k, secret not shown)");
}

#[test]
fn readers_are_digested_in_pieces() {
    struct Stutters<'d>(&'d [u8], bool);
    impl std::io::Read for Stutters<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(std::io::ErrorKind::Interrupted.into());
            }
            std::io::Read::read(&mut self.0, &mut out[..7])
        }
    }
    let data = vec![42; 20_000];
    let digest = digest_reader(Stutters(&data, false)).expect("reads");
    assert_eq!(digest, digest_bytes(Scope::Bytes, &data));
    assert!(digest_reader(std::fs::File::open("/").expect("the root")).is_err(), "a directory does not read");
}
