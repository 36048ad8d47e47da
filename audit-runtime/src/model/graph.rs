//! The closed sets of the landscape's vocabulary.

use super::status::coded;

coded! {
    /// What a node does.
    NodeKind {
        /// Reads rows.
        Source = 1 "source",
        /// Turns a token into another.
        Transform = 2 "transform",
        /// Sends tokens along labelled edges.
        Gate = 3 "gate",
        /// Gathers tokens and releases them together.
        Aggregation = 4 "aggregation",
        /// Merges branches.
        Coalesce = 5 "coalesce",
        /// Writes tokens to the outside.
        Sink = 6 "sink",
    }
}

coded! {
    /// What a repetition of a node's work would come to.
    Determinism {
        /// The same input gives the same output.
        Deterministic = 1 "deterministic",
        /// The same input and seed give the same output.
        Seeded = 2 "seeded",
        /// It reads what others may change.
        IoRead = 3 "io_read",
        /// It changes the outside.
        IoWrite = 4 "io_write",
        /// It asks somebody outside.
        ExternalCall = 5 "external_call",
        /// Nothing is promised.
        NonDeterministic = 6 "non_deterministic",
    }
}

coded! {
    /// What sort of exchange a call is.
    CallKind {
        /// An HTTP request.
        Http = 1 "http",
        /// A statement to a database.
        Database = 2 "database",
        /// A language model.
        Llm = 3 "llm",
        /// A message queue.
        Queue = 4 "queue",
        /// A file, local or remote.
        File = 5 "file",
        /// A remote procedure.
        Rpc = 6 "rpc",
        /// Another process on this machine.
        Process = 7 "process",
    }
}

coded! {
    /// How a token takes an edge.
    Mode {
        /// It goes there.
        Move = 1 "move",
        /// A copy goes there.
        Copy = 2 "copy",
        /// Its error sends it there.
        Divert = 3 "divert",
    }
}

coded! {
    /// Why a batch was released.
    Trigger {
        /// It has so many members.
        Count = 1 "count",
        /// It has waited so long.
        Age = 2 "age",
        /// A condition came true.
        Condition = 3 "condition",
        /// The source has ended.
        EndOfSource = 4 "end_of_source",
    }
}
