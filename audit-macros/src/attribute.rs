//! First step: what stands between the parentheses of an attribute, read option by option. Every mistake is kept, the
//! reader skips to the next comma and goes on, so that one compile shows them all.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Expr, Ident, LitStr, Member, Path, Token};

use crate::pledge::{Action, Expect, acknowledges, expects};
use crate::report::{Report, nearest};

/// Every option's name, in the order of the reference.
pub const NAMES: &[&str] = &[
    "node",
    "kind",
    "run",
    "token",
    "attempt",
    "digest",
    "digest_output",
    "record",
    "err",
    "effect",
    "durable",
    "on_audit_failure",
    "expects",
    "acknowledges",
    "crate",
    "skip",
];

/// Keys that records use themselves.
pub const RESERVED_KEYS: &[&str] = &[
    "message",
    "status",
    "level",
    "target",
    "ts",
    "time",
    "timestamp",
    "seq",
    "id",
    "run",
    "node",
    "kind",
    "parent",
    "token",
    "attempt",
    "exit",
    "error",
    "code",
    "event_type",
    "digest",
    "name",
];

/// One value that `digest(..)` names.
pub struct Input {
    /// The parameter, or `self`.
    pub base: Ident,
    /// Fields behind it.
    pub members: Vec<Member>,
    /// Digest its `Display` text.
    pub as_text: bool,
}

impl Input {
    /// Its name in the digested object.
    pub fn key(&self) -> String {
        let mut key = self.base.unraw().to_string();
        for member in &self.members {
            key.push('.');
            match member {
                Member::Named(ident) => key.push_str(&ident.unraw().to_string()),
                Member::Unnamed(index) => key.push_str(&index.index.to_string()),
            }
        }
        key
    }
}

/// A word out of a closed list, and where it stands.
#[derive(Clone)]
pub struct Word {
    /// The word.
    pub text: String,
    /// Where.
    pub span: Span,
}

/// What an attribute asks for.
#[derive(Default)]
pub struct Options {
    pub node: Option<LitStr>,
    pub kind: Option<Word>,
    pub run: Option<Expr>,
    pub token: Option<Expr>,
    pub attempt: Option<Expr>,
    pub digest: Vec<Input>,
    pub digest_all: Option<Span>,
    pub digest_output: Option<Span>,
    pub record: Vec<(Word, Expr)>,
    pub err: Option<Word>,
    pub effect: Option<Word>,
    pub durable: Option<Word>,
    pub on_audit_failure: Option<Word>,
    pub expects: Vec<Expect>,
    pub acknowledges: Vec<Action>,
    pub krate: Option<Path>,
    pub skip: Option<Span>,
    /// Where each option stands, by name.
    pub places: Vec<(String, Span)>,
    /// The options as written.
    pub text: String,
}

impl Options {
    /// Where an option stands.
    pub fn place(&self, name: &str) -> Option<Span> {
        self.places.iter().find(|(n, _)| n == name).map(|(_, span)| *span)
    }

    /// What a failure of the audit does.
    pub fn degrades(&self) -> bool {
        self.on_audit_failure.as_ref().is_some_and(|w| w.text == "degrade")
    }

    /// Whether an audit failure may become an `Err`.
    pub fn refuses(&self) -> bool {
        self.on_audit_failure.as_ref().is_none_or(|w| w.text == "refuse")
    }

    /// These options where they stand, those of the enclosing block where not.
    pub fn or(mut self, block: &Options) -> Options {
        let adopt = |mine: &mut Option<Word>, theirs: &Option<Word>| {
            if mine.is_none() {
                mine.clone_from(theirs);
            }
        };
        adopt(&mut self.kind, &block.kind);
        adopt(&mut self.err, &block.err);
        adopt(&mut self.effect, &block.effect);
        adopt(&mut self.durable, &block.durable);
        adopt(&mut self.on_audit_failure, &block.on_audit_failure);
        if self.krate.is_none() {
            self.krate.clone_from(&block.krate);
        }
        if self.run.is_none() {
            self.run.clone_from(&block.run);
        }
        if self.digest_all.is_none() && self.digest.is_empty() {
            self.digest_all = block.digest_all;
        }
        if self.digest_output.is_none() {
            self.digest_output = block.digest_output;
        }
        if !block.text.is_empty() {
            let comma = if self.text.is_empty() { "" } else { ", " };
            self.text = format!("{}{comma}{}", self.text, block.text);
        }
        self
    }
}

/// Reads the tokens of an attribute.
pub fn parse(tokens: TokenStream, report: &mut Report) -> Options {
    let mut options = Options { text: one_line(&tokens), ..Options::default() };
    let read = |input: ParseStream<'_>| {
        while !input.is_empty() {
            if let Err(error) = option(input, &mut options, report) {
                report.push(error);
                skip_to_comma(input);
            }
            if !input.is_empty()
                && let Err(error) = input.parse::<Token![,]>()
            {
                report.push(error);
                skip_to_comma(input);
                let _: Option<Token![,]> = input.parse().ok();
            }
        }
        Ok(())
    };
    if let Err(error) = read.parse2(tokens) {
        report.push(error);
    }
    options
}

/// Tokens as one line of text, for the catalogue.
pub fn one_line(tokens: &TokenStream) -> String {
    let mut text = String::new();
    for word in tokens.to_string().split_whitespace() {
        if !text.is_empty() && !matches!(word, "," | ")" | ".") && !text.ends_with(['(', '.']) {
            text.push(' ');
        }
        text.push_str(word);
    }
    text.replace(" (", "(").replace("( ", "(").replace(" )", ")").replace(" ,", ",").replace(" . ", ".")
}

pub fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        if input.parse::<TokenTree>().is_err() {
            return;
        }
    }
}

fn option(input: ParseStream<'_>, options: &mut Options, report: &mut Report) -> syn::Result<()> {
    if !input.peek(Ident::peek_any) {
        return Err(input.error(format!("an option's name belongs here: {}", NAMES.join(", "))));
    }
    let name = input.call(Ident::parse_any)?;
    let span = name.span();
    let name = name.unraw().to_string();
    if NAMES.contains(&name.as_str())
        && name != "record"
        && name != "expects"
        && name != "acknowledges"
        && options.place(&name).is_some()
    {
        skip_to_comma(input);
        return Err(syn::Error::new(span, format!("`{name}` stands twice; write it once")));
    }
    options.places.push((name.clone(), span));
    match name.as_str() {
        "node" => options.node = Some(node(input, span)?),
        "kind" => options.kind = Some(kind(input, span)?),
        "run" => options.run = Some(value(input, span, "run", "a run, its handle or its id")?),
        "token" => options.token = Some(value(input, span, "token", "the token that visits this node")?),
        "attempt" => options.attempt = Some(value(input, span, "attempt", "the ordinal of this attempt, from 0")?),
        "digest" => digest(input, span, options, report)?,
        "digest_output" => {
            flag(input, "digest_output")?;
            options.digest_output = Some(span);
        }
        "record" => record(input, span, options, report)?,
        "err" => options.err = Some(word(input, span, "err", &["display", "type"])?),
        "effect" => options.effect = Some(word(input, span, "effect", &["none", "external"])?),
        "durable" => options.durable = Some(word(input, span, "durable", &["process", "disk", "replicated"])?),
        "on_audit_failure" => {
            options.on_audit_failure = Some(word(input, span, "on_audit_failure", &["refuse", "panic", "degrade"])?);
        }
        "expects" => expects(input, span, options, report)?,
        "acknowledges" => acknowledges(input, span, options, report)?,
        "crate" => options.krate = Some(krate(input, span)?),
        "skip" => {
            flag(input, "skip")?;
            options.skip = Some(span);
        }
        other => {
            skip_to_comma(input);
            let hint = match (nearest(other, NAMES), foreign(other)) {
                (_, Some(ours)) => format!("; {ours}"),
                (Some(near), None) => format!("; did you mean `{near}`?"),
                (None, None) => format!("; the options are {}", NAMES.join(", ")),
            };
            return Err(syn::Error::new(span, format!("unknown option `{other}`{hint}")));
        }
    }
    Ok(())
}

/// What users of other attributes write, and what we call it.
fn foreign(name: &str) -> Option<&'static str> {
    Some(match name {
        "args" | "inputs" => "write `digest(a, b)` for digests, `record(a = a)` for plain values",
        "fields" => "write `record(key = expr)`",
        "skip_all" | "skip_debug" => {
            "nothing is captured unless `digest(..)` or `record(..)` asks for it, so leave it out"
        }
        "level" | "target" | "parent" | "follows_from" => {
            "an audit has no level, target or given parent, so leave it out: nothing filters a record"
        }
        "name" | "id" => "write `node = \"…\"`",
        "ret" => "write `digest_output`: outputs enter the trail as digests",
        "redact" => "wrap the value in `Redacted`, or put `#[audit(redact)]` on the field",
        "retry" | "retries" => "write `attempt = expr`",
        "durability" => "write `durable = process | disk | replicated`",
        "policy" | "on_failure" | "on_error" => "write `on_audit_failure = refuse | panic | degrade`",
        _ => return None,
    })
}

pub fn equals(input: ParseStream<'_>, span: Span, name: &str, what: &str) -> syn::Result<()> {
    if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        if input.is_empty() || input.peek(Token![,]) {
            return Err(syn::Error::new(span, format!("`{name} =` is cut off; {what} belongs behind it")));
        }
        return Ok(());
    }
    Err(syn::Error::new(span, format!("`{name}` needs a value: write `{name} = …` with {what}")))
}

fn flag(input: ParseStream<'_>, name: &str) -> syn::Result<()> {
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(());
    }
    Err(input.error(format!("`{name}` takes no value; write `{name}` alone")))
}

pub fn value(input: ParseStream<'_>, span: Span, name: &str, what: &str) -> syn::Result<Expr> {
    equals(input, span, name, what)?;
    input.parse()
}

fn node(input: ParseStream<'_>, span: Span) -> syn::Result<LitStr> {
    equals(input, span, "node", "a name in quotes")?;
    if !input.peek(LitStr) {
        return Err(input.error("a node's name is a text: write `node = \"name\"`"));
    }
    let node: LitStr = input.parse()?;
    let name = node.value();
    if name.trim().is_empty() {
        return Err(syn::Error::new(node.span(), "a node needs a name; leave `node` out to use the function's path"));
    }
    if name.len() > 200 || name.chars().any(char::is_control) {
        return Err(syn::Error::new(
            node.span(),
            "a node's name is at most 200 bytes long and has no control characters",
        ));
    }
    Ok(node)
}

fn kind(input: ParseStream<'_>, span: Span) -> syn::Result<Word> {
    equals(input, span, "kind", "source, transform, gate, action, call, sink or a word of your own")?;
    if input.peek(LitStr) {
        let lit: LitStr = input.parse()?;
        if lit.value().trim().is_empty() {
            return Err(syn::Error::new(
                lit.span(),
                "a kind needs a name: source, transform, gate, action, call, sink, …",
            ));
        }
        return Ok(Word { text: lit.value(), span: lit.span() });
    }
    if !input.peek(Ident::peek_any) {
        return Err(input.error("a kind is a word: source, transform, gate, action, call, sink, …"));
    }
    let ident = input.call(Ident::parse_any)?;
    Ok(Word { text: ident.unraw().to_string(), span: ident.span() })
}

fn word(input: ParseStream<'_>, span: Span, name: &str, words: &[&str]) -> syn::Result<Word> {
    let choice = words.join(" | ");
    equals(input, span, name, &choice)?;
    if input.peek(LitStr) {
        let lit: LitStr = input.parse()?;
        return Err(syn::Error::new(lit.span(), format!("write the word without quotes: `{name} = {choice}`")));
    }
    if !input.peek(Ident::peek_any) {
        return Err(input.error(format!("one of these belongs here: `{name} = {choice}`")));
    }
    let ident = input.call(Ident::parse_any)?;
    let text = ident.unraw().to_string();
    if words.contains(&text.as_str()) {
        return Ok(Word { text, span: ident.span() });
    }
    let hint = nearest(&text, words).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
    Err(syn::Error::new(ident.span(), format!("`{text}` is no value of `{name}`: write `{name} = {choice}`{hint}")))
}

pub fn krate(input: ParseStream<'_>, span: Span) -> syn::Result<Path> {
    equals(input, span, "crate", "the path under which the runtime is known here")?;
    if input.peek(LitStr) {
        return Err(input.error("write the path without quotes: `crate = ::renamed`"));
    }
    input.call(Path::parse_mod_style)
}

pub fn group<'a>(
    input: ParseStream<'a>,
    span: Span,
    name: &str,
    what: &str,
) -> syn::Result<syn::parse::ParseBuffer<'a>> {
    if !input.peek(syn::token::Paren) {
        skip_to_comma(input);
        return Err(syn::Error::new(span, format!("`{name}` needs its list in parentheses: `{name}({what})`")));
    }
    let content;
    syn::parenthesized!(content in input);
    Ok(content)
}

/// Reads the items of a list, each mistake on its own.
pub fn items(
    content: ParseStream<'_>,
    report: &mut Report,
    mut item: impl FnMut(ParseStream<'_>, &mut Report) -> syn::Result<()>,
) {
    while !content.is_empty() {
        if let Err(error) = item(content, report) {
            report.push(error);
            skip_to_comma(content);
        }
        if !content.is_empty()
            && let Err(error) = content.parse::<Token![,]>()
        {
            report.push(error);
            skip_to_comma(content);
            let _: Option<Token![,]> = content.parse().ok();
        }
    }
}

fn digest(input: ParseStream<'_>, span: Span, options: &mut Options, report: &mut Report) -> syn::Result<()> {
    let content = group(input, span, "digest", "a, b.c")?;
    if content.is_empty() {
        return Err(syn::Error::new(span, "`digest()` names no argument: write `digest(a, b.c)` or `digest(all)`"));
    }
    items(&content, report, |content, report| {
        if !content.peek(Ident::peek_any) {
            return Err(content.error(
                "the name of an argument belongs here: `digest(a, b.c)`; for a computed value use `record(key = expr)`",
            ));
        }
        let base = content.call(Ident::parse_any)?;
        if base == "all" && (content.is_empty() || content.peek(Token![,])) {
            options.digest_all = Some(base.span());
            return Ok(());
        }
        let mut members = Vec::new();
        while content.peek(Token![.]) {
            content.parse::<Token![.]>()?;
            members.push(content.parse::<Member>()?);
        }
        let mut as_text = false;
        if content.peek(Token![as]) {
            content.parse::<Token![as]>()?;
            let text: Ident = content.call(Ident::parse_any)?;
            if text != "text" {
                return Err(syn::Error::new(
                    text.span(),
                    "only `as text` is known here: it digests the `Display` text",
                ));
            }
            as_text = true;
        }
        let new = Input { base, members, as_text };
        if options.digest.iter().any(|old| old.key() == new.key()) {
            report.at(new.base.span(), format!("`{}` stands twice in `digest(..)`; name it once", new.key()));
        } else {
            options.digest.push(new);
        }
        Ok(())
    });
    Ok(())
}

fn record(input: ParseStream<'_>, span: Span, options: &mut Options, report: &mut Report) -> syn::Result<()> {
    let content = group(input, span, "record", "key = expr")?;
    if content.is_empty() {
        return Err(syn::Error::new(span, "`record()` records nothing: write `record(key = expr)`"));
    }
    items(&content, report, |content, report| {
        let key = if content.peek(LitStr) {
            let lit: LitStr = content.parse()?;
            Word { text: lit.value(), span: lit.span() }
        } else if content.peek(Ident::peek_any) {
            let ident = content.call(Ident::parse_any)?;
            Word { text: ident.unraw().to_string(), span: ident.span() }
        } else {
            return Err(content.error("a key belongs here: `record(key = expr)`"));
        };
        if !content.peek(Token![=]) {
            return Err(syn::Error::new(key.span, format!("`{0}` has no value: write `record({0} = {0})`", key.text)));
        }
        content.parse::<Token![=]>()?;
        let value: Expr = content.parse()?;
        if RESERVED_KEYS.contains(&key.text.as_str()) {
            report.at(
                key.span,
                format!("`{0}` is a key that records use themselves; choose another, for example `my_{0}`", key.text),
            );
        } else if key.text.trim().is_empty() {
            report.at(key.span, "a recorded value needs a key: `record(key = expr)`");
        } else if options.record.iter().any(|(old, _)| old.text == key.text) {
            report.at(key.span, format!("`{}` is recorded twice; give the second one another key", key.text));
        } else {
            options.record.push((key, value));
        }
        Ok(())
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::NAMES;

    /// Names in the first column of a table of options.
    fn options_in(table: &str) -> Vec<&str> {
        let rows = table.lines().filter_map(|line| line.trim_start_matches("/// ").strip_prefix("| `"));
        rows.filter_map(|row| row.split(|c: char| !c.is_ascii_lowercase() && c != '_').next()).collect()
    }

    #[test]
    fn both_references_list_every_option_in_order() {
        let read = |file: &str| {
            let path = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
        };
        let page = read("../docs/attribute.md");
        let section =
            page.split("\n## ").find(|section| section.starts_with("Options")).expect("the page lists options");
        assert_eq!(options_in(section), NAMES, "docs/attribute.md");
        let code = read("src/lib.rs");
        let comment = code.split("pub fn audited(").next().expect("the attribute's comment");
        assert_eq!(options_in(comment), NAMES, "the comment of `audited`");
        assert_eq!(options_in("/// | `node = …` | a | b |\n| `skip` | c | d |\n| option |"), ["node", "skip"]);
    }
}
