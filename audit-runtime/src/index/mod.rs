//! The index: a SQLite projection of the journal for questions. It is rebuilt from the journal at any time with an equal
//! canonical dump, takes whatever the journal holds, contradictions included, and losing it loses nothing.
//! `docs/index.md` describes the schema for people.
//!
//! | file | noun |
//! |---|---|
//! | `schema` | tables, indexes, views and their version |
//! | `store` | one SQLite file: opened, checked, its errors named |
//! | `landscape` | the landscape's records as rows |
//! | `payload` | which records name payloads, and what a purge took |
//! | `json` | values as JSON text |
//! | `fold` | what one record means for the rows: pure, and free of order between streams |
//! | `batch` | rows that one transaction touches, written once |
//! | `runs` | the rows of a run, of its resumes and ends |
//! | `points` | records that become one row each |
//! | `project` | the projector: one process, under `index.lock` |
//! | `source` | the journal as the projector reads it: records that count |
//! | `private` | readers never write: immutable, or a private projection |
//! | `strict` | a copy that cannot hold what the tables forbid |
//! | `dump` | canonical text of all that was projected |

mod batch;
mod dump;
mod fold;
pub mod json;
mod landscape;
mod payload;
mod points;
mod private;
mod project;
mod runs;
mod schema;
mod source;
mod store;
mod strict;

pub use dump::dump;
pub use private::{Access, Index};
pub use project::{Progress, Projector, rebuild};
pub use schema::{VERSION, tables};
pub use store::{journal_mode, sqlite_version};
pub use strict::export_strict;

pub(crate) use points::body_json;
pub(crate) use project::nearest;
pub(crate) use schema::{SEQ_BITS, key_of};
pub(crate) use source::{Counted, Source};
pub(crate) use store::failed;

#[cfg(test)]
pub(crate) mod tests;
