//! One entry, exactly one exit.
//!
//! ```text
//!            enter ──refused──→ the body does not run
//!              │ acknowledged OPEN
//!            body ──returns──→ end: COMPLETED or FAILED(errored) ──acknowledged──→ the caller sees the value
//!              ├─────unwinds──→ drop: FAILED(panicked), the panic goes on
//!              └─────dropped──→ drop: FAILED(cancelled)          (futures and guards by hand)
//! ```
//!
//! | file | noun |
//! |---|---|
//! | `entry` | an open node state, sync: entered, made current, ended once |
//! | `inputs` | what is read from the arguments before the body takes them |
//! | `end` | how a body ended |
//! | `call` | a body that is a closure |
//! | `future` | a body that is a future |
//! | `hand` | guards taken by hand |
//! | `inside` | the awaits and `?`s of a body, in builds of the testkit |
//! | `scope` | a recorder or a run for a closure or a future |
//! | `hook` | the panic hook: sees panics before unwinding begins |

pub(crate) mod call;
pub(crate) mod end;
pub(crate) mod entry;
pub(crate) mod future;
pub(crate) mod hand;
pub(crate) mod hook;
pub(crate) mod inputs;
#[cfg(feature = "testkit")]
pub(crate) mod inside;
mod scope;

pub use hand::Guard;
