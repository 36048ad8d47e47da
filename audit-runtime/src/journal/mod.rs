//! The truth: append-only segments, one stream and one writer per process.
//!
//! | file | noun |
//! |---|---|
//! | `layout` | what stands where in a trail's directory |
//! | `storage` | the few file operations that writing needs, so that every fault is a wrapper |
//! | `map` | the shared mapping of the kill-safe tier: the one file with `unsafe` |
//! | `frame` | a record's bytes with length and checksum; a segment's header |
//! | `tree` | RFC 6962 root over the stored bytes |
//! | `ahead` | that tree on a thread of its own, beside who reads |
//! | `writer` | sequence and frames |
//! | `settings` | limits and times, and why a record is written |
//! | `admission` | who may write, and the space kept for terminals |
//! | `commit` | group commit: one sync for all who wait |
//! | `keeper` | segments ahead of use, tree, background sync, time-outs |
//! | `reader` | frames in order, and how the stream ends |
//! | `window` | the piece of a segment that a reader holds |
//! | `owner` | who writes a stream, and whether that process lives |
//! | `spool` | the second sink, for terminals that the journal could not take |

mod admission;
pub(crate) mod ahead;
mod commit;
pub mod frame;
mod keeper;
pub mod layout;
mod map;
pub mod owner;
pub mod reader;
mod settings;
pub mod spool;
pub mod storage;
pub mod tree;
mod window;
mod writer;

pub use admission::TERMINAL_RESERVE;
pub use commit::Pending;
pub use layout::Layout;
pub use map::Map;
pub use reader::{Committed, End, Frame, Reader, Tear};
pub use settings::{Purpose, Settings};
pub use storage::{DiskStorage, SegmentFile, Storage};
pub(crate) use window::last_used;
pub use writer::{Closed, Journal};
