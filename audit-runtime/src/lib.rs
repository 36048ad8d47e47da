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
pub mod config;
pub mod context;
pub mod contract;
pub mod error;
pub mod evidence;
#[doc(hidden)]
pub mod fault;
pub mod governance;
pub mod guard;
pub mod index;
pub mod journal;
pub mod landscape;
pub mod layer;
pub mod ledger;
pub mod meeting;
pub mod payload;
pub mod recorder;
pub mod retention;
#[doc(hidden)]
pub mod seeded;
pub mod session;
pub mod site;
pub mod trail;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

pub use audit_macros::{AuditDigest, Evidence, action, audited, contract, gate, not_audited};
pub use context::{AuditContext, InAuditContext, audit_context};
pub use error::{Code, Error};
pub use evidence::Evidence;
pub use guard::Guard;
pub use layer::AuditLayer;
pub use model::digest::{AuditDigest, Redacted};
pub use model::{Durability, Exit, Id, RunId, Status, StreamId};
pub use payload::Payloads;
pub use recorder::{Recorder, Run, RunHandle, RunSummary, Severity};
pub use session::{Builder, Installed, Profile, open};
pub use site::{Catalogue, catalogue};
