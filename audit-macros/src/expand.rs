//! Fourth step: ordinary Rust. A static site, an entry, the user's body as it was written; all thinking is done by
//! functions of the runtime.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, Type};

use crate::attribute::Options;
use crate::inside;
use crate::model::{self, Function, InPlace, Plan};
use crate::pledge::Action;

/// Where expansions find the runtime.
pub fn private(options: &Options) -> TokenStream {
    let here = Span::mixed_site();
    match &options.krate {
        Some(path) => quote_spanned!(here=> #path::__private),
        None => quote_spanned!(here=> ::audit_runtime::__private),
    }
}

/// The function with its entry and its exit. `owner` is the type it belongs to, where that is known.
pub fn function(function: &Function, options: &Options, owner: Option<&str>) -> TokenStream {
    let Some(body) = &function.body else { return function.to_token_stream() };
    let mut plan = model::plan(function);
    let (inner_attrs, statements) = model::split_inner_attrs(body);
    let cx = Context { function, options, private: private(options), here: Span::mixed_site() };
    let mut found = inside::Found::default();
    let statements = match &mut plan {
        Plan::Makes { in_place: Some(in_place), .. } => {
            in_place.block = inside::expression(std::mem::take(&mut in_place.block), &cx.private, &mut found);
            statements
        }
        _ => inside::statements(statements, &cx.private, &mut found),
    };
    let site = cx.site(&plan, owner, &found);
    let inputs = cx.inputs();
    let run = cx.run(&plan, &statements, body, inputs.is_some());
    let mut block =
        Group::new(proc_macro2::Delimiter::Brace, quote_spanned!(cx.here=> #inner_attrs #site #inputs #run));
    block.set_span(body.span());
    let Function { attrs, vis, defaultness, sig, .. } = function;
    quote_spanned!(cx.here=> #(#attrs)* #vis #defaultness #sig #block)
}

struct Context<'a> {
    function: &'a Function,
    options: &'a Options,
    private: TokenStream,
    here: Span,
}

impl Context<'_> {
    /// The static that says where and what this is, registered at link time.
    fn site(&self, plan: &Plan, owner: Option<&str>, found: &inside::Found) -> TokenStream {
        let (p, here, options) = (&self.private, self.here, self.options);
        let ident = &self.function.sig.ident;
        let name = quote::format_ident!("{ident}").to_string();
        let name = name.strip_prefix("r#").unwrap_or(&name);
        let name = owner.map_or_else(|| name.to_owned(), |owner| format!("{owner}::{name}"));
        let (line, column) = place(ident.span());
        let form = match plan {
            Plan::Call | Plan::Inline | Plan::Never => quote_spanned!(here=> Sync),
            Plan::Future | Plan::FutureNever | Plan::Makes { .. } => quote_spanned!(here=> Async),
        };
        let node = options.node.as_ref().map(|node| quote_spanned!(here=> , node: #p::Some(#node)));
        let kind = options.kind.as_ref().map(|kind| {
            let text = &kind.text;
            quote_spanned!(here=> , kind: #p::Some(#text))
        });
        let durable = options.durable.as_ref().map(|word| {
            let level = camel(&word.text, here);
            quote_spanned!(here=> , durable: #p::Some(#p::Durability::#level))
        });
        let policy = options.on_audit_failure.as_ref().map(|word| {
            let policy = camel(&word.text, here);
            quote_spanned!(here=> , on_failure: #p::OnFailure::#policy)
        });
        let external = options
            .effect
            .as_ref()
            .filter(|word| word.text == "external")
            .map(|_| quote_spanned!(here=> , external: true));
        let expects = (!options.expects.is_empty()).then(|| {
            let terms = options.expects.iter().map(|e| term(&e.action, p));
            let within = options.expects.iter().map(|e| e.within_ns);
            quote_spanned!(here=> , expects: &[#(#p::Expects { term: #terms, within_ns: #within }),*])
        });
        let acknowledges = (!options.acknowledges.is_empty()).then(|| {
            let terms = options.acknowledges.iter().map(|action| term(action, p));
            quote_spanned!(here=> , acknowledges: &[#(#terms),*])
        });
        let (text, inside) = (&options.text, found.option(p));
        quote_spanned! {here=>
            #p::site!(__AUDITED #form #name #line #column {
                text: #text #node #kind #durable #policy #external #expects #acknowledges #inside
            });
        }
    }

    /// What is read from the arguments before the body takes them.
    fn inputs(&self) -> Option<TokenStream> {
        let (p, here, options) = (&self.private, self.here, self.options);
        let mut reads = TokenStream::new();
        for (name, expr) in [("run", &options.run), ("token", &options.token), ("attempt", &options.attempt)] {
            if let Some(expr) = expr {
                let method = Ident::new(name, expr.span().resolved_at(here));
                reads.extend(quote_spanned!(here=> __inputs.#method(&(#expr));));
            }
        }
        for input in &options.digest {
            let (key, base, members) = (input.key(), &input.base, &input.members);
            let value = quote_spanned!(base.span()=> #base #(.#members)*);
            reads.extend(self.digested(&key, &value, input.as_text, base.span()));
        }
        if options.digest_all.is_some() {
            for param in model::params(&self.function.sig).iter().filter(|param| param.name != "self") {
                let (key, name) = (param.name.to_string(), &param.name);
                let cfgs = conditions(&param.attrs);
                let read = self.digested(key.trim_start_matches("r#"), &name.to_token_stream(), false, name.span());
                reads.extend(quote_spanned!(here=> #(#cfgs)* { #read }));
            }
        }
        for (key, value) in &options.record {
            let key = &key.text;
            let at = value.span().resolved_at(here);
            let read = quote_spanned!(at=> (&&#p::Recorded(&(#value))).recorded(__inputs, #key));
            reads.extend(quote_spanned!(here=> { use #p::{RecordedAsValue as _, RecordedAsText as _}; #read; }));
        }
        let digests = !options.digest.is_empty() || options.digest_all.is_some();
        let start = digests.then(|| quote_spanned!(here=> __inputs.digests();));
        (!reads.is_empty() || digests).then(|| {
            let allow = options.digest_all.map(|_| quote_spanned!(here=> #[allow(clippy::used_underscore_binding)]));
            quote_spanned! {here=>
                #allow
                let __inputs = #p::inputs(&__AUDITED, |__inputs: &mut #p::Inputs| { #start #reads });
            }
        })
    }

    fn digested(&self, key: &str, value: &TokenStream, as_text: bool, span: Span) -> TokenStream {
        let (p, here) = (&self.private, self.here);
        if as_text {
            return quote_spanned!(here=> __inputs.text_arg(#key, &#value););
        }
        let at = span.resolved_at(here);
        let probe = quote_spanned!(at=> (&&&#p::Probe(&#value)).audit_value());
        quote_spanned!(here=> { use #p::{ViaAuditDigest as _, ViaSerde as _, ViaNothing as _}; __inputs.arg(#key, &#probe); })
    }

    /// Who reads the outcome off the output: a function that the type chooses; a closure only where nobody has written the
    /// type, or a part of the output is digested.
    fn judge(&self, output: Option<&Type>) -> TokenStream {
        let (p, here, options) = (&self.private, self.here, self.options);
        let by_type = options.err.as_ref().is_some_and(|word| word.text == "type");
        let judge = if by_type { quote_spanned!(here=> judge_type) } else { quote_spanned!(here=> judge) };
        let plain = output.is_some_and(model::is_plain);
        let digest = options.digest_output.map(|span| {
            let at = span.resolved_at(here);
            let probe = quote_spanned!(at=> (&&&#p::Probe(__value)).audit_value());
            quote_spanned! {here=>
                {
                    use #p::{OkOfResult as _, OkOfAny as _, ViaAuditDigest as _, ViaSerde as _, ViaNothing as _};
                    if let #p::Some(__value) = (&&#p::Judged(__out)).value() {
                        __end.output(&#probe);
                    }
                }
            }
        });
        let result = options.place("acknowledges").map(|_| {
            quote_spanned! {here=>
                {
                    use #p::{OkOfResult as _, OkOfAny as _, ResultOfNamed as _, ResultOfAny as _};
                    if let #p::Some(__value) = (&&#p::Judged(__out)).value() {
                        __end.result((&&#p::Named(__value)).result_id());
                    }
                }
            }
        });
        let type_decides = digest.is_none() && result.is_none();
        match output {
            _ if plain && type_decides => quote_spanned!(here=> #p::returned),
            Some(ty) if type_decides && !has_opaque(ty) => quote_spanned!(here=> #p::#judge!(#ty)),
            _ => {
                let judge = (!plain).then(|| quote_spanned!(here=> #p::#judge!(__out __end);));
                quote_spanned!(here=> |__out, __end| { #judge #digest #result })
            }
        }
    }

    /// Who answers a refusal.
    fn refuse(&self, output: Option<&Type>) -> TokenStream {
        let (p, here) = (&self.private, self.here);
        match output {
            Some(ty) if self.options.refuses() && !model::is_plain(ty) => {
                let ty = ty.to_token_stream();
                let at = spot(&ty).resolved_at(here);
                // The call alone stands at the written type, so that a missing conversion is reported there.
                let refusal = quote_spanned!(at=> __of.refusal());
                quote_spanned! {here=>
                    {
                        use #p::{RefuseByErr as _, RefuseByPanic as _};
                        let __of = &&#p::Of::<#ty>::HERE;
                        #refusal
                    }
                }
            }
            _ => quote_spanned!(here=> #p::refuse_by_panic),
        }
    }

    /// Where the output of a future waits for its terminal.
    fn hold(&self, output: Option<&Type>) -> TokenStream {
        let (p, here) = (&self.private, self.here);
        match output {
            Some(Type::Infer(_)) | None => quote_spanned!(here=> #p::held()),
            Some(ty) if has_opaque(ty) => quote_spanned!(here=> #p::held()),
            Some(Type::Tuple(tuple)) if tuple.elems.is_empty() => quote_spanned!(here=> #p::held()),
            Some(ty) => quote_spanned! {here=>
                { use #p::{HoldBySend as _, HoldByNothing as _}; (&&#p::Of::<#ty>::HERE).hold() }
            },
        }
    }

    /// First statements of a moved body: all arguments are moved in, in the order in which a function drops them.
    fn take_arguments(&self) -> TokenStream {
        let here = self.here;
        let params = model::params(&self.function.sig);
        let names: Vec<&Ident> = params.iter().rev().map(|param| &param.name).collect();
        let lint = names.iter().any(|name| name.to_string().starts_with('_'));
        let allow = lint.then(|| quote_spanned!(here=> #[allow(clippy::used_underscore_binding)]));
        if names.is_empty() {
            return TokenStream::new();
        }
        if params.iter().all(|param| conditions(&param.attrs).is_empty()) {
            return quote_spanned!(here=> #allow let _ = (#(&#names,)*););
        }
        params
            .iter()
            .rev()
            .map(|param| {
                let (name, cfgs) = (&param.name, conditions(&param.attrs));
                quote_spanned!(here=> #(#cfgs)* #allow let _ = &#name;)
            })
            .collect()
    }

    fn run(&self, plan: &Plan, statements: &TokenStream, body: &Group, inputs: bool) -> TokenStream {
        let (p, here) = (&self.private, self.here);
        let output = model::written_return(&self.function.sig.output);
        let given = if inputs { quote_spanned!(here=> __inputs) } else { quote_spanned!(here=> #p::NONE) };
        let moved = |first: TokenStream| {
            let take = self.take_arguments();
            let mut group = Group::new(proc_macro2::Delimiter::Brace, quote_spanned!(here=> #first #take #statements));
            group.set_span(body.span());
            group
        };
        match plan {
            Plan::Call => {
                let (judge, refuse, moved) =
                    (self.judge(Some(&output)), self.refuse(Some(&output)), moved(TokenStream::new()));
                quote_spanned! {here=>
                    let __refuse = #refuse;
                    let __asks = #p::asks(&__AUDITED);
                    let mut __audit = #p::Audit::<#output>::new();
                    match if __asks { __audit.open(&__AUDITED, #given, __refuse) } else { #p::Ok(()) } {
                        #p::Ok(()) => {
                            let __out = __audit.body(move || #moved);
                            let __out = __audit.leave(__asks, &__AUDITED, __out, #judge, __refuse);
                            #p::forget(__audit);
                            __out
                        }
                        #p::Err(__refused) => __refused,
                    }
                }
            }
            Plan::Never => {
                let moved = moved(TokenStream::new());
                quote_spanned! {here=>
                    let __asks = #p::asks(&__AUDITED);
                    let mut __audit = #p::Audit::<#p::Never>::new();
                    match if __asks { __audit.open(&__AUDITED, #given, #p::refuse_by_panic) } else { #p::Ok(()) } {
                        #p::Ok(()) => {
                            let __out = __audit.body(move || #moved);
                            match __audit.leave(__asks, &__AUDITED, __out, #p::returned, #p::refuse_by_panic) {}
                        }
                        #p::Err(__refused) => match __refused {},
                    }
                }
            }
            Plan::Inline => {
                let (judge, refuse) = (self.judge(Some(&output)), self.refuse(Some(&output)));
                let ascribed = (!matches!(output, Type::Infer(_))).then(|| quote_spanned!(here=> : #output));
                let mut group = Group::new(proc_macro2::Delimiter::Brace, statements.clone());
                group.set_span(body.span());
                quote_spanned! {here=>
                    let __refuse = #refuse;
                    let __asks = #p::asks(&__AUDITED);
                    let mut __audit = #p::Audit::<#output>::new();
                    match if __asks { __audit.open_in_place(&__AUDITED, #given, __refuse) } else { #p::Ok(()) } {
                        #p::Ok(()) => {
                            let __out #ascribed = #group;
                            let __out = __audit.leave(__asks, &__AUDITED, __out, #judge, __refuse);
                            #p::forget(__audit);
                            __out
                        }
                        #p::Err(__refused) => __refused,
                    }
                }
            }
            Plan::Future => {
                let (judge, refuse) = (self.judge(Some(&output)), self.refuse(Some(&output)));
                let (moved, hold) = (moved(self.edge(&output)), self.hold(Some(&output)));
                quote_spanned!(here=> #p::future::<#output, _, _>(&__AUDITED, async move #moved, #judge, #refuse, #hold, #given).await)
            }
            Plan::FutureNever => {
                let never: Type = syn::parse_quote!(#p::Never);
                let moved = moved(self.edge(&never));
                quote_spanned!(here=> match #p::future::<#never, _, _>(&__AUDITED, async move #moved, #p::returned, #p::refuse_by_panic, #p::held(), #given).await {})
            }
            Plan::Makes { output, boxed, in_place } => {
                let (judge, refuse) = (self.judge(output.as_deref()), self.refuse(output.as_deref()));
                let hold = self.hold(output.as_deref());
                let output = output.as_deref().cloned().unwrap_or_else(|| syn::parse_quote!(_));
                match in_place.as_deref() {
                    Some(InPlace { around, block }) => {
                        let given = if inputs { quote_spanned!(here=> #p::ahead(__inputs)) } else { given };
                        let future = quote_spanned!(here=> #p::future::<#output, _, _>(&__AUDITED, #block, #judge, #refuse, #hold, #given));
                        if around.is_empty() { future } else { quote_spanned!(here=> #around(#future)) }
                    }
                    None => {
                        let moved = moved(TokenStream::new());
                        let ty = if *boxed {
                            model::written_return(&self.function.sig.output)
                        } else {
                            syn::parse_quote!(_)
                        };
                        let made = quote_spanned!(here=> #p::made::<#output, #ty, _, _>(&__AUDITED, move || #moved, #judge, #refuse, #hold, #given));
                        if *boxed { quote_spanned!(here=> #p::Box::pin(#made)) } else { made }
                    }
                }
            }
        }
    }

    /// Gives an async block its output type, so that early returns coerce and errors point at the user's code.
    fn edge(&self, output: &Type) -> TokenStream {
        let (p, here) = (&self.private, self.here);
        match output {
            Type::Infer(_) => TokenStream::new(),
            output => quote_spanned!(here=> if false { return #p::edge::<#output>(); }),
        }
    }
}

/// An action as the constant that declares it.
fn term(action: &Action, p: &TokenStream) -> TokenStream {
    let here = Span::mixed_site();
    match &action.path {
        Some(path) => path.to_token_stream(),
        None => {
            let (domain, name) = action.text.split_once('/').unwrap_or_default();
            quote_spanned!(here=> #p::Term::named(#domain, #name, (::core::file!(), ::core::line!())))
        }
    }
}

/// Whether a part of the type is for the compiler to find out.
fn has_opaque(ty: &Type) -> bool {
    struct Find(bool);
    impl<'ast> syn::visit::Visit<'ast> for Find {
        fn visit_type_infer(&mut self, _: &'ast syn::TypeInfer) {
            self.0 = true;
        }
        fn visit_type_impl_trait(&mut self, _: &'ast syn::TypeImplTrait) {
            self.0 = true;
        }
    }
    let mut find = Find(false);
    syn::visit::Visit::visit_type(&mut find, ty);
    find.0
}

/// The attributes of a parameter that decide whether it is there.
fn conditions(attrs: &[Attribute]) -> Vec<&Attribute> {
    attrs.iter().filter(|attr| attr.path().is_ident("cfg")).collect()
}

/// A word of an option as the variant that it names.
fn camel(word: &str, span: Span) -> Ident {
    let mut chars = word.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    Ident::new(&first.into_iter().chain(chars).collect::<String>(), span)
}

/// The error type within a written result, else the whole: that is where a missing conversion is reported.
fn spot(ty: &TokenStream) -> Span {
    let mut first = None;
    for tree in ty.clone() {
        first.get_or_insert(tree.span());
        if let TokenTree::Ident(ident) = &tree
            && ident.to_string().ends_with("Result")
        {
            return ident.span();
        }
    }
    first.unwrap_or_else(Span::call_site)
}

/// Line and column of the function's name; 0 where the compiler does not tell.
pub fn place(span: Span) -> (u32, u32) {
    if !proc_macro::is_available() {
        return (0, 0);
    }
    let (here, call) = (span.unwrap(), proc_macro::Span::call_site());
    if here.file() != call.file() {
        return (0, 0);
    }
    let narrow = |n: usize| u32::try_from(n).unwrap_or(0);
    (narrow(here.line()), narrow(here.column()))
}

/// The line of a token; 0 where the compiler does not tell.
pub fn line_of(span: Span) -> u32 {
    place(span).0
}

/// A function that is left out on purpose, listed in the catalogue.
pub fn left_out(function: &Function, private: &TokenStream, owner: Option<&str>, reason: &str) -> TokenStream {
    let here = Span::mixed_site();
    let ident = function.sig.ident.to_string();
    let name = owner.map_or_else(|| ident.clone(), |owner| format!("{owner}::{ident}"));
    let (line, column) = place(function.sig.ident.span());
    quote_spanned!(here=> #private::left_out!(#name #line #column #reason);)
}

/// The same, with the entry inside the function's own body.
pub fn function_left_out(function: &Function, private: &TokenStream, owner: Option<&str>, reason: &str) -> TokenStream {
    let Some(body) = &function.body else { return function.to_token_stream() };
    let (inner_attrs, statements) = model::split_inner_attrs(body);
    let entry = left_out(function, private, owner, reason);
    let mut group =
        Group::new(proc_macro2::Delimiter::Brace, quote_spanned!(Span::mixed_site()=> #inner_attrs #entry #statements));
    group.set_span(body.span());
    let Function { attrs, vis, defaultness, sig, .. } = function;
    quote_spanned!(Span::mixed_site()=> #(#attrs)* #vis #defaultness #sig #group)
}

/// The name of the type that owns a method.
pub fn owner_name(ty: &Type) -> String {
    let Type::Path(path) = ty else { return crate::attribute::one_line(&ty.to_token_stream()).replace(' ', "") };
    path.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default()
}
