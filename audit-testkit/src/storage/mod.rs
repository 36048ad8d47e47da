//! A storage that fails on demand, and that knows what had reached the disk.
//!
//! Segments stand in real files, so that every reader finds what the kernel would show it. Beside them the storage keeps
//! what a device would hold: bytes reach it by a sync that succeeded, and by nothing else. [`FaultyStorage::image`] writes
//! that state into a fresh directory: the trail as a power cut would have left it.
//!
//! | file | noun |
//! |---|---|
//! | `fault` | which operation fails, how, how often |
//! | `device` | what has reached the disk, and what may have |
//! | `file` | the storage and its files |
//! | `payloads` | file operations of a payload store, and what a power cut leaves of it |

mod device;
mod fault;
mod file;
mod payloads;

pub use device::Unsynced;
pub use fault::{Effect, Fault, Operation};
pub use file::{FaultyStorage, Segments};
pub use payloads::{FaultyFiles, PayloadStep};
