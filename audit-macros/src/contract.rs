//! `contract! { .. }`: what a run promises, declared once. Read item by item, compared with the rules, written as one
//! constant an action, the contract itself, and an entry of the catalogue. A mistake does not take the rest away: what
//! could be read is written all the same, so that code which uses it gives no second error.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::quote_spanned;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Expr, Lit, Path, Token, Visibility};

use crate::expand::place;
use crate::pledge::duration;
use crate::report::{Report, nearest};

/// One contract.
struct Contract {
    docs: Vec<Attribute>,
    vis: Visibility,
    name: Ident,
    params: TokenStream,
    terms: Vec<Term>,
}

/// One action.
struct Term {
    docs: Vec<Attribute>,
    domain: Ident,
    action: Ident,
    within: Within,
    finalising: bool,
}

enum Within {
    Nanos(u64),
    Expr(Box<Expr>),
}

impl Term {
    fn constant(&self) -> Ident {
        Ident::new(&self.action.unraw().to_string().to_uppercase(), self.action.span())
    }
}

/// The whole macro.
pub fn contract(tokens: TokenStream) -> TokenStream {
    let mut report = Report::default();
    let mut krate = None;
    let mut contracts = Vec::new();
    let read = |input: ParseStream<'_>| {
        krate = krate_of(input)?;
        while !input.is_empty() {
            contracts.push(one(input, &mut report)?);
        }
        Ok(())
    };
    if let Err(error) = read.parse2(tokens) {
        report.push(error);
    } else if contracts.is_empty() {
        report.at(Span::call_site(), format!("a contract belongs here\n  = help: {SHAPE}"));
    }
    for contract in &contracts {
        validate(contract, &mut report);
    }
    let written: TokenStream = contracts.iter().map(|contract| expand(contract, krate.as_ref())).collect();
    let mut out = report.into_tokens();
    out.extend(written);
    out
}

const SHAPE: &str = "write `name { domain parts { action within 5s; finally last within 60s; } }`";

/// `crate = path;` at the very beginning.
fn krate_of(input: ParseStream<'_>) -> syn::Result<Option<Path>> {
    if !(input.peek(Token![crate]) && input.peek2(Token![=])) {
        return Ok(None);
    }
    input.parse::<Token![crate]>()?;
    input.parse::<Token![=]>()?;
    let path = input.call(Path::parse_mod_style)?;
    input.parse::<Token![;]>()?;
    Ok(Some(path))
}

fn one(input: ParseStream<'_>, report: &mut Report) -> syn::Result<Contract> {
    let docs = input.call(Attribute::parse_outer)?;
    let vis = input.parse()?;
    if !input.peek(Ident::peek_any) {
        return Err(input.error(format!("the name of a contract belongs here\n  = help: {SHAPE}")));
    }
    let name: Ident = input.parse()?;
    let mut params = TokenStream::new();
    if input.peek(syn::token::Paren) {
        let content;
        syn::parenthesized!(content in input);
        params = content.parse()?;
    }
    if !input.peek(syn::token::Brace) {
        return Err(syn::Error::new(name.span(), format!("`{name}` declares nothing\n  = help: {SHAPE}")));
    }
    let content;
    syn::braced!(content in input);
    let mut terms = Vec::new();
    while !content.is_empty() {
        if let Err(error) = domain(&content, &mut terms, report) {
            report.push(error);
            skip_to_braces(&content);
        }
    }
    Ok(Contract { docs, vis, name, params, terms })
}

fn domain(input: ParseStream<'_>, terms: &mut Vec<Term>, report: &mut Report) -> syn::Result<()> {
    if !input.peek(Ident::peek_any) {
        return Err(input.error("a domain belongs here: `domain orders { reserve within 5s; }`"));
    }
    let word = input.call(Ident::parse_any)?;
    if word != "domain" {
        let text = word.to_string();
        let hint = match nearest(&text, &["domain"]) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "actions stand within their domain: `domain orders { reserve within 5s; }`".to_owned(),
        };
        return Err(syn::Error::new(word.span(), format!("`{text}` is no part of a contract; {hint}")));
    }
    if !input.peek(Ident::peek_any) {
        return Err(syn::Error::new(word.span(), "a domain needs a name: `domain orders { reserve within 5s; }`"));
    }
    let domain = input.call(Ident::parse_any)?;
    if !input.peek(syn::token::Brace) {
        let message = format!("domain `{domain}` needs its actions: `domain {domain} {{ reserve within 5s; }}`");
        return Err(syn::Error::new(domain.span(), message));
    }
    let content;
    syn::braced!(content in input);
    if content.is_empty() {
        report.at(
            domain.span(),
            format!("domain `{domain}` has no action\n  = help: write one, or leave the domain out"),
        );
    }
    while !content.is_empty() {
        match term(&content, &domain) {
            Ok(term) => terms.push(term),
            Err(error) => {
                report.push(error);
                skip_to_semicolon(&content);
            }
        }
    }
    Ok(())
}

fn term(input: ParseStream<'_>, domain: &Ident) -> syn::Result<Term> {
    let docs = input.call(Attribute::parse_outer)?;
    if !input.peek(Ident::peek_any) {
        return Err(input.error("an action belongs here: `reserve within 5s;`"));
    }
    let mut action = input.call(Ident::parse_any)?;
    let mut finalising = false;
    if input.peek(Ident::peek_any) && !input.fork().call(Ident::parse_any).is_ok_and(|next| next == "within") {
        if action != "finally" {
            let text = action.to_string();
            let hint = match nearest(&text, &["finally"]) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("write `{text} within 5s;`"),
            };
            return Err(syn::Error::new(action.span(), format!("an action is one name; {hint}")));
        }
        finalising = true;
        action = input.call(Ident::parse_any)?;
    }
    let text = action.unraw().to_string();
    if !text.is_ascii() || text.trim_start_matches('_').is_empty() {
        return Err(syn::Error::new(action.span(), "an action's name is made of ASCII letters, digits and `_`"));
    }
    let missing = || {
        let finally = if finalising { "finally " } else { "" };
        let message = format!(
            "`{action}` could wait for ever: it has no deadline\n  = help: write `{finally}{action} within 5s;`"
        );
        syn::Error::new(action.span(), message)
    };
    if !input.peek(Ident::peek_any) {
        return Err(missing());
    }
    let word = input.call(Ident::parse_any)?;
    if word != "within" {
        return Err(syn::Error::new(word.span(), format!("`within` belongs here: `{action} within 5s;`")));
    }
    if input.is_empty() || input.peek(Token![;]) {
        return Err(missing());
    }
    let within = if input.peek(syn::token::Paren) {
        let content;
        syn::parenthesized!(content in input);
        Within::Expr(Box::new(content.parse()?))
    } else {
        let lit: Lit = input.parse().map_err(|error| {
            let help =
                "a deadline is a number with its unit (`5s`), or an expression in parentheses: `within (timeout)`";
            syn::Error::new(error.span(), help)
        })?;
        Within::Nanos(duration(&lit)?)
    };
    if !input.peek(Token![;]) {
        return Err(syn::Error::new(action.span(), format!("an action ends with `;`: `{action} within 5s;`")));
    }
    input.parse::<Token![;]>()?;
    Ok(Term { docs, domain: domain.clone(), action, within, finalising })
}

fn skip_to_semicolon(input: ParseStream<'_>) {
    while !input.is_empty() {
        let semicolon = input.peek(Token![;]);
        if input.parse::<TokenTree>().is_err() || semicolon {
            return;
        }
    }
}

fn skip_to_braces(input: ParseStream<'_>) {
    while !input.is_empty() {
        let braces = input.peek(syn::token::Brace);
        if input.parse::<TokenTree>().is_err() || braces {
            return;
        }
    }
}

fn validate(contract: &Contract, report: &mut Report) {
    let mut last = contract.terms.iter().filter(|term| term.finalising);
    match (last.next(), last.next()) {
        (None, _) => report.at(
            contract.name.span(),
            format!("contract `{}` never ends: no action is declared to end the run\n  = help: write `finally last within 60s;` for the action that does", contract.name),
        ),
        (Some(first), Some(second)) => report.at(
            second.action.span(),
            format!("`{}` ends the run already; a contract has one `finally`\n  = help: remove `finally` here, or there", first.action),
        ),
        (Some(_), None) => {}
    }
    for (at, term) in contract.terms.iter().enumerate() {
        let name = term.constant();
        if name == "ALL" {
            report.at(term.action.span(), "`all` names the list of a contract's actions; choose another name");
        }
        if let Some(other) = contract.terms[..at].iter().find(|other| other.constant() == name) {
            let message = if other.domain == term.domain {
                format!(
                    "`{}` is declared twice\n  = help: an action that is expected several times is declared once; `Subject::instance` tells its instances apart",
                    term.action
                )
            } else {
                format!(
                    "`{}` is an action of domain `{}` already, and both would be the constant `{name}`\n  = help: rename one of them",
                    term.action, other.domain
                )
            };
            report.at(term.action.span(), message);
        }
    }
}

/// The time of a deadline, for people.
fn said(within: &Within) -> String {
    match within {
        Within::Expr(expr) => crate::attribute::one_line(&quote::quote!(#expr)),
        Within::Nanos(ns) if ns % 1_000_000_000 == 0 => format!("{} s", ns / 1_000_000_000),
        Within::Nanos(ns) => format!("{} ms", ns / 1_000_000),
    }
}

fn expand(contract: &Contract, krate: Option<&Path>) -> TokenStream {
    let here = Span::mixed_site();
    let p = match krate {
        Some(path) => quote_spanned!(here=> #path::__private),
        None => quote_spanned!(here=> ::audit_runtime::__private),
    };
    let Contract { docs, vis, name, params, terms } = contract;
    let mut seen: Vec<Ident> = Vec::new();
    let terms: Vec<&Term> = terms
        .iter()
        .filter(|term| {
            let fresh = !seen.contains(&term.constant());
            seen.push(term.constant());
            fresh
        })
        .collect();
    let text = name.unraw().to_string();
    let inner = inner_vis(vis);
    let constants = terms.iter().map(|term| constant(term, &text, &inner, &p));
    let names: Vec<Ident> = terms.iter().map(|term| term.constant()).collect();
    let (line, _) = line_of(name.span());
    let deadlines = terms.iter().map(|term| match &term.within {
        Within::Nanos(ns) => quote_spanned!(here=> #p::nanos(#ns)),
        Within::Expr(expr) => quote_spanned!(here=> #expr),
    });
    let table: Vec<String> = std::iter::once(String::new())
        .chain(["| action | within |".to_owned(), "|---|---|".to_owned()])
        .chain(terms.iter().map(|term| {
            let last = if term.finalising { ", ends the run" } else { "" };
            format!("| `{}/{}`{last} | {} |", term.domain.unraw(), term.action.unraw(), said(&term.within))
        }))
        .collect();
    let head = docs.is_empty().then(|| {
        let head = format!("The contract `{text}`.");
        quote_spanned!(here=> #[doc = #head])
    });
    let of = format!("The actions of contract `{text}`.");
    let rows = table.iter();
    quote_spanned! {here=>
        #[doc = #of]
        #vis mod #name {
            #(#constants)*
            /// All of them, in order of declaration.
            #inner const ALL: &[#p::Term] = &[#(#names),*];
            static __CONTRACT: #p::ContractSite = #p::ContractSite {
                name: #text,
                module: ::core::module_path!(),
                file: ::core::file!(),
                line: #line,
                terms: ALL,
            };
            #p::inventory::submit! { #p::Registered::Contract(&__CONTRACT) }
        }
        #(#docs)*
        #head
        #(#[doc = #rows])*
        #[must_use]
        #vis fn #name(#params) -> #p::Contract {
            #p::Contract::of_terms(#text, [#((#name::#names, #deadlines)),*])
        }
    }
}

/// The visibility of what stands in the contract's module: it is seen where the contract is, and no further.
fn inner_vis(vis: &Visibility) -> TokenStream {
    let here = Span::mixed_site();
    match vis {
        Visibility::Public(_) => quote_spanned!(here=> pub),
        Visibility::Restricted(restricted) if restricted.path.is_ident("crate") => quote_spanned!(here=> pub(crate)),
        Visibility::Restricted(restricted) if restricted.path.is_ident("super") => {
            quote_spanned!(here=> pub(in super::super))
        }
        Visibility::Restricted(_) | Visibility::Inherited => quote_spanned!(here=> pub(super)),
    }
}

fn constant(term: &Term, contract: &str, vis: &TokenStream, p: &TokenStream) -> TokenStream {
    let here = Span::mixed_site();
    let (name, docs) = (term.constant(), &term.docs);
    let (domain, action) = (term.domain.unraw().to_string(), term.action.unraw().to_string());
    let last = if term.finalising { "; it ends the run" } else { "" };
    let doc = format!("`{domain}/{action}`, within {}{last}.", said(&term.within));
    let within = match &term.within {
        Within::Nanos(ns) => quote_spanned!(here=> #p::Some(#ns)),
        Within::Expr(_) => quote_spanned!(here=> #p::None),
    };
    let finalising = term.finalising;
    let (line, _) = line_of(term.action.span());
    let blank = (!docs.is_empty()).then(|| quote_spanned!(here=> #[doc = ""]));
    quote_spanned! {here=>
        #(#docs)*
        #blank
        #[doc = #doc]
        #vis const #name: #p::Term =
            #p::Term::new(#contract, (#domain, #action), #within, #finalising, (::core::file!(), #line));
    }
}

/// The line where something stands, or that of the macro's call where the compiler does not tell.
pub fn line_of(span: Span) -> (TokenStream, u32) {
    match place(span) {
        (0, _) => (quote::quote!(::core::line!()), 0),
        (line, column) => (quote::quote!(#line), column),
    }
}
