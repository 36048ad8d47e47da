//! Canaries must not survive, innocent texts must, and no text may make the scanner panic.

use std::borrow::Cow;

use proptest::prelude::*;

use super::{CUT_MARK, ERROR_TEXT_LIMIT, scrub, scrub_error_text};

/// Text, what must not survive, and the scrubbed text.
const FOUND: &[(&str, &str, &str)] = &[
    ("mail jane.doe+x@example.co.uk, now", "jane", "mail [email], now"),
    ("<jane@example.org>.", "jane", "<[email]>."),
    ("user='jane@example.org'", "jane", "user='[email]'"),
    ("?to=jane%40example.org&x=1", "jane", "?to=[email]&x=1"),
    ("jürgen@müller.de wrote", "rgen", "[email] wrote"),
    ("call +49 151 23456789 today", "23456789", "call [phone] today"),
    ("call (555) 867-5309.", "867", "call [phone]."),
    ("call 555-867-5309", "867", "call [phone]"),
    ("call 1 555 867 5309", "867", "call [phone]"),
    ("tel:+15558675309;", "867", "tel:[phone];"),
    ("London 020 7946 0958!", "7946", "London [phone]!"),
    ("Paris 06 12 34 56 78", "34 56", "Paris [phone]"),
    ("Berlin 0151/23456789", "2345", "Berlin [phone]"),
    ("card 4111 1111 1111 1111 12/26", "1111", "card [card] 12/26"),
    ("card 4111-1111-1111-1111", "1111", "card [card]"),
    ("card_4111111111111111_x", "1111", "card_[card]_x"),
    ("amex 378282246310005", "3782", "amex [card]"),
    ("ssn 078-05-1120,", "05", "ssn [ssn],"),
    ("at eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln.", "eyJ", "at [jwt]."),
    ("Authorization: Bearer abc.def-123", "abc", "Authorization: [secret]"),
    ("sent bearer  abcdef0123", "abcd", "sent bearer  [token]"),
    ("sent Basic dXNlcjpwYXNz to", "dXN", "sent Basic [token] to"),
    ("key sk-proj-0123456789abcdef", "0123", "key [key]"),
    ("key AKIAIOSFODNN7EXAMPLE.", "IOSF", "key [key]."),
    ("ghp_0123456789abcdefABCD", "0123", "[key]"),
    ("hook xoxb-12345-67890-abc", "12345", "hook [key]"),
    ("api_key=abcDEF123&x=1", "abc", "api_key=[secret]&x=1"),
    ("X-Api-Key: abcDEF123", "abc", "X-Api-Key: [secret]"),
    ("password=hunter2 user=bob", "hunter", "password=[secret] user=bob"),
    ("password=hunter2,user=bob", "hunter", "password=[secret],user=bob"),
    ("password=hun,ter2", "ter2", "password=[secret]"),
    ("{\"password\":\"hun\\\"ter2\",\"a\":1}", "ter2", "{\"password\":\"[secret]\",\"a\":1}"),
    ("{\\\"password\\\":\\\"hunter2\\\"}", "hunter", "{\\\"password\\\":\\\"[secret]\\\"}"),
    ("Login { password: Some(\"hunter 2\") }", "hunter", "Login { password: [secret] }"),
    ("token: abc", "abc", "token: [secret]"),
    ("client.secret => 'abc'", "abc", "client.secret => '[secret]'"),
    ("postgres://app:hunter2@db:5432/main", "hunter", "postgres://app:[password]@db:5432/main"),
    ("redis://:hunter2@cache", "hunter", "redis://:[password]@cache"),
    ("amqp://u:p/w@mq/v", "p/w", "amqp://u:[password]@mq/v"),
    ("k: -----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- x", "MIIE", "k: [key] x"),
    ("-----BEGIN PRIVATE KEY-----\nMIIE", "MIIE", "[key]"),
];

/// Texts that hold nothing of the kind.
const CLEAN: &[&str] = &[
    "",
    "connection refused (os error 111)",
    "line 12, column 4: expected `}`",
    "took 1234567 ns at 2026-11-21T09:14:00.123456789Z",
    "1700000000 1700000000000 1732180440123456789",
    "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "10.0.0.1:8080 and 192.168.100.200, [::1]:80",
    "0.4111111111111111 and 3.14159265358979",
    "token::Stream in std::path::Path, serde@1.0.229",
    "https://example.org:443/a/b?c=d#e",
    "a basic understanding of tasks, sk-learn, escape, eyJ",
    "flight 2013-01-01 LGA-JFK 123-456, N14228",
    "4111 1111 1111 1112 fails Luhn by one",
    "@ a@ @b a@b a@b.1 %40 + ( (1 +1 -----BEGIN",
    "ünïcödé 中文 😀",
];

#[test]
fn p12_secrets_do_not_survive() {
    for (text, canary, expected) in FOUND {
        let scrubbed = scrub(text);
        assert_eq!(&scrubbed, expected);
        assert!(!scrubbed.contains(canary) && text.contains(canary), "{text}");
        assert_eq!(scrub(&scrubbed), *expected, "scrubbing twice changes nothing");
    }
}

/// Every prefix of a key is met by the quick look at its first two letters.
#[test]
fn p12_every_key_prefix_is_found() {
    for (prefix, least) in super::secret::PREFIXES {
        let key = format!("{}{}", String::from_utf8_lossy(prefix), "a1".repeat(least));
        assert_eq!(scrub(&format!("use {key}!")), "use [key]!");
    }
}

/// Negative control of the marks: innocent texts are given back as they are, without a copy.
#[test]
fn clean_texts_are_borrowed() {
    for text in CLEAN {
        assert!(matches!(scrub(text), Cow::Borrowed(same) if same == *text), "{text} -> {}", scrub(text));
    }
}

#[test]
fn p11_all_canaries_in_one_text() {
    let text = FOUND.iter().map(|(text, ..)| *text).collect::<Vec<_>>().join("\n");
    let scrubbed = scrub(&text);
    for canary in ["jane@", "867-5309", "4111", "078-05-1120", "hunter", "eyJhbGci", "AKIAIOSF", "ghp_0", "MIIE"] {
        assert!(text.contains(canary) && !scrubbed.contains(canary), "{canary} in {scrubbed}");
    }
}

#[test]
fn g2_error_texts_are_scrubbed_and_cut() {
    assert_eq!(scrub_error_text("for jane@example.org"), "for [email]");
    let long = format!("{} jane@example.org {}", "é".repeat(505), "x".repeat(100_000));
    let cut = scrub_error_text(&long);
    assert!(cut.len() <= ERROR_TEXT_LIMIT && cut.ends_with(CUT_MARK) && !cut.contains("jane"));
    let exact = "y".repeat(ERROR_TEXT_LIMIT);
    assert_eq!(scrub_error_text(&exact), exact);
    let over = scrub_error_text(&format!("{exact}y"));
    assert_eq!((over.len(), over.ends_with(CUT_MARK)), (ERROR_TEXT_LIMIT, true));
}

/// Texts made of what the scanner looks for, in pieces that do not fit together.
fn nasty() -> impl Strategy<Value = String> {
    let words = FOUND.iter().map(|(text, ..)| (*text).to_owned()).collect::<Vec<_>>();
    let piece = prop_oneof![
        proptest::sample::select(words.clone()),
        (proptest::sample::select(words), 0..40_usize, 0..40_usize)
            .prop_map(|(word, from, length)| { word.chars().skip(from).take(length).collect() }),
        "[-@%:/=\"'\\\\,;&()+.0-9a-z é]{0,12}",
        any::<String>(),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_scanner_panic(text in nasty()) {
        let scrubbed = scrub(&text);
        prop_assert!(matches!(&scrubbed, Cow::Owned(_)) || scrubbed == text);
        prop_assert!(scrub_error_text(&text).len() <= ERROR_TEXT_LIMIT);
    }

    /// A canary between blanks is found whatever stands around it.
    #[test]
    fn p12_a_canary_is_found_anywhere(before in "[a-z .,;]{0,20}", after in "[a-z .,;]{0,20}") {
        for canary in ["jane@example.org", "4111111111111111", "078-05-1120", "AKIAIOSFODNN7EXAMPLE", "+15558675309"] {
            let text = format!("{before} {canary} {after}");
            prop_assert!(!scrub(&text).contains(canary), "{}", text);
        }
    }
}

/// Texts that would take a quadratic scanner minutes.
#[test]
fn long_repetitions_end() {
    for piece in
        ["://a:b/", "eyJ-", "sk-", "a%40", "@", "1 ", "1-", "token=\\", "password:\"", "-----BEGIN ", "(", ",a"]
    {
        let text = piece.repeat(50_000);
        assert!(scrub(&text).len() <= 2 * text.len(), "{piece}");
    }
}
