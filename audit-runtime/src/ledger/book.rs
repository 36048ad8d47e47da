//! What the tokens of one run have come to. Ended tokens are forgotten, so its size follows the work in flight and not
//! the number of rows.

use super::SeqHasher;
use crate::model::lifecycle::Entity;
use crate::model::{Id, Outcome, Status};
use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasherDefault;

type Ids<V> = HashMap<Id, V, BuildHasherDefault<SeqHasher>>;

/// Findings that the record of a run's end names at most.
const NAMED: usize = 100;

/// Rows, and terminal outcomes of their tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Source rows.
    pub rows: u64,
    /// Tokens with a SUCCESS.
    pub success: u64,
    /// Tokens with a FAILURE, and those that only a failsink took.
    pub failure: u64,
    /// Tokens that others replaced.
    pub replaced: u64,
}

/// A token without a terminal outcome.
#[derive(Debug)]
struct Live {
    status: Option<Status>,
    group: Option<Id>,
    /// Visits by node.
    visits: Vec<(u32, u32)>,
}

/// The tokens, groups and open work of one run.
#[derive(Debug, Default)]
pub struct Book {
    live: Ids<Live>,
    /// Forks and expansions none of whose children has an outcome yet: group to parent.
    unproven: Ids<Id>,
    open: Ids<Entity>,
    tally: Tally,
    /// Which process of the run keeps it, from 0.
    attempt: u32,
}

impl Book {
    /// Which process of the run keeps it, from 0.
    #[must_use]
    pub fn kept_by(&self) -> u32 {
        self.attempt
    }

    /// Another process keeps it from here on.
    pub fn drive(&mut self, attempt: u32) {
        self.attempt = attempt;
    }

    /// The nodes have other numbers from here on.
    pub fn renumber(&mut self, new: impl Fn(u32) -> u32) {
        let visits = self.live.values_mut().flat_map(|live| live.visits.iter_mut());
        visits.for_each(|(node, _)| *node = new(*node));
    }

    /// A source row was read.
    pub fn row(&mut self) {
        self.tally.rows += 1;
    }

    /// A token was minted, by a fork or expansion or by none.
    pub fn minted(&mut self, token: Id, group: Option<Id>) {
        self.live.insert(token, Live { status: None, group, visits: Vec::new() });
    }

    /// Where a token without a terminal outcome stands; `None` for any other.
    #[must_use]
    pub fn standing(&self, token: Id) -> Option<Option<Status>> {
        self.live.get(&token).map(|live| live.status)
    }

    /// The attempt that the next visit of a token at a node is.
    #[must_use]
    pub fn attempt(&self, token: Id, node: u32) -> u32 {
        let visits = self.live.get(&token).map_or(&[][..], |live| &live.visits);
        visits.iter().find(|(at, _)| *at == node).map_or(0, |(_, visits)| *visits)
    }

    /// A visit has begun.
    pub fn visited(&mut self, token: Id, node: u32) {
        let Some(live) = self.live.get_mut(&token) else { return };
        match live.visits.iter_mut().find(|(at, _)| *at == node) {
            Some((_, visits)) => *visits += 1,
            None => live.visits.push((node, 1)),
        }
    }

    /// A token waits in a batch.
    pub fn buffered(&mut self, token: Id) {
        if let Some(live) = self.live.get_mut(&token) {
            live.status = Some(Status::Buffered);
        }
    }

    /// A token has its terminal outcome.
    pub fn ended(&mut self, token: Id, outcome: &Outcome) {
        let Some(live) = self.live.remove(&token) else { return };
        if let Some(group) = live.group {
            self.unproven.remove(&group);
        }
        match (outcome, outcome.name()) {
            (Outcome::ForkParent { fork: group, .. } | Outcome::ExpandParent { expand: group, .. }, _) => {
                self.unproven.insert(*group, token);
                self.tally.replaced += 1;
            }
            (Outcome::SinkFallback { .. }, _) | (_, Some("FAILURE")) => self.tally.failure += 1,
            (_, Some("SUCCESS")) => self.tally.success += 1,
            _ => self.tally.replaced += 1,
        }
    }

    /// A call, operation, batch or sink write has begun.
    pub fn opened(&mut self, id: Id, entity: Entity) {
        self.open.insert(id, entity);
    }

    /// It has ended.
    pub fn closed(&mut self, id: Id) {
        self.open.remove(&id);
    }

    /// Tokens without a terminal outcome, and work that has not ended, node states aside.
    #[must_use]
    pub fn unfinished(&self) -> u64 {
        (self.live.len() + self.open.len()) as u64
    }

    /// Rows and outcomes so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// What a run's end must be called, from the outcomes of its tokens.
    #[must_use]
    pub fn judge(&self) -> Status {
        let Tally { rows, success, failure, .. } = self.tally;
        match (rows, success, failure) {
            (0, _, _) => Status::Empty,
            (_, _, 0) => Status::Completed,
            (_, 0, _) => Status::Failed,
            _ => Status::CompletedWithFailures,
        }
    }

    /// Violations of the sweep's rules that this run's end would leave behind, as `RULE id`: tokens without an outcome
    /// (S1), open work (S9), parents none of whose children has an outcome (S10). An interrupted run may be resumed, so
    /// it has none.
    #[must_use]
    pub fn findings(&self, ending: Status) -> Vec<String> {
        if ending == Status::Interrupted {
            return Vec::new();
        }
        let mut found: BTreeMap<(u8, Id), ()> = BTreeMap::new();
        found.extend(self.live.keys().map(|token| ((1, *token), ())));
        found.extend(self.open.keys().map(|id| ((9, *id), ())));
        found.extend(self.unproven.values().map(|parent| ((10, *parent), ())));
        found.keys().take(NAMED).map(|(rule, id)| format!("S{rule} {id:#}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::StreamId;

    fn id(seq: u64, ord: u32) -> Id {
        Id { stream: StreamId([7; 16]), seq, ord }
    }

    #[test]
    fn l5_a_parent_whose_children_have_no_outcome_is_s10_until_one_has() {
        let mut book = Book::default();
        book.row();
        book.minted(id(1, 1), None);
        book.minted(id(2, 1), Some(id(2, 0)));
        book.minted(id(2, 2), Some(id(2, 0)));
        book.ended(id(1, 1), &Outcome::ForkParent { fork: id(2, 0), children: 2 });
        let rules = |book: &Book| -> Vec<String> {
            let found = book.findings(Status::Failed);
            found.iter().filter_map(|f| f.split(' ').next()).map(str::to_owned).collect()
        };
        assert_eq!(rules(&book), ["S1", "S1", "S10"]);
        assert!(book.findings(Status::Interrupted).is_empty());
        book.ended(id(2, 1), &Outcome::FilterDropped {});
        assert_eq!(rules(&book), ["S1"]);
        book.ended(id(2, 2), &Outcome::FilterDropped {});
        assert_eq!((rules(&book).len(), book.judge(), book.unfinished()), (0, Status::Completed, 0));
    }

    #[test]
    fn l32_a_pipeline_s_end_is_named_after_its_outcomes() {
        let mut book = Book::default();
        assert_eq!(book.judge(), Status::Empty);
        let digest = crate::model::digest::digest_bytes(crate::model::digest::Scope::Bytes, b"e");
        for n in 0..2 {
            book.row();
            book.minted(id(n, 1), None);
        }
        book.ended(id(0, 1), &Outcome::Unrouted { error: digest });
        assert_eq!(book.judge(), Status::Failed);
        book.ended(id(1, 1), &Outcome::GateDiscarded {});
        assert_eq!(book.judge(), Status::CompletedWithFailures);
    }
}
