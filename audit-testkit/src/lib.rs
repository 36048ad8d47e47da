//! Injects failures and proves that the trail stays complete.
//!
//! | module | noun |
//! |---|---|
//! | `contracts` | declared actions that nobody acknowledges, found at link time |
//! | `storage` | a storage that fails on demand and knows what had reached the disk |

#![forbid(unsafe_code)]

pub mod contracts;
pub mod storage;

pub use contracts::assert_contracts_covered;
pub use storage::{Effect, Fault, FaultyFiles, FaultyStorage, Operation, PayloadStep, Unsynced};
