//! Questions about a trail, answered from evidence or answered with "unknown". Everything here reads; nothing writes.
//!
//! | file | noun |
//! |---|---|
//! | `finding` | what is not as it should be |
//! | `verify` | frames, sequence, tree, lifecycle: the journal alone |
//! | `lean` | the load check without an allocation |

mod finding;
mod lean;
mod verify;

pub use finding::{Finding, Weight};
pub use verify::{Ending, StreamReport, Verdict, verify};

#[cfg(test)]
mod verify_tests;
