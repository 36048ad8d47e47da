//! The moments inside a body: each `.await` and each `?` becomes a site, in builds of the testkit alone. Only the operand
//! is wrapped, where it stands: temporaries live as long as before, and the type of the expression is the same.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::visit_mut::{self, VisitMut};
use syn::{Block, Expr, Item, Macro, Stmt, Token};

use crate::expand::line_of;
use crate::model::is_transparent;

/// Whether bodies are looked into at all.
pub fn is_on() -> bool {
    #[cfg(test)]
    return tests::ON.with(std::cell::Cell::get);
    #[cfg(not(test))]
    return cfg!(feature = "testkit");
}

/// What was found in a body, as source lines.
#[derive(Default)]
pub struct Found {
    awaits: Vec<u32>,
    questions: Vec<u32>,
    blind: Vec<(u32, String)>,
}

impl Found {
    /// The field of the site's options; nothing where nothing was found.
    pub fn option(&self, p: &TokenStream) -> Option<TokenStream> {
        let Found { awaits, questions, blind } = self;
        if awaits.is_empty() && questions.is_empty() && blind.is_empty() {
            return None;
        }
        let blind = blind.iter().map(|(line, name)| quote_spanned!(Span::mixed_site()=> (#line, #name)));
        Some(quote_spanned! {Span::mixed_site()=>
            , inside: #p::Inside { awaits: &[#(#awaits),*], questions: &[#(#questions),*], blind: &[#(#blind),*] }
        })
    }
}

/// The statements of a body with their moments.
pub fn statements(statements: TokenStream, p: &TokenStream, found: &mut Found) -> TokenStream {
    if !is_on() {
        return statements;
    }
    match Block::parse_within.parse2(statements.clone()) {
        Ok(mut parsed) => {
            let mut looker = Looker { p, found };
            parsed.iter_mut().for_each(|statement| looker.visit_stmt_mut(statement));
            let parsed: TokenStream = parsed.iter().map(ToTokens::to_token_stream).collect();
            quote_spanned!(Span::mixed_site()=> #p::entered_here!(__AUDITED); #parsed)
        }
        Err(_) => unseen(statements, found, "body"),
    }
}

/// As [`statements`], for one expression.
pub fn expression(tokens: TokenStream, p: &TokenStream, found: &mut Found) -> TokenStream {
    if !is_on() {
        return tokens;
    }
    match syn::parse2::<Expr>(tokens.clone()) {
        Ok(mut expr) => {
            Looker { p, found }.visit_expr_mut(&mut expr);
            expr.to_token_stream()
        }
        Err(_) => unseen(tokens, found, "body"),
    }
}

fn unseen(tokens: TokenStream, found: &mut Found, name: &str) -> TokenStream {
    if let Some(span) = first_moment(&tokens) {
        found.blind.push((line_of(span), name.to_owned()));
    }
    tokens
}

/// Where the first `.await` or `?` of these tokens stands.
fn first_moment(tokens: &TokenStream) -> Option<Span> {
    tokens.clone().into_iter().find_map(|tree| match &tree {
        TokenTree::Ident(ident) if ident == "await" => Some(tree.span()),
        TokenTree::Punct(punct) if punct.as_char() == '?' => Some(tree.span()),
        TokenTree::Group(group) => first_moment(&group.stream()),
        TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => None,
    })
}

struct Looker<'a> {
    p: &'a TokenStream,
    found: &'a mut Found,
}

impl Looker<'_> {
    /// Looks into a macro whose arguments are expressions; names it as blind where it cannot be seen into.
    fn look_into(&mut self, mac: &mut Macro) {
        let Some(span) = first_moment(&mac.tokens) else { return };
        let name = mac.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
        let parsed = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(mac.tokens.clone());
        match parsed {
            Ok(mut arguments) if is_transparent(&name) || name == "join" || name == "try_join" => {
                arguments.iter_mut().for_each(|argument| self.visit_expr_mut(argument));
                mac.tokens = arguments.to_token_stream();
            }
            Ok(_) | Err(_) => self.found.blind.push((line_of(span), name)),
        }
    }
}

/// Calls whose error type may be known only from what is done with the value: asking for it here would be too early.
const LATE: &[&str] = &["parse", "into", "try_into", "collect", "sum", "product"];

/// The same for functions.
const LATE_FUNCTIONS: &[&str] = &["Ok", "Err", "from", "try_from", "default"];

fn is_late(operand: &Expr) -> bool {
    match operand {
        Expr::MethodCall(call) => call.turbofish.is_none() && LATE.iter().any(|late| call.method == late),
        Expr::Call(call) => {
            match &*call.func {
                Expr::Path(path) => path.path.segments.last().is_some_and(|last| {
                    last.arguments.is_none() && LATE_FUNCTIONS.iter().any(|late| last.ident == late)
                }),
                Expr::Paren(_) | Expr::Closure(_) => true,
                _ => false,
            }
        }
        Expr::Paren(inner) => is_late(&inner.expr),
        Expr::Group(inner) => is_late(&inner.expr),
        Expr::Macro(_) | Expr::If(_) | Expr::Match(_) | Expr::Block(_) => true,
        _ => false,
    }
}

impl VisitMut for Looker<'_> {
    // A function inside the body is no part of it.
    fn visit_item_mut(&mut self, _: &mut Item) {}

    fn visit_macro_mut(&mut self, mac: &mut Macro) {
        self.look_into(mac);
    }

    fn visit_stmt_mut(&mut self, statement: &mut Stmt) {
        visit_mut::visit_stmt_mut(self, statement);
    }

    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        if matches!(expr, Expr::Const(_)) {
            return;
        }
        visit_mut::visit_expr_mut(self, expr);
        let (p, here) = (self.p, Span::mixed_site());
        match expr {
            Expr::Await(awaited) => {
                let nth = self.found.awaits.len() as u16;
                let nth = proc_macro2::Literal::u16_suffixed(nth);
                self.found.awaits.push(line_of(awaited.await_token.span));
                let base = &awaited.base;
                *awaited.base = Expr::Verbatim(quote_spanned!(here=> #p::awaiting!(__AUDITED #nth #base)));
            }
            Expr::Try(tried) => {
                let nth = self.found.questions.len() as u16;
                let nth = proc_macro2::Literal::u16_suffixed(nth);
                self.found.questions.push(line_of(tried.question_token.spans[0]));
                let late = is_late(&tried.expr).then(|| quote_spanned!(here=> blind));
                let operand = &tried.expr;
                *tried.expr = Expr::Verbatim(quote_spanned!(here=> #p::question!(__AUDITED #nth #late #operand)));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    thread_local! {
        pub(super) static ON: Cell<bool> = const { Cell::new(false) };
    }

    fn seen(body: &str) -> (String, Found) {
        ON.with(|on| on.set(true));
        let mut found = Found::default();
        let tokens = statements(body.parse().expect("tokens"), &quote::quote!(p), &mut found);
        ON.with(|on| on.set(false));
        (tokens.to_string().split_whitespace().collect(), found)
    }

    #[test]
    fn each_await_and_each_question_is_wrapped_where_it_stands() {
        let (text, found) = seen("let n = load(id).await?; Ok(n + fetch::<u8>(n)?.len())");
        assert_eq!(
            text,
            "p::entered_here!(__AUDITED);letn=p::question!(__AUDITED0u16p::awaiting!(__AUDITED0u16load(id)).await)?;Ok(n+p::question!(__AUDITED1u16fetch::<u8>(n))?.len())"
        );
        assert_eq!((found.awaits.len(), found.questions.len(), found.blind.len()), (1, 2, 0));
    }

    #[test]
    fn macros_of_expressions_are_seen_into_and_others_are_named() {
        let (text, found) = seen("println!(\"{}\", a().await); join!(b().await, c); select! { x = d() => x?, }");
        assert!(text.contains("println!(\"{}\",p::awaiting!(__AUDITED0u16a()).await)"), "{text}");
        assert_eq!(found.awaits.len(), 2);
        assert_eq!(found.blind.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>(), ["select"]);
    }

    #[test]
    fn a_function_inside_is_left_alone_and_a_late_type_is_not_asked_for() {
        let (text, found) = seen("fn inner() -> Option<u8> { other()? } let n: u8 = text.parse()?; x.parse::<u8>()?");
        assert_eq!(found.questions.len(), 2);
        assert!(text.contains("{other()?}") && text.contains("__AUDITED0u16blindtext.parse()"), "{text}");
        assert!(text.contains("__AUDITED1u16x.parse::<u8>()"), "{text}");
    }

    #[test]
    fn without_the_testkit_a_body_stays_as_it_was() {
        let body = quote::quote!(a().await?;);
        let mut found = Found::default();
        assert_eq!(statements(body.clone(), &quote::quote!(p), &mut found).to_string(), body.to_string());
        assert!(found.option(&quote::quote!(p)).is_none());
    }
}
