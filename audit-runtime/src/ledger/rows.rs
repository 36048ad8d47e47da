//! The source rows that a run has read in earlier processes. A row that is done costs two hashes, so the whole of a large
//! source fits: what is asked of it later is only whether it was read, and whether it is still the same row.

use super::SeqHasher;
use crate::model::Id;
use crate::model::digest::{Scope, Slot, digest_bytes};
use crate::model::slot;
use std::collections::HashMap;
use std::hash::BuildHasherDefault;

type Hashed<V> = HashMap<u128, V, BuildHasherDefault<SeqHasher>>;

/// Stands in the place of a slot's hash where one identity was read twice.
const TWICE: u128 = 0;

/// A row with tokens that have no outcome.
#[derive(Clone, Debug)]
pub struct OpenRow {
    key: u128,
    /// What was recorded of its data.
    pub slot: Slot,
    /// Whether its data stands in the payload store.
    pub stored: bool,
    tokens: u32,
}

/// What the rows of earlier processes say of one that the source gives again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// It was never read.
    New,
    /// It was read, and all its tokens have their outcomes or wait elsewhere.
    Done,
    /// It was read, and this row has tokens on their way.
    Open(Id),
    /// Its data is not what was recorded.
    Differs,
    /// Several rows have this identity, or its data has no digest: nobody can tell whether it is the same.
    Unclear,
}

/// All rows of a run, by node and identity.
#[derive(Debug, Default)]
pub struct Rows {
    known: Hashed<u128>,
    open: HashMap<Id, OpenRow, BuildHasherDefault<SeqHasher>>,
    by_key: Hashed<Id>,
}

fn hash(bytes: &[u8]) -> u128 {
    let digest = digest_bytes(Scope::Bytes, bytes);
    let mut first = [0u8; 16];
    first.copy_from_slice(&digest.bytes()[..16]);
    u128::from_le_bytes(first)
}

/// The key of a row of this source.
pub(super) fn key_of(node: &str, identity: &str) -> u128 {
    let length = (node.len() as u64).to_le_bytes();
    hash(&[&length[..], node.as_bytes(), identity.as_bytes()].concat())
}

fn check_of(slot: &Slot) -> u128 {
    let mut bytes = Vec::new();
    slot::encode(&mut bytes, slot);
    // Zero says something else.
    hash(&bytes).max(1)
}

impl Rows {
    /// A row was read, with one token.
    pub fn read(&mut self, row: Id, (node, identity): (&str, &str), slot: Slot, stored: bool) {
        let key = key_of(node, identity);
        let check = check_of(&slot);
        self.known.entry(key).and_modify(|known| *known = TWICE).or_insert(check);
        self.open.insert(row, OpenRow { key, slot, stored, tokens: 1 });
    }

    /// The key of a row with tokens that have no outcome.
    pub(super) fn key_of(&self, row: Id) -> Option<u128> {
        self.open.get(&row).map(|open| open.key)
    }

    /// One more token of a row.
    pub fn minted(&mut self, row: Id) {
        if let Some(open) = self.open.get_mut(&row) {
            open.tokens += 1;
        }
    }

    /// A token of a row has its outcome.
    pub fn ended(&mut self, row: Id) {
        if let Some(open) = self.open.get_mut(&row) {
            open.tokens = open.tokens.saturating_sub(1);
            if open.tokens == 0 {
                self.open.remove(&row);
            }
        }
    }

    /// Nothing more is read: the rows that are on their way can be asked for by identity from here on.
    pub fn finish(&mut self) {
        self.by_key = self.open.iter().map(|(row, open)| (open.key, *row)).collect();
    }

    /// What is known of a row that the source gives again. A row that is done is forgotten with the answer: a
    /// second one under its identity is a row of its own.
    pub fn again(&mut self, node: &str, identity: &str, slot: &Slot) -> Again {
        let key = key_of(node, identity);
        let Some(known) = self.known.get(&key).copied() else { return Again::New };
        let row = self.by_key.get(&key).copied();
        if known == TWICE || (row.is_some() && matches!(slot, Slot::Absent(_))) {
            return Again::Unclear;
        }
        if known != check_of(slot) {
            return Again::Differs;
        }
        match row {
            Some(row) => Again::Open(row),
            None => {
                self.known.remove(&key);
                Again::Done
            }
        }
    }

    /// As [`again`](Rows::again), for a row that its source refuses: its data is used for nothing.
    pub fn refused_again(&mut self, node: &str, identity: &str, slot: &Slot) -> Again {
        match self.again(node, identity, slot) {
            Again::Unclear if self.known.get(&key_of(node, identity)) == Some(&check_of(slot)) => {
                self.by_key.get(&key_of(node, identity)).copied().map_or(Again::Done, Again::Open)
            }
            other => other,
        }
    }

    /// The row is in other hands now.
    pub fn taken(&mut self, row: Id) {
        if let Some(open) = self.open.remove(&row) {
            self.by_key.remove(&open.key);
            self.known.remove(&open.key);
        }
    }

    /// Rows with tokens on their way that nobody has asked for.
    pub fn open(&self) -> impl Iterator<Item = (Id, &OpenRow)> {
        self.open.iter().map(|(row, open)| (*row, open))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::StreamId;
    use crate::model::digest::Digest;

    fn slot(n: u8) -> Slot {
        Slot::Digest(Digest::sha256(Scope::Payload, [n; 32]))
    }

    fn id(seq: u64) -> Id {
        Id::new(StreamId([7; 16]), seq)
    }

    #[test]
    fn l40_a_row_is_known_by_identity_and_digest_or_not_at_all() {
        let mut rows = Rows::default();
        for (seq, identity, n) in [(1, "1", 1), (2, "2", 2), (3, "3", 3), (4, "twin", 4), (5, "twin", 4)] {
            rows.read(id(seq), ("rows.csv", identity), slot(n), false);
        }
        rows.read(id(6), ("rows.csv", "bare"), Slot::NOT_REQUESTED, false);
        rows.ended(id(1));
        rows.ended(id(3));
        rows.finish();
        assert_eq!(rows.again("rows.csv", "1", &slot(1)), Again::Done);
        assert_eq!(rows.again("rows.csv", "2", &slot(2)), Again::Open(id(2)));
        assert_eq!(rows.again("rows.csv", "3", &slot(9)), Again::Differs);
        assert_eq!(rows.again("rows.csv", "4", &slot(4)), Again::New);
        assert_eq!(rows.again("other.csv", "3", &slot(3)), Again::New);
        assert_eq!(rows.again("rows.csv", "twin", &slot(4)), Again::Unclear);
        assert_eq!(rows.again("rows.csv", "bare", &Slot::NOT_REQUESTED), Again::Unclear);
        assert_eq!(rows.refused_again("rows.csv", "twin", &slot(4)), Again::Unclear);
        assert_eq!(rows.refused_again("rows.csv", "bare", &Slot::NOT_REQUESTED), Again::Open(id(6)));
        assert_eq!(
            rows.again("rows.csv", "1", &slot(1)),
            Again::New,
            "a second row under an identity that was given back"
        );
    }
}
