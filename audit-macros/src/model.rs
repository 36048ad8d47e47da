//! Second step: the function as it was written, and which plan its shape calls for. The body stays a group of tokens.

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{Parse, ParseStream};
use syn::{
    Attribute, FnArg, GenericArgument, PathArguments, ReturnType, Signature, Token, Type, TypeParamBound, Visibility,
};

/// A function item or method with its body as tokens.
pub struct Function {
    pub attrs: Vec<Attribute>,
    pub vis: Visibility,
    pub defaultness: Option<Token![default]>,
    pub sig: Signature,
    /// `None` where a `;` stands.
    pub body: Option<Group>,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let defaultness =
            if input.peek(Token![default]) && !input.peek2(Token![!]) { Some(input.parse()?) } else { None };
        let sig: Signature = input.parse()?;
        if input.peek(Token![;]) {
            input.parse::<Token![;]>()?;
            return Ok(Function { attrs, vis, defaultness, sig, body: None });
        }
        match input.parse::<TokenTree>()? {
            TokenTree::Group(body) if body.delimiter() == Delimiter::Brace => {
                Ok(Function { attrs, vis, defaultness, sig, body: Some(body) })
            }
            other => Err(syn::Error::new(other.span(), "the function's body belongs here")),
        }
    }
}

impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Function { attrs, vis, defaultness, sig, body } = self;
        attrs.iter().for_each(|attr| attr.to_tokens(tokens));
        vis.to_tokens(tokens);
        defaultness.to_tokens(tokens);
        sig.to_tokens(tokens);
        match body {
            Some(body) => body.to_tokens(tokens),
            None => <Token![;]>::default().to_tokens(tokens),
        }
    }
}

/// How a function is entered and left.
pub enum Plan {
    /// The body runs in a closure.
    Call,
    /// The body stands where it stood, because a closure would hide the caller's location.
    Inline,
    /// As `Call`, for a body that never returns.
    Never,
    /// The body runs in a future.
    Future,
    /// As `Future`, for a body that never returns.
    FutureNever,
    /// The body makes a future of this output; `in_place` is set where it is one async block.
    Makes { output: Option<Box<Type>>, boxed: bool, in_place: Option<Box<InPlace>> },
}

/// A body that is one async block, or one `Box::pin` of it.
pub struct InPlace {
    /// What stands before the block: nothing, or the path of the boxing function.
    pub around: TokenStream,
    /// The block.
    pub block: TokenStream,
}

/// The plan that the shape of a function calls for.
pub fn plan(function: &Function) -> Plan {
    let sig = &function.sig;
    let never = matches!(&sig.output, ReturnType::Type(_, ty) if matches!(**ty, Type::Never(_)));
    if sig.asyncness.is_some() {
        return if never { Plan::FutureNever } else { Plan::Future };
    }
    if never {
        return Plan::Never;
    }
    if let ReturnType::Type(_, ty) = &sig.output {
        let in_place = || function.body.as_ref().and_then(|body| single_async(&body.stream()));
        if let Some(output) = returned_future(ty) {
            let in_place = in_place().filter(|found| found.around.is_empty());
            return Plan::Makes { output: output.map(Box::new), boxed: false, in_place: in_place.map(Box::new) };
        }
        if let Some(output) = boxed_future(ty) {
            let in_place = in_place().filter(|found| !found.around.is_empty());
            return Plan::Makes { output: output.map(Box::new), boxed: true, in_place: in_place.map(Box::new) };
        }
    }
    let tracks = function.attrs.iter().any(|attr| attr.path().is_ident("track_caller"));
    let straight = function.body.as_ref().is_some_and(|body| leaves_only_at_the_end(body.stream()));
    if tracks && straight { Plan::Inline } else { Plan::Call }
}

/// Macros that hold ordinary expressions and no way out of the function.
const TRANSPARENT: &[&str] = &[
    "panic",
    "assert",
    "assert_eq",
    "assert_ne",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
    "unreachable",
    "todo",
    "unimplemented",
    "format",
    "print",
    "println",
    "eprint",
    "eprintln",
    "vec",
    "write",
    "writeln",
    "matches",
    "concat",
    "stringify",
    "line",
    "file",
    "column",
    "env",
    "include_str",
];

/// Whether a macro holds ordinary expressions and nothing else.
pub fn is_transparent(name: &str) -> bool {
    TRANSPARENT.contains(&name)
}

/// Whether no `return`, no `?` and no macro that could hide one stands in the body.
fn leaves_only_at_the_end(tokens: TokenStream) -> bool {
    let mut last: Option<Ident> = None;
    for tree in tokens {
        match tree {
            TokenTree::Ident(ident) if ident == "return" => return false,
            TokenTree::Ident(ident) => last = Some(ident),
            TokenTree::Punct(punct) => match punct.as_char() {
                '?' => return false,
                '!' if last.as_ref().is_some_and(|name| !TRANSPARENT.iter().any(|known| name == known)) => {
                    return false;
                }
                _ => last = None,
            },
            TokenTree::Group(group) => {
                last = None;
                if !leaves_only_at_the_end(group.stream()) {
                    return false;
                }
            }
            TokenTree::Literal(_) => last = None,
        }
    }
    true
}

/// `async { .. }`, `async move { .. }`, or `path::to::pin(async move { .. })`, and nothing else.
fn single_async(body: &TokenStream) -> Option<InPlace> {
    let trees: Vec<TokenTree> = body.clone().into_iter().collect();
    if is_async_block(&trees) {
        return Some(InPlace { around: TokenStream::new(), block: body.clone() });
    }
    let (last, path) = trees.split_last()?;
    let TokenTree::Group(group) = last else { return None };
    let plain = path.iter().all(|tree| match tree {
        TokenTree::Ident(_) => true,
        TokenTree::Punct(punct) => punct.as_char() == ':',
        TokenTree::Group(_) | TokenTree::Literal(_) => false,
    });
    let names: Vec<String> =
        path.iter().filter_map(|t| if let TokenTree::Ident(i) = t { Some(i.to_string()) } else { None }).collect();
    if !plain || group.delimiter() != Delimiter::Parenthesis || !names.ends_with(&["Box".to_owned(), "pin".to_owned()])
    {
        return None;
    }
    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
    is_async_block(&inner).then(|| InPlace { around: path.iter().cloned().collect(), block: group.stream() })
}

fn is_async_block(trees: &[TokenTree]) -> bool {
    let brace = |tree: &TokenTree| matches!(tree, TokenTree::Group(g) if g.delimiter() == Delimiter::Brace);
    let word = |tree: &TokenTree, text: &str| matches!(tree, TokenTree::Ident(i) if i == text);
    match trees {
        [a, block] => word(a, "async") && brace(block),
        [a, m, block] => word(a, "async") && word(m, "move") && brace(block),
        _ => false,
    }
}

/// The output of `impl Future<Output = T>`: `None` for another type, `Some(None)` where the output is not named.
fn returned_future(ty: &Type) -> Option<Option<Type>> {
    match ty {
        Type::ImplTrait(it) => future_bound(it.bounds.iter()),
        Type::Paren(inner) => returned_future(&inner.elem),
        Type::Group(inner) => returned_future(&inner.elem),
        _ => None,
    }
}

fn future_bound<'a>(bounds: impl Iterator<Item = &'a TypeParamBound>) -> Option<Option<Type>> {
    for bound in bounds {
        let TypeParamBound::Trait(bound) = bound else { continue };
        let Some(last) = bound.path.segments.last() else { continue };
        if last.ident != "Future" {
            continue;
        }
        let PathArguments::AngleBracketed(args) = &last.arguments else { return Some(None) };
        return Some(args.args.iter().find_map(|arg| match arg {
            GenericArgument::AssocType(assoc) if assoc.ident == "Output" => Some(assoc.ty.clone()),
            _ => None,
        }));
    }
    None
}

/// The same for `Pin<Box<dyn Future<Output = T>>>`, `BoxFuture<T>` and `LocalBoxFuture<T>`.
fn boxed_future(ty: &Type) -> Option<Option<Type>> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    if last.ident == "BoxFuture" || last.ident == "LocalBoxFuture" {
        return Some(types_of(&last.arguments).last().map(|ty| (*ty).clone()));
    }
    if last.ident != "Pin" {
        return None;
    }
    let Type::Path(inner) = types_of(&last.arguments).first()? else { return None };
    let inner = inner.path.segments.last().filter(|segment| segment.ident == "Box")?;
    match types_of(&inner.arguments).first()? {
        Type::TraitObject(object) => future_bound(object.bounds.iter()),
        _ => None,
    }
}

fn types_of(arguments: &PathArguments) -> Vec<&Type> {
    let PathArguments::AngleBracketed(args) = arguments else { return Vec::new() };
    args.args.iter().filter_map(|arg| if let GenericArgument::Type(ty) = arg { Some(ty) } else { None }).collect()
}

/// The declared type with each `impl Trait` in it as `_`, or `()`.
pub fn written_return(output: &ReturnType) -> Type {
    match output {
        ReturnType::Default => syn::parse_quote!(()),
        ReturnType::Type(_, ty) => {
            let mut ty = (**ty).clone();
            syn::visit_mut::VisitMut::visit_type_mut(&mut Opaque, &mut ty);
            ty
        }
    }
}

struct Opaque;

impl syn::visit_mut::VisitMut for Opaque {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        if let Type::ImplTrait(it) = ty {
            let span = it.impl_token.span;
            *ty = Type::Infer(syn::TypeInfer { attrs: Vec::new(), underscore_token: Token![_](span) });
        } else {
            syn::visit_mut::visit_type_mut(self, ty);
        }
    }
}

/// Names of standard types that are never a `Result`.
const PLAIN: &[&str] = &[
    "bool", "char", "str", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize",
    "f32", "f64", "String", "Vec", "Box", "Rc", "Arc", "HashMap", "BTreeMap", "Duration",
];

/// Whether a value of this type can be told to be no `Result` from its spelling alone.
pub fn is_plain(ty: &Type) -> bool {
    match ty {
        Type::Tuple(_)
        | Type::Reference(_)
        | Type::Array(_)
        | Type::Slice(_)
        | Type::Ptr(_)
        | Type::Never(_)
        | Type::Infer(_)
        | Type::FnPtr(_) => true,
        Type::Path(path) => {
            path.qself.is_none() && path.path.get_ident().is_some_and(|name| PLAIN.iter().any(|p| name == p))
                || path.qself.is_none()
                    && path.path.segments.len() == 1
                    && path.path.segments.last().is_some_and(|s| {
                        !matches!(s.arguments, PathArguments::None) && PLAIN.iter().any(|p| s.ident == p)
                    })
        }
        Type::Paren(inner) => is_plain(&inner.elem),
        Type::Group(inner) => is_plain(&inner.elem),
        _ => false,
    }
}

/// A name that a parameter binds, with the attributes of the parameter.
pub struct Param {
    pub name: Ident,
    pub attrs: Vec<Attribute>,
}

/// What a signature binds, in order; `self` is one of them.
pub fn params(sig: &Signature) -> Vec<Param> {
    let mut all = Vec::new();
    for input in &sig.inputs {
        match input {
            FnArg::Receiver(receiver) => {
                all.push(Param { name: Ident::new("self", receiver.self_token.span), attrs: receiver.attrs.clone() });
            }
            FnArg::Typed(typed) => {
                let mut names = Names(Vec::new());
                syn::visit::Visit::visit_pat(&mut names, &typed.pat);
                all.extend(names.0.into_iter().map(|name| Param { name, attrs: typed.attrs.clone() }));
            }
        }
    }
    all
}

struct Names(Vec<Ident>);

impl<'ast> syn::visit::Visit<'ast> for Names {
    fn visit_pat_ident(&mut self, pat: &'ast syn::PatIdent) {
        self.0.push(pat.ident.clone());
        syn::visit::visit_pat_ident(self, pat);
    }

    fn visit_expr(&mut self, _: &'ast syn::Expr) {}
}

/// Splits the inner attributes off a body.
pub fn split_inner_attrs(body: &Group) -> (TokenStream, TokenStream) {
    let mut rest: Vec<TokenTree> = body.stream().into_iter().collect();
    let mut inner = TokenStream::new();
    while let [TokenTree::Punct(hash), TokenTree::Punct(bang), TokenTree::Group(group), ..] = rest.as_slice()
        && hash.as_char() == '#'
        && bang.as_char() == '!'
        && group.delimiter() == Delimiter::Bracket
    {
        inner.extend(rest.drain(..3));
    }
    (inner, rest.into_iter().collect())
}
