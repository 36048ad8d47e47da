//! An audit trail that cannot lie about code that fails.
//!
//! Annotate a function with [`audited`] and every call that starts leaves exactly one terminal record: on return, on
//! error, on panic, when its future is dropped, when the process is killed, when the disk fills up.
//!
//! ```no_run
//! use audit_runtime::audited;
//!
//! #[audited(node = "charge", digest(amount))]
//! fn charge(card: &str, amount: u64) -> Result<u64, std::io::Error> {
//!     if card.is_empty() {
//!         return Err(std::io::Error::other("no card"));
//!     }
//!     Ok(amount)
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let recorder = audit_runtime::open("./audit-trail")?; // settles what a dead process left open
//!     let installed = recorder.install()?; // serves every audited call of this process
//!     let run = recorder.begin_run("month end")?;
//!     charge("4111", 250)?;
//!     let _refused = charge("", 10); // recorded as FAILED(errored)
//!     println!("{}", run.finish()?); // one screen: what ran, what failed, what is open
//!     installed.close()?; // the stream ends attested: count and Merkle root
//!     Ok(())
//! }
//! ```
//!
//! | you want to | start at |
//! |---|---|
//! | annotate functions | [`audited`], [`not_audited`] |
//! | open a trail, with options | [`open`], [`Builder`] |
//! | record for the whole process, or for one scope | [`Recorder::install`], [`Recorder::scope`] |
//! | name what belongs together | [`Recorder::begin_run`], [`Run`] |
//! | carry the context into tasks and threads | [`InAuditContext`], [`audit_context`] |
//! | work beside `tracing` | [`AuditLayer`] |
//! | keep a fact of your own | [`Recorder::note`] |
//! | process rows, with one outcome each | [`landscape`] |
//! | decide before acting, and promise | [`gate`], [`action`], [`contract!`], [`governance`] |
//! | ask a trail | [`trail::Trail`], or the command line `audited` |
//! | know what an error means | [`Error`], [`Code`] |
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
pub use recorder::{LeftOpen, Recorder, Run, RunHandle, RunSummary, Severity};
pub use session::{Builder, Installed, Profile, open};
pub use site::{Catalogue, catalogue};
