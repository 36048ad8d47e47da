//! Attributes and derives of the audit trail. Users reach them through `audit_runtime`.
//!
//! One direction, one file a step: `attribute` reads the options, `model` reads the function, `validate` compares the
//! two, `expand` writes ordinary Rust; in builds of the testkit `inside` marks the moments in the body. `block` does the
//! same for every function of an `impl`, a trait or a module; `owner` finds the type of a method that is annotated by
//! itself.

#![forbid(unsafe_code)]

mod attribute;
mod audit_test;
mod block;
mod contract;
mod derive;
mod derive_digest;
mod derive_evidence;
mod expand;
#[cfg(test)]
mod fuzz;
mod governed;
mod inside;
mod model;
mod owner;
mod pledge;
#[cfg(test)]
mod printed;
mod report;
mod validate;

use proc_macro::TokenStream;

/// Audits every call of a function: one opening record before the body, exactly one terminal behind it, whatever the
/// exit.
///
/// ```ignore
/// #[audited(node = "charge", digest(amount), effect = external)]
/// fn charge(card: &str, amount: u64) -> Result<Receipt, PaymentError> { send(card, amount) }
/// ```
///
/// On an `impl` block, a trait or a module it covers every function in it. A function that returns `Result<_, E>` needs
/// `E: From<audit_runtime::Error>`, or `on_audit_failure = panic | degrade`.
///
/// | option | what it says |
/// |---|---|
/// | `node = "…"` | the node's name; the function's path where it is absent |
/// | `kind = …` | source, transform, gate, action, call, sink, or a word of your own |
/// | `run = expr` | the run it belongs to: a run, its handle or its id |
/// | `token = expr` | the token that visits the node |
/// | `attempt = expr` | ordinal of this attempt, from 0 |
/// | `digest(a, b.c, id as text)` | a digest of these arguments; `digest(all)` of all of them |
/// | `digest_output` | a digest of the returned value |
/// | `record(key = expr, …)` | plain values, texts scrubbed |
/// | `err = display \| type` | keep the error's scrubbed text (the default), or the name of its type |
/// | `effect = none \| external` | external: on the device before the body, and before the caller hears of its end |
/// | `durable = process \| disk \| replicated` | the least durability of its records |
/// | `on_audit_failure = refuse \| panic \| degrade` | what the caller gets when the audit itself fails |
/// | `expects(ACTION within 5s)` | each call declares these actions of a contract |
/// | `acknowledges(ACTION)` | each call acknowledges these actions by how it ends |
/// | `crate = path` | where the runtime is, under another name |
/// | `skip` | leaves the function out of an annotated block |
///
/// `docs/attribute.md` has each of them in full.
#[proc_macro_attribute]
pub fn audited(options: TokenStream, item: TokenStream) -> TokenStream {
    block::audited(options.into(), item.into()).into()
}

/// Leaves a function out of an audited block, and says why.
#[proc_macro_attribute]
pub fn not_audited(options: TokenStream, item: TokenStream) -> TokenStream {
    block::not_audited(options.into(), item.into()).into()
}

/// A gate: a function that answers `Decision`, or a `Result` of one. Its caller gets a `Ruling` once the decision is on
/// the device; only a yes holds an `Authorization`. A panic or an error in it is a recorded no.
#[proc_macro_attribute]
pub fn gate(options: TokenStream, item: TokenStream) -> TokenStream {
    governed::gate(options.into(), item.into()).into()
}

/// An action: a function that takes an `Authorization` by value. PENDING is on the device before its body, exactly one
/// terminal before its caller hears of the end.
#[proc_macro_attribute]
pub fn action(options: TokenStream, item: TokenStream) -> TokenStream {
    governed::action(options.into(), item.into()).into()
}

/// Declares what a run promises: actions with their domains and deadlines, and the one that ends the run.
///
/// Makes one constant an action, in a module of the contract's name, and a function of that name which gives the contract.
#[proc_macro]
pub fn contract(tokens: TokenStream) -> TokenStream {
    contract::contract(tokens.into()).into()
}

/// Gives each variant of an error type a stable code: `#[evidence(code = "…")]`, `#[evidence(transparent)]`, else the
/// variant's name.
#[proc_macro_derive(Evidence, attributes(evidence))]
pub fn evidence(item: TokenStream) -> TokenStream {
    derive_evidence::derive(item.into()).into()
}

/// Lets a type be digested: the form that serde_json would write, keys in canonical order. Fields take
/// `#[audit(skip)]`, `#[audit(redact)]`, `#[audit(keyed)]`, `#[audit(text)]` and `#[audit(rename = "…")]`.
#[proc_macro_derive(AuditDigest, attributes(audit))]
pub fn audit_digest(item: TokenStream) -> TokenStream {
    derive_digest::derive(item.into()).into()
}

/// A test in a lab of its own: `#[audit_test]`, `#[audit_test(matrix)]`, `#[audit_test(crash, depth = 2)]`. Users reach it
/// through the testkit.
#[proc_macro_attribute]
pub fn audit_test(options: TokenStream, item: TokenStream) -> TokenStream {
    audit_test::expand(options.into(), item.into()).into()
}
