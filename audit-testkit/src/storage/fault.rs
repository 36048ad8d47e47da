//! Which operation fails, how, how often.

use std::io;
use std::time::Duration;

/// What the journal asks of its storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// A segment is made, filled and synced with its directory.
    Create,
    /// Bytes are written.
    Write,
    /// Bytes are read back.
    Read,
    /// What was written is put on the device.
    Sync,
    /// A segment is cut behind its last record.
    Truncate,
    /// The journal looks whether its file still stands where it was made.
    Look,
    /// An unused segment is removed.
    Remove,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Operation; 7] = [
        Operation::Create,
        Operation::Write,
        Operation::Read,
        Operation::Sync,
        Operation::Truncate,
        Operation::Look,
        Operation::Remove,
    ];
}

/// How an operation fails. Errors come in pairs, since a caller cannot tell them apart: nothing happened, or all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// An error, and nothing happened. A sync that fails so loses the bytes it should have kept: they stay readable and
    /// never reach the device, whatever a later sync says.
    Failed(io::ErrorKind),
    /// An error, although everything happened.
    FailedButKept(io::ErrorKind),
    /// An error after half of the bytes were written.
    FailedHalfway(io::ErrorKind),
    /// Half of the bytes are written, and that is what the answer says.
    Short,
    /// No answer before [`release`](super::FaultyStorage::release); then it happens as if nothing had been.
    Hangs,
    /// The answer takes this long.
    Slow(Duration),
    /// A lie, to prove that a check would catch it: success is reported. Of a write only half happened, of a sync
    /// nothing, of a made segment all but the sync of its directory.
    Pretended,
}

/// One planned failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Of what.
    pub operation: Operation,
    /// Which of them, from 1.
    pub nth: usize,
    /// Whether all later ones fail too.
    pub for_ever: bool,
    /// How.
    pub effect: Effect,
}

impl Fault {
    /// The nth operation fails, the next one succeeds.
    #[must_use]
    pub fn once(operation: Operation, nth: usize, effect: Effect) -> Fault {
        Fault { operation, nth, for_ever: false, effect }
    }

    /// The nth operation fails and so do all behind it.
    #[must_use]
    pub fn from(operation: Operation, nth: usize, effect: Effect) -> Fault {
        Fault { operation, nth, for_ever: true, effect }
    }

    /// Whether this one is meant.
    pub(super) fn hits(&self, operation: Operation, nth: usize) -> bool {
        self.operation == operation && (self.nth == nth || (self.for_ever && nth > self.nth))
    }
}
