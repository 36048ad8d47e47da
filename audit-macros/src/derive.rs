//! What the derives share: the item is read once, its mistakes are told together, the runtime may have another name.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::{Attribute, DeriveInput, LitStr, Path};

use crate::report::Report;

/// Reads the item and implements what is derived, or tells every mistake.
pub fn run(input: TokenStream, implementation: fn(&DeriveInput, &mut Report) -> TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.to_compile_error(),
    };
    let mut report = Report::default();
    let tokens = implementation(&input, &mut report);
    if report.is_empty() { tokens } else { report.into_tokens() }
}

/// Where a derive finds the runtime: `#[audit(crate = path)]` or `#[evidence(crate = path)]` on the type.
pub fn private(attrs: &[Attribute], name: &str, report: &mut Report) -> TokenStream {
    let mut krate: Option<Path> = None;
    for attr in attrs.iter().filter(|attr| attr.path().is_ident(name)) {
        let read = attr.parse_nested_meta(|meta| {
            if meta.path.is_ident("crate") {
                krate = Some(meta.value()?.call(Path::parse_mod_style)?);
                return Ok(());
            }
            if name == "evidence" && meta.path.is_ident("code") {
                meta.value()?.parse::<LitStr>()?;
                return Ok(());
            }
            let written = meta.path.to_token_stream().to_string();
            let only = if name == "evidence" { "`code = \"…\"` and `crate = path`" } else { "`crate = path`" };
            Err(meta.error(format!("`#[{name}(..)]` on a type does not know `{written}`; it knows {only}")))
        });
        if let Err(error) = read {
            report.push(error);
        }
    }
    let here = Span::mixed_site();
    match krate {
        Some(path) => quote_spanned!(here=> #path::__private),
        None => quote_spanned!(here=> ::audit_runtime::__private),
    }
}
