//! What we state, as plain data: no I/O, no clock, no globals.
//!
//! | file | noun |
//! |---|---|
//! | `id` | stream, record and entity ids |
//! | `status` | statuses, exits, durabilities: closed sets with stable codes |
//! | `lifecycle` | every legal arrow between statuses, in one function |
//! | `kind` | the table of record kinds and their fields |
//! | `check` | the load check: status x field matrix |
//! | `cbor` | the body's encoding |
//! | `record` | header + body, encoded and decoded |
//! | `graph` | the landscape's closed sets: node kinds, determinism, calls, routing, triggers |
//! | `outcome` | the legal pairs of outcome and path, with the fields that each needs |
//! | `digest` | canonical JSON and digests |
//! | `slot` | digest slots in bodies |
//! | `scrub` | taking secrets out of texts |
//! | `trace` | W3C trace context |

pub mod cbor;
pub mod check;
pub mod digest;
pub mod graph;
pub mod id;
pub mod kind;
pub mod lifecycle;
pub mod outcome;
pub mod record;
pub mod scrub;
pub mod slot;
pub mod status;
pub mod trace;

pub use id::{Id, RunId, StreamId};
pub use kind::{Key, Kind};
pub use outcome::Outcome;
pub use record::{Body, BodyWriter, Header, Record};
pub use status::{Durability, Exit, Status};
