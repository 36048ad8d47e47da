//! `#[derive(AuditDigest)]`: the form that serde_json would write, with the keys put in order while compiling.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Field, Fields, GenericParam, Index, LitStr};

use crate::derive;
use crate::report::{Report, nearest};

/// What a field's attribute asks for.
#[derive(Default)]
struct Ask {
    skip: Option<Span>,
    redact: Option<Span>,
    keyed: Option<Span>,
    text: Option<Span>,
    rename: Option<String>,
}

/// Words that `#[audit(..)]` knows on a field.
const WORDS: &[&str] = &["skip", "redact", "keyed", "text", "rename"];

impl Ask {
    fn of(attrs: &[Attribute], report: &mut Report) -> Ask {
        let mut ask = Ask::default();
        for attr in attrs.iter().filter(|attr| attr.path().is_ident("audit")) {
            let read = attr.parse_nested_meta(|meta| {
                let name = meta.path.to_token_stream().to_string();
                let place = match name.as_str() {
                    "skip" => &mut ask.skip,
                    "redact" => &mut ask.redact,
                    "keyed" => &mut ask.keyed,
                    "text" => &mut ask.text,
                    "rename" => {
                        ask.rename = Some(meta.value()?.parse::<LitStr>()?.value());
                        return Ok(());
                    }
                    other => {
                        let hint = nearest(other, WORDS).map_or_else(
                            || format!("it knows {}", WORDS.join(", ")),
                            |near| format!("did you mean `{near}`?"),
                        );
                        return Err(meta.error(format!("`#[audit(..)]` on a field does not know `{other}`; {hint}")));
                    }
                };
                *place = Some(meta.path.span());
                Ok(())
            });
            if let Err(error) = read {
                report.push(error);
            }
        }
        let asked: Vec<Span> = [ask.skip, ask.redact, ask.keyed, ask.text].into_iter().flatten().collect();
        if let [_, second, ..] = asked.as_slice() {
            report.at(*second, "a field is skipped, redacted, keyed or digested as text: choose one");
        }
        ask
    }
}

/// The derive.
pub fn derive(input: TokenStream) -> TokenStream {
    derive::run(input, implementation)
}

fn implementation(input: &DeriveInput, report: &mut Report) -> TokenStream {
    let here = Span::mixed_site();
    let p = derive::private(&input.attrs, "audit", report);
    let name = &input.ident;
    let body = match &input.data {
        Data::Struct(data) => {
            let (pattern, binds) = bind(&data.fields);
            let write = write_fields(&data.fields, &binds, &p, report);
            quote_spanned!(here=> let #name #pattern = self; #write)
        }
        Data::Enum(data) if data.variants.is_empty() => quote_spanned!(here=> match *self {}),
        Data::Enum(data) => {
            let arms = data.variants.iter().map(|variant| {
                let ident = &variant.ident;
                let ask = Ask::of(&variant.attrs, report);
                if let Some(span) = ask.skip.or(ask.redact).or(ask.keyed).or(ask.text) {
                    report.at(span, "this belongs on a field of the variant; on a variant only `rename` has a meaning");
                }
                let text = ask.rename.unwrap_or_else(|| ident.unraw().to_string());
                let (pattern, binds) = bind(&variant.fields);
                if matches!(variant.fields, Fields::Unit) {
                    return quote_spanned!(here=> #name::#ident => out.str(#text),);
                }
                let write = write_fields(&variant.fields, &binds, &p, report);
                quote_spanned!(here=> #name::#ident #pattern => out.variant(#text, |out| { #write }),)
            });
            let arms: Vec<TokenStream> = arms.collect();
            quote_spanned!(here=> match self { #(#arms)* })
        }
        Data::Union(data) => {
            report.at(
                data.union_token.span,
                "a union has no canonical form, because nothing says which field holds\n  = help: digest the field that holds, or use an enum",
            );
            return TokenStream::new();
        }
    };
    let mut generics = input.generics.clone();
    for param in &mut generics.params {
        if let GenericParam::Type(param) = param {
            param.bounds.push(syn::parse_quote!(#p::AuditDigest));
        }
    }
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    quote_spanned! {here=>
        #[automatically_derived]
        impl #impl_generics #p::AuditDigest for #name #ty_generics #where_clause {
            fn audit_digest(&self, out: &mut #p::CanonicalWriter<'_>) -> #p::Result<(), #p::CanonicalError> {
                #[allow(unused_imports)]
                use #p::{ViaAuditDigest as _, ViaNothing as _, ViaSerde as _};
                #body
            }
        }
    }
}

/// A pattern that binds each field, and the names that it binds.
fn bind(fields: &Fields) -> (TokenStream, Vec<Ident>) {
    let here = Span::mixed_site();
    let binds: Vec<Ident> = (0..fields.len()).map(|i| Ident::new(&format!("field{i}"), here)).collect();
    let members = fields.iter().enumerate().map(|(i, field)| match &field.ident {
        Some(ident) => ident.to_token_stream(),
        None => Index::from(i).to_token_stream(),
    });
    (quote_spanned!(here=> { #(#members: #binds),* }), binds)
}

fn write_fields(fields: &Fields, binds: &[Ident], p: &TokenStream, report: &mut Report) -> TokenStream {
    let here = Span::mixed_site();
    let mut asked: Vec<(&Field, &Ident, Ask)> =
        fields.iter().zip(binds).map(|(field, bind)| (field, bind, Ask::of(&field.attrs, report))).collect();
    let skipped: TokenStream = asked
        .iter()
        .filter(|(_, _, ask)| ask.skip.is_some() || ask.redact.is_some())
        .map(|(_, bind, _)| quote_spanned!(here=> let _ = #bind;))
        .collect();
    match fields {
        Fields::Unit => quote_spanned!(here=> out.null()),
        Fields::Named(_) => {
            let key = |field: &Field, ask: &Ask| {
                ask.rename
                    .clone()
                    .unwrap_or_else(|| field.ident.as_ref().map(|i| i.unraw().to_string()).unwrap_or_default())
            };
            asked.retain(|(_, _, ask)| ask.skip.is_none());
            let mut keyed: Vec<(String, &Field, &Ident, Ask)> =
                asked.into_iter().map(|(field, bind, ask)| (key(field, &ask), field, bind, ask)).collect();
            // RFC 8785 orders keys by their UTF-16 code units.
            keyed.sort_by(|a, b| a.0.encode_utf16().cmp(b.0.encode_utf16()));
            for pair in keyed.windows(2) {
                if pair[0].0 == pair[1].0 {
                    report.at(
                        pair[1].1.span(),
                        format!("the key `{}` stands twice; rename one of the fields", pair[1].0),
                    );
                }
            }
            let writes = keyed.iter().map(|(key, field, bind, ask)| {
                if ask.redact.is_some() {
                    return quote_spanned!(here=> object.redacted_field(#key)?;);
                }
                let value = value(field, bind, ask, p);
                let method = if ask.keyed.is_some() { format_ident!("keyed_field") } else { format_ident!("field") };
                quote_spanned!(here=> object.#method(#key, &#value)?;)
            });
            quote_spanned!(here=> #skipped out.object(|object| { #(#writes)* #p::Ok(()) }))
        }
        Fields::Unnamed(all) if all.unnamed.len() == 1 && asked[0].2.skip.is_none() => {
            let (field, bind, ask) = &asked[0];
            if ask.redact.is_some() {
                return quote_spanned!(here=> #skipped out.redacted());
            }
            let value = value(field, bind, ask, p);
            if ask.keyed.is_some() {
                quote_spanned!(here=> out.keyed(&#value))
            } else {
                quote_spanned!(here=> #p::AuditDigest::audit_digest(&#value, out))
            }
        }
        Fields::Unnamed(_) => {
            let writes = asked.iter().filter(|(_, _, ask)| ask.skip.is_none()).map(|(field, bind, ask)| {
                if ask.redact.is_some() {
                    return quote_spanned!(here=> array.item_with(|item| item.redacted())?;);
                }
                let value = value(field, bind, ask, p);
                if ask.keyed.is_some() {
                    quote_spanned!(here=> array.item_with(|item| item.keyed(&#value))?;)
                } else {
                    quote_spanned!(here=> array.item(&#value)?;)
                }
            });
            quote_spanned!(here=> #skipped out.array(|array| { #(#writes)* #p::Ok(()) }))
        }
    }
}

fn value(field: &Field, bind: &Ident, ask: &Ask, p: &TokenStream) -> TokenStream {
    let at = field.ty.span().resolved_at(Span::mixed_site());
    if ask.text.is_some() {
        return quote_spanned!(at=> #p::AsText(#bind));
    }
    quote_spanned!(at=> (&&&#p::Probe(#bind)).audit_value())
}
