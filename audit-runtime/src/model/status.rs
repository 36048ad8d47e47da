//! Closed sets with stable codes. A byte that names none of them is an integrity error, never a default.

/// Declares a set of `u8`-coded names with `code`, `from_code`, `name` and `from_name`.
macro_rules! coded {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $code:literal $text:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum $name { $($(#[$vmeta])* $variant = $code),* }

        impl $name {
            /// Every member, in order of code.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// The byte that stands for it on disk.
            #[must_use]
            pub const fn code(self) -> u8 { self as u8 }

            /// The member that a byte stands for.
            #[must_use]
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some($name::$variant),)* _ => None }
            }

            /// Its name in records, reports and the index.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text),* }
            }

            /// The member with this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some($name::$variant),)* _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.pad(self.name()) }
        }
    };
}
pub(crate) use coded;

coded! {
    /// Where an entity stands. One alphabet for runs, node states, operations, calls and batches;
    /// [`lifecycle`](super::lifecycle) says which arrows each of them has.
    Status {
        /// The record states no status.
        None = 0 "NONE",
        /// Begun, not ended.
        Open = 1 "OPEN",
        /// Handed over, the answer is to come.
        Deferred = 2 "DEFERRED",
        /// Ended as it should.
        Completed = 3 "COMPLETED",
        /// Ended by an error, a panic or a cancellation.
        Failed = 4 "FAILED",
        /// Its process is gone; the outcome is unknown. Written by recovery only.
        Abandoned = 5 "ABANDONED",
        /// A run that is under way.
        Running = 6 "RUNNING",
        /// A run whose end holds both successes and failures.
        CompletedWithFailures = 7 "COMPLETED_WITH_FAILURES",
        /// A run that processed nothing.
        Empty = 8 "EMPTY",
        /// A run that was stopped on purpose and may be resumed.
        Interrupted = 9 "INTERRUPTED",
        /// A call whose exchange succeeded.
        Success = 10 "SUCCESS",
        /// A call whose exchange failed.
        Error = 11 "ERROR",
        /// A batch that still gathers members.
        Draft = 12 "DRAFT",
        /// A batch that is being worked on.
        Executing = 13 "EXECUTING",
        /// An action whose body may run: the action stream's word for its opening record, and nothing else's.
        Pending = 32 "PENDING",
        /// An action that was allowed and whose body was never entered.
        Blocked = 33 "BLOCKED",
        /// A gate's yes.
        Allow = 34 "ALLOW",
        /// A gate's no.
        Deny = 35 "DENY",
        /// A token that waits in a batch.
        Buffered = 48 "BUFFERED",
        /// A token whose outcome stands.
        Ended = 49 "ENDED",
        /// A token that waits at a merge.
        Held = 50 "HELD",
        /// A held token that was merged.
        Merged = 51 "MERGED",
        /// A sink write whose place in the order is taken.
        Reserved = 52 "RESERVED",
        /// A sink write whose content is known.
        Prepared = 53 "PREPARED",
        /// A sink write whose effect may have happened.
        InFlight = 54 "IN_FLIGHT",
        /// A sink write that is durable.
        Finalized = 55 "FINALIZED",
        /// An attempt of a sink write, before its effect.
        Intent = 56 "INTENT",
        /// An attempt that the sink answered.
        Returned = 57 "RETURNED",
        /// An attempt whose answer was lost: in doubt until it is read back.
        ResponseLost = 58 "RESPONSE_LOST",
    }
}

coded! {
    /// How an audited body ended.
    Exit {
        /// The record ends nothing.
        None = 0 "none",
        /// It returned a value that is not an error.
        Returned = 1 "returned",
        /// It returned an error.
        Errored = 2 "errored",
        /// It unwound.
        Panicked = 3 "panicked",
        /// Its future or guard was dropped.
        Cancelled = 4 "cancelled",
        /// Its process is gone.
        Lost = 5 "lost",
    }
}

coded! {
    /// When we may say "recorded".
    Durability {
        /// The bytes are in the kernel: they survive the death of the process, and all but the last sync interval
        /// survives power loss.
        Process = 1 "process",
        /// An fdatasync that covers the bytes has returned.
        Disk = 2 "disk",
        /// A remote store has confirmed the record.
        Replicated = 3 "replicated",
    }
}
