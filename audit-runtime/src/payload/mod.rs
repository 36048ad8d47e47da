//! The payload store: bytes that somebody opted in, kept under their digest in `<trail>/payloads/ab/cd/<sha256>`.
//!
//! A payload is durable before the record that names it, and verified whenever it is read. It leaves the store by a purge
//! and by nothing else, and the purge is a record. `docs/payloads.md` has the whole story.
//!
//! | file | noun |
//! |---|---|
//! | `policy` | what is kept |
//! | `files` | the few file operations that keeping needs, so that every fault is a wrapper |
//! | `store` | placing, reading, removing |

mod files;
mod policy;
mod store;

pub use files::{DiskFiles, Files};
pub use policy::{Payloads, Sort};
pub use store::{Held, Placed, Store, Stored};

pub(crate) use policy::Keeper;
