//! Attributes and derives of the audit trail. Users reach them through `audit_runtime`.
//!
//! One direction, one file a step: `attribute` reads the options, `model` reads the function, `validate` compares the
//! two, `expand` writes ordinary Rust. `block` does the same for every function of an `impl`, a trait or a module.

#![forbid(unsafe_code)]

mod attribute;
mod block;
mod expand;
mod model;
mod report;
mod validate;

use proc_macro::TokenStream;

/// Audits every call of a function: one opening record before the body, exactly one terminal behind it, whatever the
/// exit.
#[proc_macro_attribute]
pub fn audited(options: TokenStream, item: TokenStream) -> TokenStream {
    block::audited(options.into(), item.into()).into()
}

/// Leaves a function out of an audited block, and says why.
#[proc_macro_attribute]
pub fn not_audited(options: TokenStream, item: TokenStream) -> TokenStream {
    block::not_audited(options.into(), item.into()).into()
}
