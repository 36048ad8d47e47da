//! Injects failures and proves that the trail stays complete.
//!
//! | module | noun |
//! |---|---|
//! | `storage` | a storage that fails on demand and knows what had reached the disk |

#![forbid(unsafe_code)]

pub mod storage;

pub use storage::{Effect, Fault, FaultyStorage, Operation, Unsynced};
