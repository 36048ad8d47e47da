//! Injects failures and proves that the trail stays complete.
//!
//! | module | noun |
//! |---|---|
//! | `contracts` | declared actions that nobody acknowledges, found at link time |
//! | `storage` | a storage that fails on demand and knows what had reached the disk |
//! | `case` | one fault at one moment, with an address that a failure prints and a replay reads |
//! | `lab` | one test's own trail, clock, plan and threads |
//! | `matrix` | a scenario, once for every fault at every moment: in process, killed, on a sick store, after a power cut |
//! | `promises` | what annotated calls owe the trail, by what they were seen to do |
//! | `sites` | the audited functions that are linked in, by the names that people give them |
//! | `story` | the trail read back from disk, and what a test says of it |
//! | `snapshot` | that story as a text to compare, without ids and times |
//! | `coverage` | which failure paths a run has seen, a line each |
//! | `ui` | what must not compile, a file each |
//!
//! `ui` needs the feature of its name; all others but the first two need the feature `lab`.

#![forbid(unsafe_code)]

pub mod contracts;
pub mod storage;

#[cfg(feature = "lab")]
pub mod case;
#[cfg(feature = "lab")]
pub mod coverage;
#[cfg(feature = "lab")]
pub mod lab;
#[cfg(feature = "lab")]
pub mod matrix;
#[cfg(feature = "lab")]
mod promises;
#[cfg(feature = "lab")]
mod sites;
#[cfg(feature = "lab")]
pub mod snapshot;
#[cfg(feature = "lab")]
pub mod story;
#[cfg(feature = "ui")]
pub mod ui;

pub use contracts::assert_contracts_covered;
pub use storage::{Effect, Fault, FaultyFiles, FaultyStorage, Operation, PayloadStep, Unsynced};

#[cfg(feature = "lab")]
pub use audit_macros::audit_test;
#[cfg(feature = "lab")]
pub use audit_runtime::__private::Injectable;
#[cfg(feature = "lab")]
pub use audit_runtime::fault::Phase;
#[cfg(feature = "lab")]
pub use case::{Case, Kind, Kinds};
#[cfg(feature = "lab")]
pub use lab::{Hold, Lab};
#[cfg(feature = "lab")]
pub use matrix::{Matrix, Report, Told};
#[cfg(feature = "lab")]
pub use story::{Entries, Entry, Story};
#[cfg(feature = "ui")]
pub use ui::compile_fail;
