//! The audited surface: every function that stands in the sources, with its attributes and conditions. Read with syn,
//! never built, so that it also sees what a build leaves out.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::{
    Attribute, Block, ImplItemFn, ItemFn, ItemImpl, ItemMacro, ItemMod, ItemTrait, Meta, Signature, TraitItemFn, Type,
};

/// How a function stands to the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stand {
    /// Annotated, itself or by its block: the options as written.
    Audited(String),
    /// Covered by a block, and left out: why.
    LeftOut(String),
    /// No annotation speaks of it.
    Plain,
}

/// One function.
#[derive(Clone, Debug)]
pub struct Function {
    /// The file, as it was named.
    pub file: String,
    /// Line of its name, from 1.
    pub line: usize,
    /// Column of its name, from 1.
    pub column: usize,
    /// `Type::name` for methods, with the inline modules in front.
    pub name: String,
    /// Whether it stands in an `impl` block or a trait.
    pub is_method: bool,
    /// How it stands to the audit.
    pub stand: Stand,
    /// The `cfg` conditions that it stands under, outermost first.
    pub conditions: Vec<String>,
    /// Why it cannot be audited by itself: `const fn`, `no body`, `variadic`.
    pub hindrance: Option<&'static str>,
}

impl Function {
    /// Its line in a lock file: no line numbers, so that only what matters makes a difference.
    pub fn locked(&self) -> String {
        let stand = match &self.stand {
            Stand::Audited(options) => format!("audited({options})"),
            Stand::LeftOut(reason) => format!("left out: {reason}"),
            Stand::Plain => "-".to_owned(),
        };
        let conditions: String = self.conditions.iter().map(|condition| format!(" cfg({condition})")).collect();
        format!("{} {} {stand}{conditions}", self.file, self.name)
    }
}

/// A macro call or definition that may hold functions which nobody sees without building.
#[derive(Clone, Debug)]
pub struct Blind {
    /// The file.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// The macro.
    pub name: String,
}

/// Everything that was found.
#[derive(Clone, Debug, Default)]
pub struct Surface {
    /// Functions, in order of file and line.
    pub functions: Vec<Function>,
    /// Macro calls that could not be seen into.
    pub blind: Vec<Blind>,
    /// Actions that `acknowledge!` names.
    pub acknowledged_by_hand: Vec<String>,
    /// Files that are no Rust, and why.
    pub unread: Vec<(String, String)>,
}

impl Surface {
    /// Reads all `.rs` files below the given files and directories. Build directories and hidden ones are left out.
    ///
    /// # Errors
    /// What the file system refuses.
    pub fn read(roots: &[PathBuf]) -> io::Result<Surface> {
        let mut files = Vec::new();
        for root in roots {
            gather(root, &mut files)?;
        }
        files.sort();
        files.dedup();
        let mut surface = Surface::default();
        for file in files {
            let name = file.strip_prefix(".").unwrap_or(&file).display().to_string();
            match syn::parse_file(&fs::read_to_string(&file).map_err(of(&file))?) {
                Ok(parsed) => Reader { file: name, surface: &mut surface, scope: Scope::default() }.visit_file(&parsed),
                Err(error) => surface.unread.push((name, error.to_string())),
            }
        }
        surface.functions.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        Ok(surface)
    }

    /// What differs from a lock file: lines that are gone, and functions that are new, in that order.
    pub fn differences<'a>(&'a self, locked: &'a str) -> (Vec<&'a str>, Vec<&'a Function>) {
        let mut old: Vec<&str> = locked.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        let mut new = Vec::new();
        for function in &self.functions {
            let line = function.locked();
            match old.iter().position(|known| *known == line) {
                Some(at) => drop(old.remove(at)),
                None => new.push(function),
            }
        }
        (old, new)
    }

    /// Actions that a function expects and nothing in the sources acknowledges, in order of place.
    pub fn loose_ends(&self) -> Vec<(&Function, String)> {
        let named = |option: &'static str| {
            self.functions.iter().flat_map(move |function| {
                let actions = match &function.stand {
                    Stand::Audited(options) => actions(options, option),
                    Stand::LeftOut(_) | Stand::Plain => Vec::new(),
                };
                actions.into_iter().map(move |action| (function, action))
            })
        };
        let mut done = self.acknowledged_by_hand.clone();
        done.extend(named("acknowledges").map(|(_, action)| action));
        named("expects").filter(|(_, action)| !done.iter().any(|other| is_one_action(action, other))).collect()
    }
}

/// Whether two spellings name one action: a path may stand in full here and begin with an imported name there.
fn is_one_action(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    long.strip_suffix(short).is_some_and(|rest| rest.is_empty() || rest.ends_with("::"))
}

/// The actions that an option names: a path or a text each, up to the word behind it.
fn actions(options: &str, option: &str) -> Vec<String> {
    let Ok(tokens) = options.parse::<TokenStream>() else { return Vec::new() };
    let mut named = Vec::new();
    let mut trees = tokens.into_iter().peekable();
    while let Some(tree) = trees.next() {
        let list = match (&tree, trees.peek()) {
            (TokenTree::Ident(ident), Some(TokenTree::Group(group))) if ident == option => group.stream(),
            _ => continue,
        };
        let list: Vec<TokenTree> = list.into_iter().collect();
        let comma = |tree: &TokenTree| matches!(tree, TokenTree::Punct(punct) if punct.as_char() == ',');
        let within = |tree: &TokenTree| matches!(tree, TokenTree::Ident(ident) if ident == "within");
        named.extend(list.split(comma).map(|item| {
            let action: String = item.iter().take_while(|tree| !within(tree)).map(ToString::to_string).collect();
            action.trim_matches('"').to_owned()
        }));
    }
    named.retain(|action| !action.is_empty());
    named
}

/// An error that says of which file it is.
pub fn of(file: &Path) -> impl Fn(io::Error) -> io::Error + '_ {
    move |error| io::Error::new(error.kind(), format!("{}: {error}", file.display()))
}

fn gather(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(of(path))? {
        let path = entry.map_err(of(path))?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() {
            if !name.starts_with('.') && name != "target" {
                gather(&path, files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

/// What surrounds the function that is read.
#[derive(Clone, Default)]
struct Scope {
    path: Vec<String>,
    conditions: Vec<String>,
    /// Options of the enclosing annotated block.
    block: Option<String>,
}

struct Reader<'a> {
    file: String,
    surface: &'a mut Surface,
    scope: Scope,
}

impl Reader<'_> {
    /// Reads something inside a named scope with attributes of its own.
    fn within(&mut self, name: Option<String>, attrs: &[Attribute], read: impl FnOnce(&mut Self)) {
        let outer = self.scope.clone();
        self.scope.path.extend(name);
        self.scope.conditions.extend(conditions(attrs));
        if let Some(options) = options_of(attrs, "audited") {
            self.scope.block = Some(merged(&options, self.scope.block.as_deref()));
        }
        read(self);
        self.scope = outer;
    }

    fn function(&mut self, attrs: &[Attribute], sig: &Signature, body: Option<&Block>, is_method: bool) {
        let span = sig.ident.span();
        let name = sig.ident.to_string();
        let mut path = self.scope.path.clone();
        path.push(name.strip_prefix("r#").unwrap_or(&name).to_owned());
        let hindrance = match (sig.constness.is_some(), body.is_none(), sig.variadic.is_some()) {
            (true, ..) => Some("const fn"),
            (_, true, _) => Some("no body"),
            (.., true) => Some("variadic"),
            _ => None,
        };
        let mut all = self.scope.conditions.clone();
        all.extend(conditions(attrs));
        let function = Function {
            file: self.file.clone(),
            line: span.start().line,
            column: span.start().column + 1,
            name: path.join("::"),
            is_method,
            stand: self.stand(attrs, hindrance),
            conditions: all,
            hindrance,
        };
        self.surface.functions.push(function);
        if let Some(body) = body {
            // Items inside a body stand under no block's annotation.
            let outer = std::mem::replace(&mut self.scope, Scope { path, ..Scope::default() });
            visit::visit_block(self, body);
            self.scope = outer;
        }
    }

    fn stand(&self, attrs: &[Attribute], hindrance: Option<&str>) -> Stand {
        if let Some(reason) = options_of(attrs, "not_audited") {
            let reason = reason.split_once('"').map_or(reason.as_str(), |(_, rest)| rest.trim_end_matches('"'));
            return Stand::LeftOut(reason.to_owned());
        }
        for governed in ["gate", "action"] {
            if let Some(options) = options_of(attrs, governed) {
                return Stand::Audited(format!("{governed}({options})"));
            }
        }
        if let Some(own) = options_of(attrs, "audited") {
            return if own == "skip" {
                Stand::LeftOut(own)
            } else {
                Stand::Audited(merged(&own, self.scope.block.as_deref()))
            };
        }
        match (&self.scope.block, hindrance) {
            (None, _) => Stand::Plain,
            (Some(_), Some(why)) => Stand::LeftOut(why.to_owned()),
            (Some(_), None) if attrs.iter().any(|attr| attr.path().is_ident("test")) => Stand::Plain,
            (Some(block), None) => Stand::Audited(block.clone()),
        }
    }

    fn blind(&mut self, path: &syn::Path, span: Span) {
        let name = path.segments.iter().map(|segment| segment.ident.to_string()).collect::<Vec<_>>().join("::");
        self.surface.blind.push(Blind { file: self.file.clone(), line: span.start().line, name });
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.function(&item.attrs, &item.sig, Some(&item.block), false);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.function(&item.attrs, &item.sig, Some(&item.block), true);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        self.function(&item.attrs, &item.sig, item.default.as_ref(), true);
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if item.content.is_some() {
            self.within(Some(item.ident.to_string()), &item.attrs, |reader| visit::visit_item_mod(reader, item));
        }
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        self.within(Some(type_name(&item.self_ty)), &item.attrs, |reader| visit::visit_item_impl(reader, item));
    }

    fn visit_item_trait(&mut self, item: &'ast ItemTrait) {
        self.within(Some(item.ident.to_string()), &item.attrs, |reader| visit::visit_item_trait(reader, item));
    }

    fn visit_item_macro(&mut self, item: &'ast ItemMacro) {
        // A definition matters only if it can make functions; a call may make anything.
        if item.ident.is_none() || mentions_fn(&item.mac.tokens) {
            match &item.ident {
                Some(ident) => self.blind(&syn::Path::from(ident.clone()), ident.span()),
                None => self.blind(&item.mac.path, span_of(&item.mac.path)),
            }
        }
    }

    fn visit_impl_item_macro(&mut self, item: &'ast syn::ImplItemMacro) {
        self.blind(&item.mac.path, span_of(&item.mac.path));
    }

    fn visit_trait_item_macro(&mut self, item: &'ast syn::TraitItemMacro) {
        self.blind(&item.mac.path, span_of(&item.mac.path));
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        if mac.path.segments.last().is_some_and(|segment| segment.ident == "acknowledge") {
            let tokens: Vec<TokenTree> = mac.tokens.clone().into_iter().collect();
            let arguments = tokens.split(|tree| matches!(tree, TokenTree::Punct(punct) if punct.as_char() == ','));
            let spelled = arguments.map(|argument| argument.iter().map(ToString::to_string).collect::<String>());
            self.surface.acknowledged_by_hand.extend(spelled.filter(|argument| !argument.is_empty()));
        }
    }
}

fn span_of(path: &syn::Path) -> Span {
    path.segments.last().map_or_else(Span::call_site, |segment| segment.ident.span())
}

fn mentions_fn(tokens: &TokenStream) -> bool {
    tokens.clone().into_iter().any(|tree| match tree {
        TokenTree::Ident(ident) => ident == "fn",
        TokenTree::Group(group) => mentions_fn(&group.stream()),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

fn type_name(ty: &Type) -> String {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default(),
        other => other.to_token_stream().to_string().replace(' ', ""),
    }
}

fn conditions(attrs: &[Attribute]) -> impl Iterator<Item = String> + '_ {
    attrs.iter().filter(|attr| attr.path().is_ident("cfg")).filter_map(|attr| match &attr.meta {
        Meta::List(list) => Some(one_line(&list.tokens)),
        Meta::Path(_) | Meta::NameValue(_) => None,
    })
}

/// What stands in the parentheses of an attribute of ours.
fn options_of(attrs: &[Attribute], name: &str) -> Option<String> {
    let attr = attrs.iter().find(|attr| attr.path().segments.last().is_some_and(|segment| segment.ident == name))?;
    Some(match &attr.meta {
        Meta::List(list) => one_line(&list.tokens),
        Meta::Path(_) | Meta::NameValue(_) => String::new(),
    })
}

/// A function's own options, then those of its block.
fn merged(own: &str, block: Option<&str>) -> String {
    match block {
        None | Some("") => own.to_owned(),
        Some(block) if own.is_empty() => block.to_owned(),
        Some(block) => format!("{own}, {block}"),
    }
}

/// Tokens as one line, as they would be typed.
fn one_line(tokens: &TokenStream) -> String {
    let text = tokens.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    text.replace(" (", "(")
        .replace("( ", "(")
        .replace(" )", ")")
        .replace(" ,", ",")
        .replace(" . ", ".")
        .replace(" :: ", "::")
}
