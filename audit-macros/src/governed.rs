//! `#[gate(..)]` and `#[action(..)]`: the options, the shape of the function, and what is written for both. The body stays
//! as it was written; what its caller gets is the decision on the device, or the result behind its terminal.

use proc_macro2::{Group, Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Expr, FnArg, LitStr, Pat, Path, ReturnType, Type};

use crate::attribute::{equals, group, items, krate, one_line, skip_to_comma, value};
use crate::expand;
use crate::model::{self, Function};
use crate::pledge::duration;
use crate::report::{Report, nearest};

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Gate,
    Action,
}

impl Which {
    const fn name(self) -> &'static str {
        match self {
            Which::Gate => "gate",
            Which::Action => "action",
        }
    }

    const fn options(self) -> &'static [&'static str] {
        match self {
            Which::Gate => &["profile", "correlation", "expires", "crate"],
            Which::Action => &["version", "name", "executor", "needs", "limits", "within", "spawn", "lookup", "crate"],
        }
    }
}

/// What stands in the parentheses of either.
#[derive(Default)]
struct Options {
    /// Where each option stands, by name.
    places: Vec<(String, Span)>,
    values: Vec<(&'static str, Expr)>,
    version: Option<LitStr>,
    name: Option<LitStr>,
    needs: Vec<LitStr>,
    limits: Vec<(Ident, Expr)>,
    within_ns: Option<u64>,
    krate: Option<Path>,
    text: String,
}

impl Options {
    fn place(&self, name: &str) -> Option<Span> {
        self.places.iter().find(|(known, _)| known == name).map(|(_, span)| *span)
    }

    fn value(&self, name: &str) -> Option<&Expr> {
        self.values.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }
}

/// `#[gate(..)]` on a function.
pub fn gate(tokens: TokenStream, item: TokenStream) -> TokenStream {
    governed(Which::Gate, tokens, item)
}

/// `#[action(..)]` on a function.
pub fn action(tokens: TokenStream, item: TokenStream) -> TokenStream {
    governed(Which::Action, tokens, item)
}

fn governed(which: Which, tokens: TokenStream, item: TokenStream) -> TokenStream {
    let mut report = Report::default();
    let options = parse(which, tokens, &mut report);
    let function = match syn::parse2::<Function>(item.clone()) {
        Ok(function) => function,
        Err(_) => {
            let span = item.clone().into_iter().next().map_or_else(Span::call_site, |tree| tree.span());
            report.at(span, format!("`#[{}]` belongs on a function or an `async fn`", which.name()));
            let mut out = report.into_tokens();
            out.extend(item);
            return out;
        }
    };
    demanded(which, &options, &function, &mut report);
    let roles = roles(which, &function, &mut report);
    if !report.is_empty() {
        let mut out = report.into_tokens();
        // The body of a kept item does not use what the macro would have used.
        out.extend(quote_spanned!(Span::mixed_site()=> #[allow(unused_variables)]));
        out.extend(without_roles(&function).to_token_stream());
        return out;
    }
    let written = Written { function: &function, options: &options, p: private(&options), here: Span::mixed_site() };
    match which {
        Which::Gate => written.gate(&roles),
        Which::Action => written.action(&roles),
    }
}

fn private(options: &Options) -> TokenStream {
    let here = Span::mixed_site();
    match &options.krate {
        Some(path) => quote_spanned!(here=> #path::__private),
        None => quote_spanned!(here=> ::audit_runtime::__private),
    }
}

fn parse(which: Which, tokens: TokenStream, report: &mut Report) -> Options {
    let mut options = Options { text: one_line(&tokens), ..Options::default() };
    let read = |input: ParseStream<'_>| {
        items(input, report, |input, report| option(which, input, &mut options, report));
        Ok(())
    };
    if let Err(error) = read.parse2(tokens) {
        report.push(error);
    }
    options
}

fn option(which: Which, input: ParseStream<'_>, options: &mut Options, report: &mut Report) -> syn::Result<()> {
    let known = which.options();
    if !input.peek(Ident::peek_any) {
        return Err(input.error(format!("an option's name belongs here: {}", known.join(", "))));
    }
    let name = input.call(Ident::parse_any)?;
    let span = name.span();
    let name = name.unraw().to_string();
    if options.place(&name).is_some() {
        skip_to_comma(input);
        return Err(syn::Error::new(span, format!("`{name}` stands twice; write it once")));
    }
    let Some(known_name) = known.iter().copied().find(|known| *known == name) else {
        skip_to_comma(input);
        let hint = nearest(&name, known)
            .map_or_else(|| format!("the options are {}", known.join(", ")), |near| format!("did you mean `{near}`?"));
        return Err(syn::Error::new(span, format!("unknown option `{name}` of `#[{}]`; {hint}", which.name())));
    };
    options.places.push((name.clone(), span));
    match known_name {
        "profile" => options.values.push((known_name, value(input, span, "profile", "the profile that is applied")?)),
        "correlation" => {
            options.values.push((known_name, value(input, span, "correlation", "what the work is joined by")?));
        }
        "executor" => options.values.push((known_name, value(input, span, "executor", "who executes it")?)),
        "lookup" => options.values.push((known_name, value(input, span, "lookup", "where actions are looked up")?)),
        "spawn" => options.values.push((known_name, value(input, span, "spawn", "what runs a task: `tokio::spawn`")?)),
        "version" => options.version = Some(semver(input, span)?),
        "name" => {
            equals(input, span, "name", "a name in quotes")?;
            let name: LitStr = input.parse()?;
            if name.value().trim().is_empty() || name.value().len() > 128 || name.value().chars().any(char::is_control)
            {
                return Err(syn::Error::new(name.span(), "an action's name has 1 to 128 printable bytes"));
            }
            options.name = Some(name);
        }
        "needs" => {
            let content = group(input, span, "needs", "\"ledger\"")?;
            items(&content, report, |content, _| {
                let need: LitStr = content
                    .parse()
                    .map_err(|error| syn::Error::new(error.span(), "a capability is a text: `needs(\"ledger\")`"))?;
                options.needs.push(need);
                Ok(())
            });
        }
        "limits" => {
            let content = group(input, span, "limits", "bytes = 65536, depth = 8, list = 100")?;
            items(&content, report, |content, _| limit(content, options));
        }
        "within" | "expires" => {
            equals(input, span, known_name, "a time, for example `5s`")?;
            options.within_ns = Some(duration(&input.parse()?)?);
        }
        _ => options.krate = Some(krate(input, span)?),
    }
    Ok(())
}

fn limit(content: ParseStream<'_>, options: &mut Options) -> syn::Result<()> {
    const NAMES: &[&str] = &["bytes", "depth", "list"];
    let name = content.call(Ident::parse_any)?;
    let text = name.to_string();
    if !NAMES.contains(&text.as_str()) {
        skip_to_comma(content);
        let hint = nearest(&text, NAMES)
            .map_or_else(|| "the limits are bytes, depth, list".to_owned(), |near| format!("did you mean `{near}`?"));
        return Err(syn::Error::new(name.span(), format!("unknown limit `{text}`; {hint}")));
    }
    if options.limits.iter().any(|(known, _)| *known == name) {
        skip_to_comma(content);
        return Err(syn::Error::new(name.span(), format!("`{text}` stands twice; write it once")));
    }
    let limit = value(content, name.span(), &text, "a number")?;
    options.limits.push((name, limit));
    Ok(())
}

fn semver(input: ParseStream<'_>, span: Span) -> syn::Result<LitStr> {
    equals(input, span, "version", "a semantic version in quotes")?;
    let help = "the version of an action is a semantic version in quotes, for example `version = \"1.4.0\"`";
    let version: LitStr = input.parse().map_err(|error| syn::Error::new(error.span(), help))?;
    if is_semver(&version.value()) { Ok(version) } else { Err(syn::Error::new(version.span(), help)) }
}

/// semver.org, 2.0.0; the runtime checks it again where versions come from elsewhere.
fn is_semver(text: &str) -> bool {
    let (rest, build) = text.split_once('+').map_or((text, None), |(rest, build)| (rest, Some(build)));
    let (core, pre) = rest.split_once('-').map_or((rest, None), |(core, pre)| (core, Some(pre)));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let number = |part: &str| digits(part) && (part == "0" || !part.starts_with('0'));
    let word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    core.split('.').filter(|part| number(part)).count() == 3
        && core.split('.').count() == 3
        && pre.is_none_or(|pre| pre.split('.').all(|part| word(part) && (!digits(part) || number(part))))
        && build.is_none_or(|build| build.split('.').all(word))
}

/// What has to be there, and what excludes what.
fn demanded(which: Which, options: &Options, function: &Function, report: &mut Report) {
    let (sig, name) = (&function.sig, which.name());
    let asynchronous = sig.asyncness.is_some();
    if which == Which::Gate && options.place("profile").is_none() {
        report.at(sig.ident.span(), "a gate applies a profile\n  = help: write `#[gate(profile = …)]`; its fingerprint is computed from what is applied");
    }
    if which == Which::Action && options.place("version").is_none() {
        report.at(sig.ident.span(), "an action has a version, so that the trail says which one ran\n  = help: write `#[action(version = \"1.0.0\")]`");
    }
    if let (Some(place), None, None) = (options.place("needs"), options.place("executor"), options.place("lookup")) {
        report.at(place, "nobody provides what is needed here\n  = help: name who executes it: `executor = Executor::new(\"bank\", \"1.0.0\").provides(..)`");
    }
    if let (Some(place), Some(_)) = (options.place("lookup"), options.place("needs").or(options.place("limits"))) {
        report.at(
            place,
            "what is looked up has its own needs and limits\n  = help: leave `lookup` out, or `needs` and `limits`",
        );
    }
    if let (Some(place), true) = (options.place("spawn"), !asynchronous || options.place("within").is_none()) {
        report.at(place, "`spawn` lets an `async fn` go on when its time has run out\n  = help: it stands beside `within` on an `async fn`");
    }
    if let Some(constness) = &sig.constness {
        report.at(constness.span, format!("a `const fn` cannot be a{} {name}: it may run in the compiler, where there is no trail\n  = help: drop `const`", if which == Which::Action { "n" } else { "" }));
    }
    if function.body.is_none() {
        report.at(
            sig.ident.span(),
            format!("`{}` has no body\n  = help: put `#[{name}]` on each implementation", sig.ident),
        );
    }
    if let Some(abi) = &sig.abi {
        report.at(
            abi.span(),
            "a refusal cannot cross a foreign boundary\n  = help: call this function from the foreign one",
        );
    }
    if matches!(sig.output, ReturnType::Default) {
        let returns = if which == Which::Gate { "`Decision`" } else { "`Result<R, E>`" };
        report.at(sig.ident.span(), format!("`{}` returns nothing; {name} functions return {returns}", sig.ident));
    }
    if let (Some(place), false) = (options.place("within"), asynchronous)
        && let Some(borrowed) = sig.inputs.iter().find_map(borrowed)
    {
        report.at(borrowed, "a time-out on a blocking function runs it on a thread of its own, which cannot borrow this\n  = help: take it by value, or make the function `async`");
        report.at(place, "because of this time-out");
    }
}

/// Where a parameter borrows.
fn borrowed(input: &FnArg) -> Option<Span> {
    match input {
        FnArg::Receiver(receiver) => Some(receiver.self_token.span),
        FnArg::Typed(typed) => match &*typed.ty {
            Type::Reference(reference) => Some(reference.and_token.span),
            _ => None,
        },
    }
}

/// Which parameter is what.
#[derive(Default)]
struct Roles {
    /// The payload's name; `()` where there is none.
    payload: Option<Ident>,
    /// The place of the policy among the parameters.
    policy: Option<usize>,
    /// The place of the authorization.
    authorization: Option<usize>,
}

fn is_marked(input: &FnArg, name: &str) -> bool {
    matches!(input, FnArg::Typed(typed) if typed.attrs.iter().any(|attr| attr.path().is_ident(name)))
}

fn is_authorization(input: &FnArg) -> bool {
    let FnArg::Typed(typed) = input else { return false };
    let named = |ty: &Type| matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Authorization"));
    match &*typed.ty {
        Type::Reference(reference) => named(&reference.elem),
        ty => named(ty),
    }
}

fn roles(which: Which, function: &Function, report: &mut Report) -> Roles {
    let (sig, mut roles) = (&function.sig, Roles::default());
    let mut rest: Vec<&FnArg> = Vec::new();
    let mut marked: Vec<&FnArg> = Vec::new();
    for (at, input) in sig.inputs.iter().enumerate() {
        match input {
            FnArg::Receiver(_) => {}
            input if which == Which::Gate && is_marked(input, "policy") => roles.policy = Some(at),
            input if which == Which::Action && is_authorization(input) => {
                if let Some(place) = borrowed(input) {
                    report.at(place, "an authorization is good for one execution, which uses it up\n  = help: take it by value: `authorization: Authorization`");
                }
                roles.authorization = Some(at);
            }
            input if is_marked(input, "payload") => marked.push(input),
            input => rest.push(input),
        }
    }
    if which == Which::Action && roles.authorization.is_none() {
        report.at(sig.ident.span(), format!("`{}` could be executed by anybody: it takes no authorization\n  = help: give it a parameter `authorization: Authorization`; a gate that allows gives one", sig.ident));
    }
    let payload = match (marked.as_slice(), rest.as_slice()) {
        ([one], _) | ([], [one]) => Some(*one),
        ([], []) => None,
        ([], several) => {
            let name = |input: &&FnArg| match input {
                FnArg::Typed(typed) => one_line(&typed.pat.to_token_stream()),
                FnArg::Receiver(_) => "self".to_owned(),
            };
            let names: Vec<String> = several.iter().map(|input| format!("`{}`", name(input))).collect();
            report.at(sig.ident.span(), format!("which one is the payload: {}?\n  = help: put `#[payload]` before the one that is digested and decided upon", names.join(" or ")));
            None
        }
        ([_, second, ..], _) => {
            report.at(second.span(), "there is one payload\n  = help: gather both into one type");
            None
        }
    };
    if let Some(FnArg::Typed(typed)) = payload {
        match &*typed.pat {
            Pat::Ident(ident) if ident.subpat.is_none() => roles.payload = Some(ident.ident.clone()),
            pat => {
                report.at(pat.span(), "a payload needs a name, because it is digested before the body takes it apart")
            }
        }
    }
    roles
}

/// The function without the attributes that only this macro knows.
fn without_roles(function: &Function) -> Function {
    let Function { attrs, vis, defaultness, sig, body } = function;
    let mut sig = sig.clone();
    for input in &mut sig.inputs {
        if let FnArg::Typed(typed) = input {
            typed.attrs.retain(|attr| !attr.path().is_ident("payload") && !attr.path().is_ident("policy"));
        }
    }
    Function { attrs: attrs.clone(), vis: vis.clone(), defaultness: *defaultness, sig, body: body.clone() }
}

struct Written<'a> {
    function: &'a Function,
    options: &'a Options,
    p: TokenStream,
    here: Span,
}

impl Written<'_> {
    fn site(&self, which: Which) -> TokenStream {
        let (p, here) = (&self.p, self.here);
        let ident = &self.function.sig.ident;
        let name = ident.unraw().to_string();
        let (line, column) = expand::place(ident.span());
        let form = if self.function.sig.asyncness.is_some() { quote!(Async) } else { quote!(Sync) };
        let (kind, text) = (which.name(), format!("{}({})", which.name(), self.options.text));
        quote_spanned!(here=> #p::site!(__AUDITED #form #name #line #column { text: #text, kind: #p::Some(#kind) });)
    }

    fn payload(&self, roles: &Roles) -> TokenStream {
        match &roles.payload {
            Some(name) => quote_spanned!(name.span()=> &#name),
            None => quote_spanned!(self.here=> &()),
        }
    }

    fn within(&self) -> Option<TokenStream> {
        let (p, within_ns) = (&self.p, self.options.within_ns?);
        Some(quote_spanned!(self.here=> #p::nanos(#within_ns)))
    }

    /// The body as a closure, or as a future.
    fn body(&self, output: &Type) -> TokenStream {
        let (p, here) = (&self.p, self.here);
        let Some(body) = &self.function.body else { return TokenStream::new() };
        let (_, statements) = model::split_inner_attrs(body);
        if self.function.sig.asyncness.is_some() {
            let edge = quote_spanned!(here=> if false { return #p::edge::<#output>(); });
            let mut group = Group::new(proc_macro2::Delimiter::Brace, quote_spanned!(here=> #edge #statements));
            group.set_span(body.span());
            return quote_spanned!(here=> async move #group);
        }
        let mut group = Group::new(proc_macro2::Delimiter::Brace, statements);
        group.set_span(body.span());
        quote_spanned!(here=> move || -> #output #group)
    }

    /// The function with another output and another block.
    fn function(&self, which: Which, drop: Option<usize>, output: &TokenStream, block: &TokenStream) -> TokenStream {
        let here = self.here;
        let Function { attrs, vis, defaultness, mut sig, body } = without_roles(self.function);
        if let Some(drop) = drop {
            sig.inputs =
                sig.inputs.into_iter().enumerate().filter(|(at, _)| *at != drop).map(|(_, input)| input).collect();
        }
        sig.output = syn::parse_quote!(-> #output);
        let inner = body.as_ref().map(|body| model::split_inner_attrs(body).0);
        let site = self.site(which);
        let mut whole = Group::new(proc_macro2::Delimiter::Brace, quote_spanned!(here=> #inner #site #block));
        if let Some(body) = &body {
            whole.set_span(body.span());
        }
        quote_spanned!(here=> #(#attrs)* #vis #defaultness #sig #whole)
    }

    fn gate(&self, roles: &Roles) -> TokenStream {
        let (p, here) = (&self.p, self.here);
        let output = model::written_return(&self.function.sig.output);
        let profile = self.options.value("profile");
        let correlation = self.options.value("correlation").map(|value| quote_spanned!(here=> .correlation(#value)));
        let expires = self.within().map(|within| quote_spanned!(here=> .expires(#within)));
        let payload = self.payload(roles);
        let policy = roles.policy.and_then(|at| match &self.function.sig.inputs[at] {
            FnArg::Typed(typed) => Some((typed.pat.clone(), typed.ty.clone())),
            FnArg::Receiver(_) => None,
        });
        let policy = policy.map(|(pat, ty)| quote_spanned!(here=> let #pat: #ty = __profile.policy();));
        let body = self.body(&output);
        let settle = if self.function.sig.asyncness.is_some() {
            quote_spanned!(here=> __asked.settle_later::<#output>(#body).await)
        } else {
            quote_spanned!(here=> __asked.settle::<#output>(#body))
        };
        let block = quote_spanned! {here=>
            let __profile: &#p::Profile<_> = &(#profile);
            let __recorder = #p::recorder(&__AUDITED)?;
            let __asked = __recorder.gate(__profile).at(&__AUDITED) #correlation #expires .see(#payload);
            #policy
            #settle
        };
        self.function(Which::Gate, roles.policy, &quote_spanned!(here=> #p::Result<#p::Ruling, #p::Error>), &block)
    }

    fn action(&self, roles: &Roles) -> TokenStream {
        let (p, here, options) = (&self.p, self.here, self.options);
        let output = model::written_return(&self.function.sig.output);
        let name = options.name.as_ref().map_or_else(|| self.function.sig.ident.unraw().to_string(), LitStr::value);
        let (version, needs) = (&options.version, &options.needs);
        let limits = match options.limits.len() {
            0 => quote_spanned!(here=> #p::limits()),
            given => {
                let pairs = options.limits.iter().map(|(name, limit)| quote_spanned!(here=> #name: #limit));
                let rest = (given < 3).then(|| quote_spanned!(here=> , ..#p::limits()));
                quote_spanned!(here=> #p::Limits { #(#pairs),* #rest })
            }
        };
        let executor = options.value("executor").map_or_else(
            || quote_spanned!(here=> #p::Executor::new(::core::env!("CARGO_PKG_NAME"), ::core::env!("CARGO_PKG_VERSION"))),
            ToTokens::to_token_stream,
        );
        let within = self.within();
        let deed_within = within.as_ref().map(|within| quote_spanned!(here=> .within(#within)));
        let payload = self.payload(roles);
        let start = match options.value("lookup") {
            Some(lookup) => quote_spanned!(here=> start_with(__authorization, #payload, &(#lookup))),
            None => quote_spanned!(here=> start(__authorization, #payload)),
        };
        let body = self.body(&output);
        let (begin, run) = match (self.function.sig.asyncness.is_some(), &within, options.value("spawn")) {
            (false, None, _) => (quote!(begin()), quote_spanned!(here=> __begun.run(#body))),
            (false, Some(within), _) => (quote!(begin()), quote_spanned!(here=> __begun.run_within(#within, #body))),
            (true, None, _) => (quote!(begin_later().await), quote_spanned!(here=> __begun.run_later(#body).await)),
            (true, Some(within), None) => {
                (quote!(begin_later().await), quote_spanned!(here=> __begun.run_later_within(#within, #body).await))
            }
            (true, Some(within), Some(spawn)) => {
                (quote!(begin_later().await), quote_spanned!(here=> __begun.run_spawned(#within, #body, #spawn).await))
            }
        };
        let block = quote_spanned! {here=>
            let __started = {
                let __executor: &#p::Executor = &(#executor);
                #p::Deed::new(&__AUDITED, (#name, #version), &[#(#needs),*], #limits, __executor) #deed_within .#start
            };
            match __started.#begin {
                #p::Ok(__begun) => #run,
                #p::Err(__stopped) => #p::Err(#p::From::from(__stopped)),
            }
        };
        let told = self.told(&output);
        let written = self.function(Which::Action, None, &told, &block);
        self.with_authorization(roles, written)
    }

    /// What the caller gets: the written result with the ways in which an action can fail.
    fn told(&self, output: &Type) -> TokenStream {
        let (p, here) = (&self.p, self.here);
        if let ReturnType::Type(_, ty) = &self.function.sig.output
            && let Type::Path(path) = &**ty
            && let Some(last) = path.path.segments.last()
            && last.ident == "Result"
            && let syn::PathArguments::AngleBracketed(arguments) = &last.arguments
            && arguments.args.len() == 2
        {
            let (ok, error) = (&arguments.args[0], &arguments.args[1]);
            return quote_spanned!(here=> #p::Result<#ok, #p::ActionError<#error>>);
        }
        quote_spanned!(here=> <#output as #p::Done>::Told)
    }

    /// Gives the authorization the name that the block uses; the body cannot use it, because the check has used it up.
    fn with_authorization(&self, roles: &Roles, written: TokenStream) -> TokenStream {
        let Ok(mut function) = syn::parse2::<Function>(written.clone()) else { return written };
        if let Some(FnArg::Typed(typed)) = roles.authorization.and_then(|at| function.sig.inputs.iter_mut().nth(at)) {
            let name = Ident::new("__authorization", self.here);
            *typed.pat = syn::parse_quote!(#name);
        }
        function.to_token_stream()
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a19_versions_are_semantic_versions() {
        for good in ["0.0.0", "1.4.0", "1.0.0-alpha.1", "2.0.0+2013", "1.2.3-x.7+b"] {
            assert!(super::is_semver(good), "{good}");
        }
        for bad in ["", "1", "1.2", "1.2.3.4", "01.2.3", "1.2.x", "v1.2.3", "1.2.3-", "1.2.3+", "1.2.3-01"] {
            assert!(!super::is_semver(bad), "{bad}");
        }
    }
}
