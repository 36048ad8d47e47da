//! Third step: do the options fit each other and the function? Every rule is one small function with its own message.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::{FnArg, ReturnType, Type};

use crate::attribute::Options;
use crate::model::{Function, params};
use crate::report::{Report, nearest};

/// Kinds of node whose records may never be left out.
const GOVERNED: &[&str] = &["gate", "action", "call", "sink", "checkpoint"];

/// Rules that concern the options alone; blocks and functions share them.
pub fn options(options: &Options, report: &mut Report) {
    degrade_hides_nothing_that_must_be_seen(options, report);
    external_effects_are_on_disk(options, report);
    all_or_some(options, report);
    skip_stands_alone(options, report);
}

fn degrade_hides_nothing_that_must_be_seen(options: &Options, report: &mut Report) {
    let Some(policy) = options.on_audit_failure.as_ref().filter(|policy| policy.text == "degrade") else { return };
    if options.effect.as_ref().is_some_and(|effect| effect.text == "external") {
        report.at(
            policy.span,
            "`degrade` would let an external effect happen without a record\n  = help: use `on_audit_failure = refuse` (the default) or `panic`, or drop `effect = external`",
        );
    }
    if let Some(kind) = options.kind.as_ref().filter(|kind| GOVERNED.contains(&kind.text.as_str())) {
        report.at(
            policy.span,
            format!(
                "`degrade` would let a node of kind `{}` run without a record\n  = help: use `on_audit_failure = refuse` (the default) or `panic`",
                kind.text
            ),
        );
    }
    if let Some(place) = options.place("acknowledges").filter(|_| !options.acknowledges.is_empty()) {
        report.at(
            place,
            "an acknowledgement that may be left out proves nothing, so `acknowledges` and `degrade` exclude each other\n  = help: use `on_audit_failure = refuse` (the default) or `panic`",
        );
    }
}

fn external_effects_are_on_disk(options: &Options, report: &mut Report) {
    let external = options.effect.as_ref().is_some_and(|effect| effect.text == "external");
    if let Some(durable) = options.durable.as_ref().filter(|durable| external && durable.text == "process") {
        report.at(
            durable.span,
            "an external effect is always on disk before it happens; `durable = process` cannot lower that\n  = help: leave `durable` out, or write `disk` or `replicated`",
        );
    }
}

fn all_or_some(options: &Options, report: &mut Report) {
    if let (Some(span), false) = (options.digest_all, options.digest.is_empty()) {
        report.at(
            span,
            "`all` already holds every argument\n  = help: write `digest(all)` or name the arguments, not both",
        );
    }
}

fn skip_stands_alone(options: &Options, report: &mut Report) {
    if let (Some(span), true) = (options.skip, options.places.len() > 1) {
        report.at(span, "`skip` leaves the function out, so no other option has a meaning beside it\n  = help: write `#[audited(skip)]` alone");
    }
}

/// Rules for an attribute on an `impl`, a trait or a module: options that name one function have no place there.
pub fn block(options: &Options, report: &mut Report) {
    for name in ["node", "token", "attempt", "record", "expects", "acknowledges"] {
        if let Some(place) = options.place(name) {
            report.at(place, format!("`{name}` belongs to one function\n  = help: put `#[audited({name} …)]` on the function; the block gives defaults only"));
        }
    }
    if !options.digest.is_empty()
        && let Some(place) = options.place("digest")
    {
        report.at(place, "the functions of a block have different arguments\n  = help: write `digest(all)` here, or `digest(..)` on each function");
    }
}

/// Rules that concern one function.
pub fn function(function: &Function, options: &Options, report: &mut Report) {
    can_be_audited(function, report);
    foreign_callers_and_drops_degrade(function, options, report);
    once(function, report);
    digests_name_parameters(function, options, report);
    something_comes_back(function, options, report);
}

fn can_be_audited(function: &Function, report: &mut Report) {
    let sig = &function.sig;
    if let Some(constness) = &sig.constness {
        report.at(
            constness.span,
            "a `const fn` cannot be audited: it may run in the compiler, where there is no trail\n  = help: drop `const`, or drop `#[audited]` and audit the caller",
        );
    }
    if function.body.is_none() {
        report.at(
            sig.ident.span(),
            format!("`{}` has no body to audit\n  = help: put `#[audited]` on each implementation, or give the method a default body", sig.ident),
        );
    }
    if let Some(variadic) = &sig.variadic {
        report.at(variadic.span(), "a variadic function cannot be audited\n  = help: audit a function that it calls");
    }
}

fn foreign_callers_and_drops_degrade(function: &Function, options: &Options, report: &mut Report) {
    if options.degrades() {
        return;
    }
    if let Some(abi) =
        function.sig.abi.as_ref().filter(|abi| abi.name.as_ref().is_none_or(|name| name.value() != "Rust"))
    {
        report.at(
            abi.span(),
            "a refused call would panic across a foreign boundary, which aborts the process\n  = help: write `#[audited(on_audit_failure = degrade)]`, and let a Rust function behind it refuse",
        );
    }
    if is_drop(function) {
        report.at(
            function.sig.ident.span(),
            "a refused `drop` would panic, and a panic while unwinding aborts the process\n  = help: write `#[audited(on_audit_failure = degrade)]`",
        );
    }
}

fn is_drop(function: &Function) -> bool {
    let sig = &function.sig;
    let by_mut = matches!(
        sig.inputs.first(),
        Some(FnArg::Receiver(syn::Receiver { kind: syn::ReceiverKind::Reference(_, _, Some(_)), .. }))
    );
    sig.ident == "drop"
        && by_mut
        && sig.inputs.len() == 1
        && matches!(sig.output, ReturnType::Default)
        && matches!(function.vis, syn::Visibility::Inherited)
}

fn once(function: &Function, report: &mut Report) {
    for attr in &function.attrs {
        let Some(last) = attr.path().segments.last() else { continue };
        if last.ident == "audited" {
            report.at(
                last.ident.span(),
                "`#[audited]` stands twice on this function\n  = help: put all options into one attribute",
            );
        }
        if last.ident == "not_audited" {
            report.at(
                last.ident.span(),
                "a function is audited or it is not\n  = help: remove `#[audited]` or `#[not_audited]`",
            );
        }
    }
}

fn digests_name_parameters(function: &Function, options: &Options, report: &mut Report) {
    let names: Vec<String> = params(&function.sig).iter().map(|param| param.name.to_string()).collect();
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    for input in &options.digest {
        let written = input.base.to_string();
        if known.contains(&written.as_str()) {
            continue;
        }
        let hint = match (nearest(&written, &known), known.is_empty()) {
            (_, true) => "it has none; use `record(key = expr)` for a computed value".to_owned(),
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, _) => format!("its parameters are {}", known.join(", ")),
        };
        report
            .at(input.base.span(), format!("`{}` has no parameter `{written}`\n  = help: {hint}", function.sig.ident));
    }
    if let (Some(span), true) = (options.digest_all, known.iter().all(|name| *name == "self"))
        && options.place("digest").is_some_and(|_| known.is_empty() || known == ["self"])
        && options.text.starts_with("digest")
    {
        report.at(span, format!("`{}` has no arguments to digest\n  = help: leave `digest(all)` out; `digest(self)` digests the receiver", function.sig.ident));
    }
}

fn something_comes_back(function: &Function, options: &Options, report: &mut Report) {
    let nothing = match &function.sig.output {
        ReturnType::Default => true,
        ReturnType::Type(_, ty) => match &**ty {
            Type::Tuple(tuple) => tuple.elems.is_empty(),
            Type::Never(_) => true,
            _ => false,
        },
    };
    if !nothing {
        return;
    }
    if let Some(place) = options.place("digest_output") {
        report.at(
            place,
            format!(
                "`{}` returns nothing that could be digested\n  = help: leave `digest_output` out",
                function.sig.ident
            ),
        );
    }
    if let Some(place) = options.place("err") {
        report.at(place, format!("`{}` returns no error\n  = help: leave `err` out", function.sig.ident));
    }
}

/// The message for an item that cannot be annotated.
pub fn wrong_item(span: Span, report: &mut Report) {
    report.at(
        span,
        "`#[audited]` belongs on a function, an `impl` block, a trait with default methods or a module with a body\n  = help: for error types there is `#[derive(Evidence)]`, for arguments `#[derive(AuditDigest)]`",
    );
}
