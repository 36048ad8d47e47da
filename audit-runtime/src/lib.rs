//! An audit trail that cannot lie about code that fails.
//!
//! Annotate a function with [`audited`] and every call that starts leaves exactly one terminal record: on return, on
//! error, on panic, when its future is dropped, when the process is killed, when the disk fills up.
//!
//! The modules below read from the bottom up: plain data first, the journal that makes it durable, the recorder that is
//! the only door to the journal, and the reading street (index, trail) that never writes.

#![deny(unsafe_code)]

pub mod model;

pub mod clock;
pub mod error;
pub mod index;
pub mod journal;
pub mod ledger;
pub mod recorder;
pub mod site;

pub use error::Error;
pub use model::{Id, RunId, StreamId};
