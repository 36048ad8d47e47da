//! The RFC 6962 Merkle tree hash over the exact stored bytes of a stream's records, kept as the roots of its perfect
//! subtrees: 64 hashes at most, whatever the length of the stream.

use sha2::{Digest as _, Sha256};

/// A root or subtree hash.
pub type Hash = [u8; 32];

/// `SHA-256(0x00 ‖ record)`.
#[must_use]
pub fn leaf(record: &[u8]) -> Hash {
    Sha256::new().chain_update([0u8]).chain_update(record).finalize().into()
}

/// `SHA-256(0x01 ‖ left ‖ right)`.
#[must_use]
pub fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1u8]).chain_update(left).chain_update(right).finalize().into()
}

/// The tree so far.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// Roots of perfect subtrees, largest first; one for each bit set in `len`.
    peaks: Vec<Hash>,
    len: u64,
}

impl Tree {
    /// An empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a record.
    pub fn push(&mut self, record: &[u8]) {
        self.push_leaf(leaf(record));
    }

    /// Appends a leaf hash.
    pub fn push_leaf(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for _ in 0..self.len.trailing_ones() {
            // One peak stands for each bit set in `len`, so a trailing one always has its peak.
            if let Some(left) = self.peaks.pop() {
                hash = node(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.len += 1;
    }

    /// Records so far.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether no record was appended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The root over everything appended; of nothing, `SHA-256("")`.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        match peaks.next() {
            None => Sha256::digest([]).into(),
            Some(last) => peaks.fold(*last, |right, left| node(left, &right)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition of RFC 6962, section 2.1, word for word.
    fn by_definition(leaves: &[Hash]) -> Hash {
        match leaves.len() {
            0 => Sha256::digest([]).into(),
            1 => leaves[0],
            n => {
                let k = n.next_power_of_two() / 2;
                node(&by_definition(&leaves[..k]), &by_definition(&leaves[k..]))
            }
        }
    }

    #[test]
    fn the_root_is_the_one_of_the_definition() {
        let mut tree = Tree::new();
        let mut leaves = Vec::new();
        for n in 0u32..200 {
            assert_eq!(tree.root(), by_definition(&leaves), "{n} leaves");
            tree.push(&n.to_le_bytes());
            leaves.push(leaf(&n.to_le_bytes()));
        }
    }
}
