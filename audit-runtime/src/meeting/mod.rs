//! Where the processes of one run meet that do not share a trail: a hash on a Redis server, one field a record. The
//! journal stays the truth; the server holds copies for a limited time and is believed only as far as it can be shown
//! that nothing was lost on it.
//!
//! ```text
//! record on the device ──outbox──→ HSETNX audit:run:{run} {stream}-{sequence} {the record's bytes}
//! reconcile: records of the trail  ∪  records of the hash, each (stream, sequence) once  ──→ verdict
//!            no server → UNREACHABLE    server lost it → RESTARTED    time to live over → EXPIRED: at best INCONCLUSIVE
//! ```
//!
//! The code is in every build and asks only the standard library; the feature `redis` opens the door to it.
//!
//! | file | noun |
//! |---|---|
//! | `address` | the parts of `AUDIT_REDIS_URL` |
//! | `wire` | commands and replies, with limits and time-outs |
//! | `table` | the hash of one run: added to, never overwritten, read and checked |
//! | `state` | what this process knows of the server: what was sent, outages, the epochs that it saw |

mod address;
mod state;
mod table;
mod wire;

pub use state::MeetingHealth;
pub(crate) use state::{Lost, Meeting};
pub(crate) use table::{Met, Table, is_shared};
