//! Expansions as ordinary Rust: `tests/expand/NAME.rs` is what a user writes, `NAME.expanded.rs` what becomes of it.
//! `UPDATE_EXPAND=1 cargo test -p audit-macros` writes them anew; the change is then reviewed like any other.

use std::fs;
use std::path::PathBuf;

use quote::ToTokens;
use syn::{Item, Meta};

use crate::block;

fn dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/expand")
}

/// What is expanded.
const KNOWN: &[&str] = &["audited", "derive", "gate", "action"];

/// The file with each `#[audited]` on its items expanded.
fn expanded(source: &str) -> String {
    let mut file = syn::parse_file(source).expect("a case is sound Rust");
    for item in &mut file.items {
        let attrs = match item {
            Item::Fn(function) => &mut function.attrs,
            Item::Impl(block) => &mut block.attrs,
            Item::Trait(block) => &mut block.attrs,
            Item::Mod(module) => &mut module.attrs,
            Item::Enum(item) => &mut item.attrs,
            Item::Struct(item) => &mut item.attrs,
            Item::Macro(call) if call.mac.path.is_ident("contract") => {
                *item = Item::Verbatim(crate::contract::contract(call.mac.tokens.clone()));
                continue;
            }
            _ => continue,
        };
        let Some(at) = attrs.iter().position(|attr| KNOWN.iter().any(|known| attr.path().is_ident(known))) else {
            continue;
        };
        let attr = attrs.remove(at);
        let options = match &attr.meta {
            Meta::List(list) => list.tokens.clone(),
            _ => proc_macro2::TokenStream::new(),
        };
        let tokens = item.to_token_stream();
        let output = match (attr.path().is_ident("derive"), options.to_string().as_str()) {
            (true, "Evidence") => crate::derive_evidence::derive(tokens),
            (true, _) => crate::derive_digest::derive(tokens),
            (false, _) if attr.path().is_ident("gate") => crate::governed::gate(options, tokens),
            (false, _) if attr.path().is_ident("action") => crate::governed::action(options, tokens),
            (false, _) => block::audited(options, tokens),
        };
        *item = Item::Verbatim(output);
    }
    let tokens = file.into_token_stream();
    prettyplease::unparse(&syn::parse2(tokens).expect("an expansion is sound Rust"))
}

#[test]
fn expansions_are_what_was_reviewed() {
    let mut cases: Vec<PathBuf> = fs::read_dir(dir())
        .expect("the cases")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| !path.to_string_lossy().ends_with(".expanded.rs"))
        .collect();
    cases.sort();
    assert!(cases.len() >= 10, "{} cases", cases.len());
    for case in cases {
        let reviewed = case.with_extension("expanded.rs");
        let now = expanded(&fs::read_to_string(&case).expect("a case"));
        if std::env::var_os("UPDATE_EXPAND").is_some() {
            fs::write(&reviewed, &now).expect("written");
        }
        let then = fs::read_to_string(&reviewed).unwrap_or_default();
        assert_eq!(now, then, "{} expands otherwise than reviewed", case.display());
    }
}

/// The thin expansion: without options it adds fewer than 800 characters to a function, a tenth of them the question
/// whether there is anything to ask, which stands in the open so that the compiler runs the unasked way straight through.
#[test]
fn a_plain_expansion_is_thin() {
    let source = "fn import(rows: u32) -> Result<u32, Failure> { Ok(rows) }";
    let output = block::audited(proc_macro2::TokenStream::new(), source.parse().expect("tokens")).to_string();
    let dense: String = output.split_whitespace().collect();
    let written: String = source.split_whitespace().collect();
    assert!(dense.len() - written.len() < 800, "{} characters: {dense}", dense.len() - written.len());
}
