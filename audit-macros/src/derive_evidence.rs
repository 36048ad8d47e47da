//! `#[derive(Evidence)]`: each variant of an error type gets a stable code.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::ext::IdentExt;
use syn::{Attribute, Data, DeriveInput, Fields, Ident, LitStr};

use crate::derive;
use crate::report::{Report, nearest};

/// What `#[evidence(..)]` says on a variant.
enum Code {
    Given(String, Span),
    Transparent(Span),
    Named,
}

/// The derive.
pub fn derive(input: TokenStream) -> TokenStream {
    derive::run(input, implementation)
}

fn implementation(input: &DeriveInput, report: &mut Report) -> TokenStream {
    let here = Span::mixed_site();
    let p = derive::private(&input.attrs, "evidence", report);
    let name = &input.ident;
    let body = match &input.data {
        Data::Struct(_) => {
            let code = match code_of(&input.attrs, report) {
                Code::Given(code, _) => code,
                Code::Named | Code::Transparent(_) => screaming(name),
            };
            quote_spanned!(here=> #code)
        }
        Data::Enum(data) if data.variants.is_empty() => quote_spanned!(here=> match *self {}),
        Data::Enum(data) => {
            let mut seen: Vec<(String, Ident)> = Vec::new();
            let mut arms = TokenStream::new();
            for variant in &data.variants {
                let ident = &variant.ident;
                let (code, span) = match code_of(&variant.attrs, report) {
                    Code::Given(code, span) => (code, span),
                    Code::Named => (screaming(ident), ident.span()),
                    Code::Transparent(span) => {
                        arms.extend(transparent(name, ident, &variant.fields, span, &p, report));
                        continue;
                    }
                };
                if let Some((_, first)) = seen.iter().find(|(old, _)| *old == code) {
                    report.at(span, format!("the code `{code}` already names `{first}`; a code names one variant"));
                }
                seen.push((code.clone(), ident.clone()));
                arms.extend(quote_spanned!(here=> #name::#ident { .. } => #code,));
            }
            quote_spanned!(here=> match self { #arms })
        }
        Data::Union(data) => {
            report.at(
                data.union_token.span,
                "a union is no error type\n  = help: use an enum with a variant for each failure",
            );
            return TokenStream::new();
        }
    };
    let (impl_generics, ty_generics, where_clause) = input.generics.split_for_impl();
    quote_spanned! {here=>
        #[automatically_derived]
        impl #impl_generics #p::Evidence for #name #ty_generics #where_clause {
            fn error_code(&self) -> &#p::str {
                #body
            }
        }
    }
}

fn transparent(
    name: &Ident,
    ident: &Ident,
    fields: &Fields,
    span: Span,
    p: &TokenStream,
    report: &mut Report,
) -> TokenStream {
    let here = Span::mixed_site();
    let inner = Ident::new("inner", here);
    match fields {
        Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
            quote_spanned!(here=> #name::#ident(#inner) => #p::Evidence::error_code(#inner),)
        }
        Fields::Named(fields) if fields.named.len() == 1 => {
            let field = fields.named.first().and_then(|field| field.ident.as_ref());
            quote_spanned!(here=> #name::#ident { #field: #inner } => #p::Evidence::error_code(#inner),)
        }
        Fields::Named(_) | Fields::Unnamed(_) | Fields::Unit => {
            report.at(span, "`transparent` passes on the code of the variant's only field\n  = help: give this variant a code of its own: `#[evidence(code = \"…\")]`");
            TokenStream::new()
        }
    }
}

fn code_of(attrs: &[Attribute], report: &mut Report) -> Code {
    let mut code = Code::Named;
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("evidence")) {
        let read = attr.parse_nested_meta(|meta| {
            if meta.path.is_ident("code") {
                let lit: LitStr = meta.value()?.parse()?;
                if lit.value().trim().is_empty() || lit.value().len() > 100 {
                    return Err(syn::Error::new(
                        lit.span(),
                        "a code is a short stable word such as `VALIDATION_ERROR`",
                    ));
                }
                code = Code::Given(lit.value(), lit.span());
                return Ok(());
            }
            if meta.path.is_ident("transparent") {
                code = Code::Transparent(syn::spanned::Spanned::span(&meta.path));
                return Ok(());
            }
            if meta.path.is_ident("crate") {
                meta.value()?.call(syn::Path::parse_mod_style)?;
                return Ok(());
            }
            let written = meta.path.to_token_stream().to_string();
            let hint = nearest(&written, &["code", "transparent"]).map_or_else(
                || "it knows `code = \"…\"` and `transparent`".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            Err(meta.error(format!("`#[evidence(..)]` does not know `{written}`; {hint}")))
        });
        if let Err(error) = read {
            report.push(error);
        }
    }
    code
}

/// `NoSuchRow` as `NO_SUCH_ROW`.
fn screaming(ident: &Ident) -> String {
    let name = ident.unraw().to_string();
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (i, c) in chars.iter().enumerate() {
        let after_lower = i > 0 && (chars[i - 1].is_lowercase() || chars[i - 1].is_ascii_digit());
        let before_lower =
            i > 0 && chars.get(i + 1).is_some_and(|next| next.is_lowercase()) && chars[i - 1].is_uppercase();
        if c.is_uppercase() && (after_lower || before_lower) {
            out.push('_');
        }
        out.extend(c.to_uppercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_become_codes() {
        let code = |name: &str| screaming(&Ident::new(name, Span::call_site()));
        assert_eq!(code("NoSuchRow"), "NO_SUCH_ROW");
        assert_eq!(code("IOError"), "IO_ERROR");
        assert_eq!(code("Http2Failed"), "HTTP2_FAILED");
        assert_eq!(screaming(&Ident::new_raw("Type", Span::call_site())), "TYPE");
    }
}
