//! What a run has come to in its earlier processes, folded from its records in the order of its processes. Its size
//! follows the work in flight, and a few bytes for each row.
//!
//! ```text
//! records of process 0 ─take→ … ─process_ended→ records of process 1 ─take→ … ─finish→ Past ─→ Book, tokens, batches, writes
//! ```

mod by_node;
mod fold;
mod gathered;
mod sinks;

pub use sinks::{Owed, Stage, WritePast};

use super::{Book, Course, OpenRow, Origin, RowAgain, Rows, SeqHasher};
use crate::model::digest::{Digest, Slot};
use crate::model::graph::NodeKind;
use crate::model::{Id, Status};
use by_node::ByNode;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::BuildHasherDefault;

type Ids<V> = HashMap<Id, V, BuildHasherDefault<SeqHasher>>;

/// A token without a terminal outcome.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Where it comes from.
    pub origin: Origin,
    /// The row that it is an instance of.
    pub row: Option<Id>,
    /// The branch that it was forked to.
    pub branch: Option<String>,
    /// The fork that made it.
    pub fork: Option<Id>,
    /// How it came where it is.
    pub course: Course,
    /// The sink that refused it, and its course before that.
    pub refused: Option<(String, Course)>,
    /// Nodes that it has left with success.
    pub completed: Vec<u32>,
    /// The batch in which it waits.
    pub batch: Option<Id>,
    /// The sink write that it belongs to.
    pub write: Option<Id>,
}

impl Default for Past {
    fn default() -> Past {
        Past::new()
    }
}

/// What has become of a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is on its way.
    Open,
    /// Its children are on their way, or were.
    Replaced,
    /// A merge has consumed it.
    Merged,
    /// It has ended otherwise: no merge will see it.
    Gone,
}

/// A batch that has not completed.
#[derive(Clone, Debug)]
pub struct BatchPast {
    /// Its node.
    pub node: u32,
    /// Which attempt it is.
    pub attempt: u32,
    /// Its members, in order.
    pub members: Vec<Id>,
    /// Wall time of its draft, or of the first one that it retries.
    pub drafted_ns: i64,
    /// DRAFT, EXECUTING, FAILED or ABANDONED.
    pub status: Status,
}

/// A checkpoint of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointPast {
    /// Its record.
    pub id: Id,
    /// What the program called the position.
    pub position: String,
    /// Why no run goes on from it; `None` for a sound one.
    pub flaw: Option<&'static str>,
}

/// An open node state of a token.
#[derive(Debug)]
struct Visit {
    token: Id,
    node: u32,
    turn: Option<Course>,
}

/// The tokens, rows, batches and writes of a run's earlier processes.
#[derive(Debug)]
pub struct Past {
    /// Its name.
    pub name: String,
    /// Where its last process left it.
    pub status: Status,
    /// How many times it was resumed.
    pub attempt: u32,
    /// Its contract could not be declared.
    pub uncontracted: bool,
    /// The graph with which it was sealed.
    pub graph: Option<Digest>,
    /// Entries that have ended, those aside whose process was lost.
    pub by_node: ByNode,
    /// The records with which the run's processes began, in order.
    began: Vec<Id>,
    nodes: Vec<(String, Option<NodeKind>)>,
    book: Book,
    live: Ids<Standing>,
    /// Tokens that nothing holds, by row; those of no single row under none.
    by_row: Ids<Vec<Id>>,
    states: Ids<Visit>,
    forks: Ids<Vec<(String, Fate)>>,
    rows: Rows,
    batches: BTreeMap<Id, BatchPast>,
    writes: BTreeMap<Id, WritePast>,
    receipts: HashSet<Id>,
    owed: Vec<Owed>,
    /// The key of the last durable write, by sink.
    last_writes: HashMap<String, String>,
    gathered: gathered::Gathered,
    artifacts: HashMap<String, (Id, Digest, u64)>,
    checkpoint: Option<CheckpointPast>,
}

impl Past {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Past {
        Past {
            name: String::new(),
            status: Status::None,
            attempt: 0,
            uncontracted: false,
            graph: None,
            by_node: ByNode::default(),
            began: Vec::new(),
            nodes: Vec::new(),
            book: Book::default(),
            live: Ids::default(),
            by_row: Ids::default(),
            states: Ids::default(),
            forks: Ids::default(),
            rows: Rows::default(),
            batches: BTreeMap::new(),
            writes: BTreeMap::new(),
            receipts: HashSet::new(),
            owed: Vec::new(),
            last_writes: HashMap::new(),
            gathered: gathered::Gathered::default(),
            artifacts: HashMap::new(),
            checkpoint: None,
        }
    }

    /// The process has ended: what it had open is lost, and a write that it had not begun never happened.
    pub fn process_ended(&mut self) {
        self.states.clear();
        let unbegun: Vec<Id> =
            self.writes.iter().filter(|(_, write)| write.stage == Stage::Prepared).map(|(id, _)| *id).collect();
        unbegun.into_iter().for_each(|id| self.let_go(id));
    }

    /// All records are taken.
    pub fn finish(&mut self) {
        self.process_ended();
        self.by_node.finish();
        self.rows.finish();
        self.gather();
        let live = &self.live;
        for batch in self.batches.values_mut() {
            batch.members.retain(|member| live.contains_key(member));
        }
        for write in self.writes.values_mut() {
            write.tokens.retain(|token| live.contains_key(token));
        }
        self.batches.retain(|_, batch| batch.status == Status::Draft || !batch.members.is_empty());
        self.writes.retain(|_, write| !write.tokens.is_empty());
        for (id, standing) in self.live.iter().filter(|(_, standing)| standing.batch.is_none()) {
            self.by_row.entry(standing.row.unwrap_or(Id::NONE)).or_default().push(*id);
        }
    }

    /// Where an entity stands in the order in which the run came by it: streams have no order of their own, its processes do.
    pub(super) fn arrival(&self, id: Id) -> (usize, Id) {
        let began = |began: &Id| began.stream == id.stream && began.seq <= id.seq;
        (self.began.iter().rposition(began).unwrap_or(usize::MAX), id)
    }

    /// Whether an entity that recovery speaks of is open here: only then its end belongs to this place of the story.
    #[must_use]
    pub fn awaits(&self, subject: Id) -> bool {
        self.states.contains_key(&subject)
            || self.batches.get(&subject).is_some_and(|batch| batch.status == Status::Executing)
    }

    /// The run's last checkpoint.
    #[must_use]
    pub fn checkpoint(&self) -> Option<&CheckpointPast> {
        self.checkpoint.as_ref()
    }

    /// Tokens that are driven again: those that wait in a batch, and those whose write is durable, are not.
    #[must_use]
    pub fn redriven(&self) -> u64 {
        self.live.values().filter(|standing| standing.batch.is_none() && !self.is_durable(standing)).count() as u64
    }

    fn is_durable(&self, standing: &Standing) -> bool {
        let write = standing.write.and_then(|id| self.writes.get(&id));
        write.is_some_and(|write| matches!(write.stage, Stage::Durable(_)))
    }

    /// Takes the names of the nodes as they are numbered from now on, and gives the book.
    pub fn renumber(&mut self, number: impl Fn(&str) -> Option<u32>) -> Book {
        let names: Vec<Option<u32>> = self.nodes.iter().map(|(name, _)| number(name)).collect();
        let new = |old: u32| names.get(old as usize).copied().flatten().unwrap_or(old);
        for standing in self.live.values_mut() {
            standing.completed.iter_mut().for_each(|node| *node = new(*node));
        }
        self.batches.values_mut().for_each(|batch| batch.node = new(batch.node));
        let mut book = std::mem::take(&mut self.book);
        book.renumber(new);
        book.drive(self.attempt + 1);
        book
    }

    /// What is known of a row that the source gives again, with the tokens of it that are on their way.
    ///
    /// # Errors
    /// The write in doubt that one of them waits for.
    pub fn row_again(&mut self, node: &str, identity: &str, slot: &Slot, refused: bool) -> Result<RowAgain, Id> {
        let found = match refused {
            true => self.rows.refused_again(node, identity, slot),
            false => self.rows.again(node, identity, slot),
        };
        Ok(match found {
            super::rows::Again::New => RowAgain::New,
            super::rows::Again::Done => RowAgain::Done,
            super::rows::Again::Differs => RowAgain::Differs,
            super::rows::Again::Unclear => RowAgain::Unclear,
            super::rows::Again::Open(row) => match self.take_row(row)? {
                none if none.is_empty() => RowAgain::Done,
                tokens => RowAgain::Open(tokens),
            },
        })
    }

    /// The tokens of a row that are on their way, in order; they belong to the caller from here on.
    ///
    /// # Errors
    /// The write in doubt that one of them waits for.
    pub fn take_row(&mut self, row: Id) -> Result<Vec<(Id, Standing)>, Id> {
        let taken = self.hand_out(row)?;
        self.rows.taken(row);
        Ok(taken)
    }

    /// As [`take_row`](Past::take_row), for tokens that are of no single row.
    ///
    /// # Errors
    /// The write in doubt that one of them waits for.
    pub fn take_gathered(&mut self) -> Result<Vec<(Id, Standing)>, Id> {
        self.hand_out(Id::NONE)
    }

    fn hand_out(&mut self, row: Id) -> Result<Vec<(Id, Standing)>, Id> {
        let Some(ids) = self.by_row.get(&row) else { return Ok(Vec::new()) };
        let waits = |id: &Id| self.live.get(id)?.write.filter(|write| self.writes.contains_key(write));
        if let Some(write) = ids.iter().find_map(waits) {
            return Err(write);
        }
        let mut ids = self.by_row.remove(&row).unwrap_or_default();
        ids.sort_unstable_by_key(|id| self.arrival(*id));
        Ok(self.take_tokens(&ids))
    }

    /// Takes tokens by id.
    pub fn take_tokens(&mut self, ids: &[Id]) -> Vec<(Id, Standing)> {
        ids.iter().filter_map(|id| Some((*id, self.live.remove(id)?))).collect()
    }

    /// What became of the branches of a fork.
    #[must_use]
    pub fn branches(&self, fork: Id) -> Vec<(String, Fate)> {
        self.forks.get(&fork).cloned().unwrap_or_default()
    }

    /// Rows with tokens on their way that the source has not given again, oldest first.
    #[must_use]
    pub fn rows_in_flight(&self) -> Vec<(Id, &OpenRow)> {
        let mut rows: Vec<_> = self.rows.open().filter(|(row, _)| self.by_row.contains_key(row)).collect();
        rows.sort_unstable_by_key(|(row, _)| self.arrival(*row));
        rows
    }

    /// Takes the batches of a node that have not completed, oldest first.
    pub fn take_batches(&mut self, node: u32) -> Vec<(Id, BatchPast)> {
        let mut ids: Vec<Id> = self.batches.iter().filter(|(_, batch)| batch.node == node).map(|(id, _)| *id).collect();
        ids.sort_unstable_by_key(|id| self.arrival(*id));
        ids.into_iter().filter_map(|id| Some((id, self.batches.remove(&id)?))).collect()
    }

    /// What named the last durable write of a sink.
    #[must_use]
    pub fn last_write(&self, sink: &str) -> Option<&str> {
        self.last_writes.get(sink).map(String::as_str)
    }

    /// Artifacts by idempotency key.
    pub fn take_artifacts(&mut self) -> HashMap<String, (Id, Digest, u64)> {
        std::mem::take(&mut self.artifacts)
    }
}
