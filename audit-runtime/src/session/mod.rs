//! The place where the parts meet: opening a trail, recovery, installing a recorder, closing.
//!
//! | file | noun |
//! |---|---|
//! | `builder` | what a trail is opened with |
//! | `open` | one recorder for each trail in a process |
//! | `recovery` | what dead processes left open is closed as ABANDONED |
//! | `leftovers` | what a killed open leaves beside the streams |
//! | `install` | a recorder for the whole process |
//! | `resume` | going on with a run that another process has left |
//! | `claim` | the same with a run under contract |
//! | `mirror` | acknowledged records as JSON lines in a file, for people and log shippers |
//! | `outbox` | what the processes of a run tell each other, from the journal to a Redis server |
//! | `patrol` | the thread that looks for dead streams while we live |

mod builder;
mod claim;
mod install;
mod leftovers;
mod mirror;
mod open;
mod outbox;
mod patrol;
mod recovery;
mod resume;

pub use builder::{Builder, Profile};
pub use install::Installed;
pub use open::open;
