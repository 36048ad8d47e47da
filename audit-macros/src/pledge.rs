//! `expects(ACTION within 5s)` and `acknowledges(ACTION)`: what an annotated call promises, and what it fulfils.

use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::spanned::Spanned;
use syn::{Ident, Lit, LitStr, Path, Token};

use crate::attribute::{Options, group, items};
use crate::report::Report;

/// An action: a constant that `contract!` made, or `"domain/action"`.
pub struct Action {
    /// As it was written.
    pub text: String,
    pub span: Span,
    /// `None` where domain and action stand in quotes.
    pub path: Option<Path>,
}

/// An action with its deadline.
pub struct Expect {
    pub action: Action,
    /// Nanoseconds.
    pub within_ns: u64,
}

/// An action: a path, or a text.
fn action(content: ParseStream<'_>) -> syn::Result<Action> {
    if content.peek(LitStr) {
        let lit: LitStr = content.parse()?;
        if lit.value().trim().is_empty() {
            return Err(syn::Error::new(lit.span(), "an action needs a name"));
        }
        let parts: Vec<String> = lit.value().split('/').map(|part| part.trim().to_owned()).collect();
        if parts.len() != 2 || parts.iter().any(String::is_empty) {
            let help =
                "an action in quotes is `\"domain/action\"`; better is the constant that `contract!` makes of it";
            return Err(syn::Error::new(lit.span(), help));
        }
        return Ok(Action { text: parts.join("/"), span: lit.span(), path: None });
    }
    if !content.peek(Ident::peek_any) && !content.peek(Token![::]) {
        return Err(content.error("the name of an action belongs here"));
    }
    let path = content.call(Path::parse_mod_style)?;
    let text = path.segments.iter().map(|s| s.ident.unraw().to_string()).collect::<Vec<_>>().join("::");
    Ok(Action { text, span: path.span(), path: Some(path) })
}

pub fn expects(input: ParseStream<'_>, span: Span, options: &mut Options, report: &mut Report) -> syn::Result<()> {
    let content = group(input, span, "expects", "ACTION within 5s")?;
    if content.is_empty() {
        return Err(syn::Error::new(span, "`expects()` names no action: write `expects(ACTION within 5s)`"));
    }
    items(&content, report, |content, report| {
        let action = action(content)?;
        let deadline = if content.peek(Ident::peek_any) { Some(content.call(Ident::parse_any)?) } else { None };
        match deadline {
            Some(within) if within == "within" => {}
            Some(other) => {
                return Err(syn::Error::new(
                    other.span(),
                    format!("`within` belongs here: `expects({} within 5s)`", action.text),
                ));
            }
            None => {
                return Err(syn::Error::new(
                    action.span,
                    format!("an expectation needs a deadline: `expects({} within 5s)`", action.text),
                ));
            }
        }
        if content.is_empty() || content.peek(Token![,]) {
            return Err(content.error(format!("the deadline is cut off: `expects({} within 5s)`", action.text)));
        }
        let lit: Lit = content.parse()?;
        let within_ns = duration(&lit)?;
        if options.expects.iter().any(|old| old.action.text == action.text) {
            report.at(action.span, format!("`{}` is expected twice; an expectation is declared once", action.text));
        } else {
            options.expects.push(Expect { action, within_ns });
        }
        Ok(())
    });
    Ok(())
}

/// `500ms`, `5s`, `2m`, `1h`.
pub fn duration(lit: &Lit) -> syn::Result<u64> {
    let wrong = || syn::Error::new(lit.span(), "a deadline is a number with its unit: `500ms`, `5s`, `2m` or `1h`");
    let Lit::Int(int) = lit else { return Err(wrong()) };
    let unit = match int.suffix() {
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return Err(wrong()),
    };
    let count: u64 = int.base10_parse()?;
    if count == 0 {
        return Err(syn::Error::new(
            lit.span(),
            "a deadline of zero is missed at once; give the work some time, for example `5s`",
        ));
    }
    count.checked_mul(unit).ok_or_else(|| syn::Error::new(lit.span(), "this deadline is more than 500 years away"))
}

pub fn acknowledges(input: ParseStream<'_>, span: Span, options: &mut Options, report: &mut Report) -> syn::Result<()> {
    let content = group(input, span, "acknowledges", "ACTION")?;
    if content.is_empty() {
        return Err(syn::Error::new(span, "`acknowledges()` names no action: write `acknowledges(ACTION)`"));
    }
    items(&content, report, |content, report| {
        let action = action(content)?;
        if content.peek(Ident::peek_any) {
            return Err(content
                .error("an acknowledgement has no deadline; the deadline stands with `expects(ACTION within 5s)`"));
        }
        if options.acknowledges.iter().any(|old| old.text == action.text) {
            report.at(action.span, format!("`{}` is acknowledged twice; name it once", action.text));
        } else {
            options.acknowledges.push(action);
        }
        Ok(())
    });
    Ok(())
}
