//! What a token comes from, and how it came where it is.

use crate::model::digest::Digest;
use crate::model::{Id, Outcome};

/// What a token was made by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A source row.
    Row,
    /// A fork: it is on a branch.
    Branch,
    /// An expansion: one child, counted from 0.
    Child(u32),
    /// A merge.
    Merge,
    /// A batch.
    Batch,
}

/// How a token came where it is: what its outcome at a sink will be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Course {
    /// It took the declared way.
    Default,
    /// A gate sent it.
    Gate,
    /// A merge made it.
    Joined(Id),
    /// An error route took it.
    Error(Digest),
    /// A sink has refused it.
    Fallback(Digest),
    /// Its source has refused it.
    Quarantine(Digest),
}

impl Course {
    /// The outcome of a token that has reached this sink.
    #[must_use]
    pub fn at_sink(self, sink: String) -> Outcome {
        match self {
            Course::Default => Outcome::DefaultFlow { sink },
            Course::Gate => Outcome::GateRouted { sink },
            Course::Joined(join) => Outcome::Coalesced { join, sink: Some(sink) },
            Course::Error(error) => Outcome::OnErrorRouted { sink, error },
            Course::Fallback(error) => Outcome::SinkFallback { sink, error },
            Course::Quarantine(error) => Outcome::QuarantinedAtSource { error, sink: Some(sink) },
        }
    }

    /// What a child has of it: a copy goes its own way, only what is wrong with the row stays with it.
    #[must_use]
    pub fn inherited(&self) -> Course {
        match self {
            Course::Default | Course::Gate | Course::Joined(_) => Course::Default,
            Course::Error(_) | Course::Fallback(_) | Course::Quarantine(_) => self.clone(),
        }
    }
}
