//! Rows that batches stand for. A row whose token a batch holds is not given back with its tokens, and one whose batch has
//! completed has its outcome; but what came out of that batch may be on its way still, and only the rows say what it is.

use super::Past;
use crate::ledger::rows;
use crate::model::Id;
use std::collections::HashMap;

/// Rows of a batch that has completed, as long as one of its outputs has no outcome.
#[derive(Debug, Default)]
pub(super) struct Consumed {
    rows: Vec<u128>,
    outputs: usize,
}

/// What is known of batches and their rows.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    consumed: HashMap<Id, Consumed>,
    /// Which batch a token came out of.
    outputs: HashMap<Id, Id>,
    /// By the key of a row, once nothing more is read.
    by_row: HashMap<u128, Id>,
}

impl Past {
    /// A batch has completed: these are its members, and these came out of it.
    pub(super) fn consumed(&mut self, batch: Id, members: &[Id], outputs: impl Iterator<Item = Id>) {
        let outputs: Vec<Id> = outputs.collect();
        if outputs.is_empty() {
            return;
        }
        let row = |member: &Id| self.rows.key_of(self.live.get(member)?.row?);
        let rows = members.iter().filter_map(row).collect();
        self.gathered.consumed.insert(batch, Consumed { rows, outputs: outputs.len() });
        self.gathered.outputs.extend(outputs.into_iter().map(|token| (token, batch)));
    }

    /// A token has its outcome: one that came out of a batch takes the batch with it, if it was the last one.
    pub(super) fn output_ended(&mut self, token: Id) {
        let Some(batch) = self.gathered.outputs.remove(&token) else { return };
        let Some(consumed) = self.gathered.consumed.get_mut(&batch) else { return };
        consumed.outputs = consumed.outputs.saturating_sub(1);
        if consumed.outputs == 0 {
            self.gathered.consumed.remove(&batch);
        }
    }

    /// Nothing more is read: rows can be asked for.
    pub(super) fn gather(&mut self) {
        let held = self.live.values().filter_map(|standing| Some((self.rows.key_of(standing.row?)?, standing.batch?)));
        let consumed = self.gathered.consumed.iter();
        let consumed = consumed.flat_map(|(batch, consumed)| consumed.rows.iter().map(|row| (*row, *batch)));
        self.gathered.by_row = held.chain(consumed).collect();
    }

    /// The batch that stands for a row.
    #[must_use]
    pub fn batch_of(&self, node: &str, identity: &str) -> Option<Id> {
        self.gathered.by_row.get(&rows::key_of(node, identity)).copied()
    }

    /// The batch that a token came out of.
    #[must_use]
    pub fn came_out_of(&self, token: Id) -> Option<Id> {
        self.gathered.outputs.get(&token).copied()
    }

    /// A batch goes on as another one.
    pub fn tried_again(&mut self, batch: Id, again: Id) {
        self.gathered.by_row.values_mut().filter(|held| **held == batch).for_each(|held| *held = again);
    }
}
