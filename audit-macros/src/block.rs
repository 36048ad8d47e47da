//! What an attribute stands on: one function, or a block whose functions it covers.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::parse::Parser;
use syn::spanned::Spanned;
use syn::{Attribute, ImplItem, Item, ItemImpl, ItemMod, ItemTrait, LitStr, Meta, Token, TraitItem};

use crate::attribute::{self, Options};
use crate::expand;
use crate::model::Function;
use crate::owner;
use crate::report::Report;
use crate::validate;

/// `#[audited(..)]` on any item.
pub fn audited(tokens: TokenStream, item: TokenStream) -> TokenStream {
    let mut report = Report::default();
    let options = attribute::parse(tokens, &mut report);
    validate::options(&options, &mut report);
    if let Ok(function) = syn::parse2::<Function>(item.clone()) {
        let owner = owner::of(function.sig.ident.span());
        return one(&function, &options, owner.as_deref(), report);
    }
    match syn::parse2::<Item>(item.clone()) {
        Ok(Item::Impl(block)) => of_impl(block, &options, report),
        Ok(Item::Trait(block)) => of_trait(block, &options, report),
        Ok(Item::Mod(module)) if module.content.is_some() => of_mod(module, &options, report),
        Ok(other) => {
            validate::wrong_item(first_word(&item).unwrap_or_else(|| other.span()), &mut report);
            kept(report, item)
        }
        Err(error) => {
            match first_word(&item) {
                Some(span) if !item.to_string().contains("fn ") => validate::wrong_item(span, &mut report),
                _ => report.push(error),
            }
            kept(report, item)
        }
    }
}

/// The mistakes, and the item as it was, so that nothing else breaks.
fn kept(report: Report, item: TokenStream) -> TokenStream {
    let mut tokens = report.into_tokens();
    tokens.extend(item);
    tokens
}

/// The first word behind attributes and visibility.
fn first_word(item: &TokenStream) -> Option<Span> {
    let mut trees = item.clone().into_iter().peekable();
    while let Some(tree) = trees.next() {
        match tree {
            TokenTree::Punct(punct) if punct.as_char() == '#' => drop(trees.next()),
            TokenTree::Ident(ident) if ident == "pub" => {
                drop(trees.next_if(|next| matches!(next, TokenTree::Group(_))));
            }
            other => return Some(other.span()),
        }
    }
    None
}

fn one(function: &Function, options: &Options, owner: Option<&str>, mut report: Report) -> TokenStream {
    if report.is_empty() && options.skip.is_some() {
        return expand::function_left_out(function, &expand::private(options), owner, "skip");
    }
    validate::function(function, options, &mut report);
    if report.is_empty() {
        expand::function(function, options, owner)
    } else {
        kept(report, function.to_token_stream())
    }
}

/// What a block makes of one of its functions.
enum Covered {
    Function(TokenStream),
    /// As it was, with an entry for the catalogue.
    LeftOut(TokenStream, TokenStream),
}

/// The functions of one block.
struct Cover<'a> {
    options: &'a Options,
    owner: Option<String>,
    report: Report,
    /// Catalogue entries of functions that are left out.
    left_out: TokenStream,
}

impl Cover<'_> {
    fn function(&mut self, tokens: TokenStream) -> TokenStream {
        let Ok(mut function) = syn::parse2::<Function>(tokens.clone()) else { return tokens };
        match self.covered(&mut function) {
            Covered::Function(tokens) => tokens,
            Covered::LeftOut(tokens, entry) => {
                self.left_out.extend(entry);
                tokens
            }
        }
    }

    fn covered(&mut self, function: &mut Function) -> Covered {
        let private = expand::private(self.options);
        let owner = self.owner.as_deref();
        let leave = |function: &Function, reason: &str| {
            Covered::LeftOut(function.to_token_stream(), expand::left_out(function, &private, owner, reason))
        };
        if let Some(at) = position(&function.attrs, "not_audited") {
            let attr = function.attrs.remove(at);
            let reason = reason_of(attr_tokens(&attr), attr.span(), &mut self.report);
            return leave(function, &reason.unwrap_or_default());
        }
        let mut report = Report::default();
        let own = match position(&function.attrs, "audited") {
            Some(at) => {
                let attr = function.attrs.remove(at);
                attribute::parse(attr_tokens(&attr), &mut report)
            }
            None => Options::default(),
        };
        if own.skip.is_some() && report.is_empty() {
            return leave(function, "skip");
        }
        if own.places.is_empty() && report.is_empty() {
            if function.sig.constness.is_some() {
                return leave(function, "const fn");
            }
            if function.body.is_none() {
                return leave(function, "no body");
            }
            if function.sig.variadic.is_some() {
                return leave(function, "variadic");
            }
            if function.attrs.iter().any(|attr| attr.path().is_ident("test")) {
                return Covered::Function(function.to_token_stream());
            }
        }
        let options = own.or(self.options);
        let owner = self.owner.clone();
        validate::options(&options, &mut report);
        Covered::Function(one(function, &options, owner.as_deref(), report))
    }
}

fn of_impl(mut block: ItemImpl, options: &Options, mut report: Report) -> TokenStream {
    validate::block(options, &mut report);
    if !report.is_empty() {
        return kept(report, block.to_token_stream());
    }
    let mut cover =
        Cover { options, owner: Some(expand::owner_name(&block.self_ty)), report, left_out: TokenStream::new() };
    for item in &mut block.items {
        if let ImplItem::Fn(function) = item {
            *item = ImplItem::Verbatim(cover.function(function.to_token_stream()));
        }
    }
    finish(cover, block.to_token_stream())
}

fn of_trait(mut block: ItemTrait, options: &Options, mut report: Report) -> TokenStream {
    validate::block(options, &mut report);
    if !report.is_empty() {
        return kept(report, block.to_token_stream());
    }
    let mut cover = Cover { options, owner: Some(block.ident.to_string()), report, left_out: TokenStream::new() };
    for item in &mut block.items {
        if let TraitItem::Fn(function) = item {
            *item = TraitItem::Verbatim(cover.function(function.to_token_stream()));
        }
    }
    finish(cover, block.to_token_stream())
}

fn of_mod(mut module: ItemMod, options: &Options, mut report: Report) -> TokenStream {
    validate::block(options, &mut report);
    if !report.is_empty() {
        return kept(report, module.to_token_stream());
    }
    if let Some((_, items)) = &mut module.content {
        for item in items {
            cover_item(item, options);
        }
    }
    module.to_token_stream()
}

fn cover_item(item: &mut Item, options: &Options) {
    let covered = match item {
        Item::Fn(function) => {
            let mut cover = Cover { options, owner: None, report: Report::default(), left_out: TokenStream::new() };
            let tokens = cover.function(function.to_token_stream());
            finish(cover, tokens)
        }
        Item::Impl(block) if outside(&block.attrs) => of_impl(block.clone(), options, Report::default()),
        Item::Trait(block) if outside(&block.attrs) => of_trait(block.clone(), options, Report::default()),
        Item::Mod(module) if module.content.is_some() && outside(&module.attrs) && !is_tests(&module.attrs) => {
            of_mod(module.clone(), options, Report::default())
        }
        _ => return,
    };
    *item = Item::Verbatim(covered);
}

/// Whether a block has no attribute of ours that speaks for itself.
fn outside(attrs: &[Attribute]) -> bool {
    position(attrs, "audited").is_none() && position(attrs, "not_audited").is_none()
}

fn is_tests(attrs: &[Attribute]) -> bool {
    attrs.iter().any(
        |attr| matches!(&attr.meta, Meta::List(list) if list.path.is_ident("cfg") && list.tokens.to_string() == "test"),
    )
}

fn finish(cover: Cover<'_>, mut block: TokenStream) -> TokenStream {
    let here = Span::mixed_site();
    let entries = cover.left_out;
    if !entries.is_empty() {
        block.extend(quote_spanned!(here=> const _: () = { #entries };));
    }
    block.extend(cover.report.into_tokens());
    block
}

fn position(attrs: &[Attribute], name: &str) -> Option<usize> {
    attrs.iter().position(|attr| attr.path().segments.last().is_some_and(|segment| segment.ident == name))
}

fn attr_tokens(attr: &Attribute) -> TokenStream {
    match &attr.meta {
        Meta::List(list) => list.tokens.clone(),
        Meta::Path(_) | Meta::NameValue(_) => TokenStream::new(),
    }
}

/// `#[not_audited(reason = "…")]` on a function by itself.
pub fn not_audited(tokens: TokenStream, item: TokenStream) -> TokenStream {
    let mut report = Report::default();
    let reason = reason_of(tokens, Span::call_site(), &mut report);
    let Some(reason) = reason.filter(|_| report.is_empty()) else { return kept(report, item) };
    match syn::parse2::<Function>(item.clone()) {
        Ok(function) => {
            let owner = owner::of(function.sig.ident.span());
            expand::function_left_out(&function, &expand::private(&Options::default()), owner.as_deref(), &reason)
        }
        Err(_) => item,
    }
}

fn reason_of(tokens: TokenStream, span: Span, report: &mut Report) -> Option<String> {
    let read = |input: syn::parse::ParseStream<'_>| {
        let name: syn::Ident = input.parse()?;
        if name != "reason" {
            return Err(syn::Error::new(name.span(), "only `reason` belongs here: `#[not_audited(reason = \"…\")]`"));
        }
        input.parse::<Token![=]>()?;
        input.parse::<LitStr>()
    };
    if tokens.is_empty() {
        report.at(span, "say why the function is not audited: `#[not_audited(reason = \"…\")]`");
        return None;
    }
    match read.parse2(tokens) {
        Ok(reason) if reason.value().trim().is_empty() => {
            report.at(reason.span(), "a blank reason is none: say why the function is not audited");
            None
        }
        Ok(reason) => Some(reason.value()),
        Err(error) => {
            report.push(error);
            None
        }
    }
}
