//! A panic of the macro is a bug: random token streams, cut-off attributes and odd identifiers must end in a message or
//! in a function.

use proc_macro2::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};
use proptest::prelude::*;

use crate::attribute;
use crate::block;
use crate::report::Report;

/// Words beside the options' names: values, keywords, odd identifiers.
const WORDS: &[&str] = &[
    "all",
    "self",
    "within",
    "as",
    "text",
    "display",
    "type",
    "external",
    "disk",
    "refuse",
    "degrade",
    "fn",
    "async",
    "unsafe",
    "const",
    "impl",
    "mod",
    "struct",
    "extern",
    "where",
    "return",
    "dyn",
    "for",
    "a",
    "ünïcode",
    "r#type",
    "_",
    "Self",
    "move",
    "pub",
    "trait",
    "let",
    "mut",
];

/// A word that may stand in an attribute or an item.
fn words() -> impl Strategy<Value = &'static str> {
    prop::sample::select([attribute::NAMES, WORDS].concat())
}

fn leaf() -> impl Strategy<Value = TokenTree> {
    let word = words().prop_map(|word| {
        TokenTree::Ident(match word.strip_prefix("r#") {
            Some(raw) => Ident::new_raw(raw, Span::call_site()),
            None => Ident::new(word, Span::call_site()),
        })
    });
    let punct =
        (prop::sample::select(",=.:;!#?<>-&'*+|".chars().collect::<Vec<_>>()), any::<bool>()).prop_map(|(c, joint)| {
            TokenTree::Punct(Punct::new(
                if c == '\'' { ',' } else { c },
                if joint { Spacing::Joint } else { Spacing::Alone },
            ))
        });
    let literal = prop_oneof![
        ".{0,8}".prop_map(|text| Literal::string(&text)),
        any::<u64>().prop_map(Literal::u64_unsuffixed),
        (any::<u32>(), prop::sample::select(vec!["s", "ms", "h", "x"]))
            .prop_map(|(n, unit)| { format!("{n}{unit}").parse().unwrap_or_else(|_| Literal::u32_unsuffixed(n)) }),
    ]
    .prop_map(TokenTree::Literal);
    prop_oneof![4 => word, 3 => punct, 1 => literal]
}

fn tokens() -> impl Strategy<Value = TokenStream> {
    let tree = leaf().prop_recursive(3, 40, 8, |inner| {
        let delimiter =
            prop::sample::select(vec![Delimiter::Parenthesis, Delimiter::Brace, Delimiter::Bracket, Delimiter::None]);
        (delimiter, prop::collection::vec(inner, 0..8))
            .prop_map(|(delimiter, trees)| TokenTree::Group(Group::new(delimiter, trees.into_iter().collect())))
    });
    prop::collection::vec(tree, 0..24).prop_map(|trees| trees.into_iter().collect())
}

/// Attributes that were written with care, to be cut off anywhere.
const SOUND: &[&str] = &[
    r#"node = "a", kind = sink, digest(a, b.c, d as text), record(k = a + 1, "x y" = f(b)), err = type"#,
    r#"expects(PAID within 5s, "mail/sent" within 500ms), acknowledges(BOOKED, a::b), durable = disk, effect = external"#,
    r#"run = run.id(), token = t, attempt = n + 1, digest(all), digest_output, on_audit_failure = panic, crate = ::x::y"#,
];

const ITEMS: &[&str] = &[
    "fn f(a: u32) -> Result<u32, E> { Ok(a) }",
    "async fn f(&self, (a, b): (u32, u32)) -> ! { loop {} }",
    "fn f() -> Pin<Box<dyn Future<Output = u32> + Send>> { Box::pin(async move { 1 }) }",
    "impl<T> S<T> { fn f(self) {} const fn g() {} #[audited(skip)] fn h() {} #[not_audited] fn i() {} }",
    "trait T { fn f(&self); fn g(&self) -> impl Iterator<Item = u8> { [].into_iter() } }",
    "mod m { fn f() {} mod n { impl X { fn g() {} } } }",
    "struct S;",
    "fn f(",
    "fn type() {}",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn random_options_end_in_a_message_or_in_options(tokens in tokens()) {
        let mut report = Report::default();
        drop(attribute::parse(tokens, &mut report));
    }

    #[test]
    fn random_items_end_in_a_message_or_in_an_item(item in tokens(), which in 0..SOUND.len()) {
        let options: TokenStream = SOUND[which].parse().expect("sound options");
        drop(block::audited(options, item.clone()));
        drop(block::not_audited(item.clone(), item.clone()));
        drop(crate::contract::contract(item.clone()));
        drop(crate::governed::gate(item.clone(), item.clone()));
        drop(crate::governed::action(item.clone(), item.clone()));
        drop(crate::derive_digest::derive(item.clone()));
        drop(crate::derive_evidence::derive(item));
    }

    #[test]
    fn random_options_on_sound_items(tokens in tokens(), which in 0..ITEMS.len()) {
        if let Ok(item) = ITEMS[which].parse::<TokenStream>() {
            drop(crate::governed::gate(tokens.clone(), item.clone()));
            drop(crate::governed::action(tokens.clone(), item.clone()));
            drop(block::audited(tokens, item));
        }
    }
}

#[test]
fn sound_options_cut_off_anywhere_end_in_a_message_or_in_options() {
    for text in SOUND {
        for end in text.char_indices().map(|(at, _)| at).chain([text.len()]) {
            let Ok(tokens) = text[..end].parse::<TokenStream>() else { continue };
            for item in ITEMS {
                if let Ok(item) = item.parse::<TokenStream>() {
                    drop(block::audited(tokens.clone(), item));
                }
            }
        }
    }
}

#[test]
fn a_contract_cut_off_anywhere_ends_in_a_message_or_in_a_contract() {
    let text = "crate = a::b; /// Promised.\npub order(t: T) { domain orders { reserve within 5s; finally close within (t); } }";
    for end in text.char_indices().map(|(at, _)| at).chain([text.len()]) {
        let Ok(tokens) = text[..end].parse::<TokenStream>() else { continue };
        let written = crate::contract::contract(tokens).to_string();
        assert_eq!(written.contains("compile_error"), end < text.len(), "{}", &text[..end]);
    }
}

#[test]
fn sound_options_are_understood() {
    for text in SOUND {
        let mut report = Report::default();
        let options = attribute::parse(text.parse().expect("tokens"), &mut report);
        assert!(report.is_empty(), "{text}");
        assert_eq!(options.text, attribute::one_line(&text.parse().expect("tokens")));
    }
}

#[test]
fn an_enum_of_200_variants_and_a_signature_of_200_arguments_work() {
    let variants: String = (0..200).map(|i| format!("Variant{i}(u{}),", [8, 16, 32, 64][i % 4])).collect();
    let derived =
        crate::derive_evidence::derive(format!("enum E {{ {variants} }}").parse().expect("tokens")).to_string();
    assert!(derived.contains("VARIANT199") && !derived.contains("compile_error"));
    let arguments: String =
        (0..200).map(|i| format!("argument_{i}: Vec<Option<u{}>>,", [8, 16, 32, 64][i % 4])).collect();
    let item = format!("fn f({arguments}) -> Result<(), E> {{ Ok(()) }}").parse().expect("tokens");
    let expanded = block::audited("digest(all)".parse().expect("tokens"), item).to_string();
    assert!(expanded.contains("argument_199") && !expanded.contains("compile_error"));
}
