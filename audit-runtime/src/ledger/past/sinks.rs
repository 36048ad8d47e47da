//! Sink writes of earlier processes: what is durable gets its outcomes, what is in doubt is read back.

use super::{Past, Standing};
use crate::ledger::Course;
use crate::model::Id;
use crate::model::digest::Digest;

/// How far a sink write has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Its effect has not begun.
    Prepared,
    /// Its effect may have happened.
    InDoubt,
    /// As in doubt, and the sink has answered that it is done.
    Answered,
    /// This receipt says that it is durable.
    Durable(Id),
}

/// A sink write with tokens that have no outcome.
#[derive(Clone, Debug)]
pub struct WritePast {
    /// Node of the sink.
    pub sink: String,
    /// What names the write across attempts.
    pub key: String,
    /// Digest of what was to be written.
    pub content: Digest,
    /// How far it has come.
    pub stage: Stage,
    /// The tokens that it is for.
    pub tokens: Vec<Id>,
    /// How many of them have no outcome.
    pub(super) open: usize,
    /// The first node state that is COMPLETED behind the receipt: what produced its artifacts.
    pub producer: Option<Id>,
    /// Which process of the run recorded the receipt, counted from its start.
    pub(super) durable_in: usize,
}

/// A durable write whose last outcome a later process has recorded, before what was to follow it.
#[derive(Clone, Debug)]
pub struct Owed {
    /// The receipt.
    pub receipt: Id,
    /// The write.
    pub write: WritePast,
}

impl Standing {
    /// A sink refuses it: a failsink may take it, or the same sink after all.
    pub(super) fn refused_by(&mut self, sink: &str, error: Digest) {
        let before = std::mem::replace(&mut self.course, Course::Fallback(error));
        match &self.refused {
            Some((by, _)) if by == sink => {}
            _ => self.refused = Some((sink.to_owned(), before)),
        }
    }
}

impl Past {
    /// Nothing came of the write: its tokens are free.
    pub(super) fn let_go(&mut self, id: Id) {
        let Some(write) = self.writes.remove(&id) else { return };
        self.book.closed(id);
        for token in write.tokens {
            if let Some(standing) = self.live.get_mut(&token).filter(|standing| standing.write == Some(id)) {
                standing.write = None;
            }
        }
    }

    /// A node state of this token is COMPLETED. The receipt's own states may have died with their process: what produced
    /// the artifacts is then the first one that a later process has opened again and completed.
    pub(super) fn produced(&mut self, token: Id, state: Id) {
        let write = self.live.get(&token).and_then(|standing| standing.write);
        let Some(write) = write.and_then(|id| self.writes.get_mut(&id)) else { return };
        if matches!(write.stage, Stage::Durable(_)) {
            write.producer.get_or_insert(state);
        }
    }

    /// A token of the write has its outcome.
    pub(super) fn one_less(&mut self, id: Id) {
        let Some(write) = self.writes.get_mut(&id) else { return };
        write.open = write.open.saturating_sub(1);
        if write.open > 0 {
            return;
        }
        self.book.closed(id);
        let Some(write) = self.writes.remove(&id) else { return };
        if let Stage::Durable(receipt) = write.stage
            && write.durable_in != self.began.len()
        {
            self.owed.push(Owed { receipt, write });
        }
    }

    /// Durable writes whose outcomes a resume has recorded and that no checkpoint follows, oldest first: the process that
    /// was to go on from the receipt may have died behind the outcomes.
    #[must_use]
    pub fn take_owed(&mut self) -> Vec<Owed> {
        std::mem::take(&mut self.owed)
    }

    /// Writes whose effect may have happened, oldest first.
    #[must_use]
    pub fn in_doubt(&self) -> Vec<(Id, &WritePast)> {
        let doubtful = |write: &WritePast| matches!(write.stage, Stage::InDoubt | Stage::Answered);
        let writes = self.writes.iter().filter(|(_, write)| doubtful(write));
        let mut doubts: Vec<_> = writes.map(|(id, write)| (*id, write)).collect();
        doubts.sort_unstable_by_key(|(id, _)| self.arrival(*id));
        doubts
    }

    /// The first write in doubt of a sink.
    #[must_use]
    pub fn doubt_at(&self, sink: &str) -> Option<Id> {
        self.in_doubt().into_iter().find(|(_, write)| write.sink == sink).map(|(id, _)| id)
    }

    /// A write in doubt was read back. The sink does not have it: its tokens are free again.
    pub fn not_applied(&mut self, id: Id) {
        self.let_go(id);
    }

    /// Takes a write out of the story, with its tokens: it is durable.
    pub fn take_write(&mut self, id: Id) -> Option<(WritePast, Vec<(Id, Standing)>)> {
        let write = self.writes.remove(&id)?;
        let tokens = self.take_tokens(&write.tokens);
        for (_, standing) in &tokens {
            if let Some(row) = standing.row {
                self.rows.ended(row);
            }
        }
        Some((write, tokens))
    }

    /// Durable writes some of whose tokens have no outcome, oldest first.
    #[must_use]
    pub fn durable(&self) -> Vec<(Id, Id)> {
        let receipt = |(id, write): (&Id, &WritePast)| match write.stage {
            Stage::Durable(receipt) => Some((*id, receipt)),
            Stage::Prepared | Stage::InDoubt | Stage::Answered => None,
        };
        let mut durable: Vec<_> = self.writes.iter().filter_map(receipt).collect();
        durable.sort_unstable_by_key(|(id, _)| self.arrival(*id));
        durable
    }
}
