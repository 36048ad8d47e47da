//! The vectors that RFC 8785 publishes.

use serde_json::Value;

use super::super::out::Out;
use super::super::text::push_number_text;
use super::{canonical, refusal};
use crate::model::digest::DigestErrorCode;

/// Appendix B: the bits of a double and its text.
const NUMBERS: [(u64, &str); 24] = [
    (0x0000_0000_0000_0000, "0"),
    (0x8000_0000_0000_0000, "0"),
    (0x0000_0000_0000_0001, "5e-324"),
    (0x8000_0000_0000_0001, "-5e-324"),
    (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
    (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
    (0x4340_0000_0000_0000, "9007199254740992"),
    (0xc340_0000_0000_0000, "-9007199254740992"),
    (0x4430_0000_0000_0000, "295147905179352830000"),
    (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
    (0x44b5_2d02_c7e1_4af6, "1e+23"),
    (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
    (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
    (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
    (0x444b_1ae4_d6e2_ef50, "1e+21"),
    (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
    (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
    (0x41b3_de43_5555_5553, "333333333.3333332"),
    (0x41b3_de43_5555_5554, "333333333.33333325"),
    (0x41b3_de43_5555_5555, "333333333.3333333"),
    (0x41b3_de43_5555_5556, "333333333.3333334"),
    (0x41b3_de43_5555_5557, "333333333.33333343"),
    (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
    (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
];

#[test]
fn a10_appendix_b_numbers() {
    for (bits, text) in NUMBERS {
        assert_eq!(canonical(&f64::from_bits(bits)), text, "{bits:016x}");
    }
    assert_eq!(refusal(&f64::from_bits(0x7fff_ffff_ffff_ffff)).0, DigestErrorCode::NotANumber);
    assert_eq!(refusal(&f64::from_bits(0x7ff0_0000_0000_0000)).0, DigestErrorCode::Infinite);
    assert_eq!(refusal(&f64::from_bits(0xfff0_0000_0000_0000)).0, DigestErrorCode::Infinite);
}

/// Section 3.2.2: literals, numbers and strings.
#[test]
fn a10_section_3_2_2_primitives() {
    let input = r#"{
        "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
        "literals": [null, true, false]
    }"#;
    let expected = r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#;
    let value: Value = serde_json::from_str(input).expect("JSON");
    assert_eq!(canonical(&value), expected);
}

/// Section 3.2.3: keys are ordered by UTF-16 code units, so the emoji comes before the Hebrew presentation form.
#[test]
fn a10_section_3_2_3_key_order() {
    let input = r#"{
        "\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One", "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis"
    }"#;
    let value: Value = serde_json::from_str(input).expect("JSON");
    let text = canonical(&value);
    let order = ["Carriage Return", "One", "Control", "Latin Small", "Euro Sign", "Emoji", "Hebrew"];
    let places: Vec<_> = order.iter().map(|name| text.find(name).expect("present")).collect();
    assert!(places.is_sorted(), "{text}");
}

/// NFC and NFD are different texts: nothing normalises.
#[test]
fn a10_nfc_and_nfd_stay_apart() {
    assert_ne!(canonical("\u{e9}"), canonical("e\u{301}"));
    assert_eq!(canonical("\u{e9}"), "\"\u{e9}\"");
}

/// Numbers that arrive as text follow the same rules as numbers.
#[test]
fn a10_number_texts() {
    let number = |text: &str| {
        let mut out = Out::default();
        push_number_text(&mut out, text).map(|()| String::from_utf8_lossy(out.as_slice()).into_owned())
    };
    for (text, expected) in [("1", "1"), ("-0", "0"), ("-0.0", "0"), ("1.50", "1.5"), ("1E30", "1e+30")] {
        assert_eq!(number(text).as_deref(), Ok(expected));
    }
    assert_eq!(number("9007199254740993").map_err(|e| e.code()), Err(DigestErrorCode::IntegerRounds));
    assert_eq!(number("1e999").map_err(|e| e.code()), Err(DigestErrorCode::Infinite));
    assert_eq!(number("twelve").map_err(|e| e.code()), Err(DigestErrorCode::Malformed));
}
