//! Verification of a closed trail by one thread. What bounds it is SHA-256 over every record and node of the tree, so
//! the hashing alone stands beside it.

use crate::harness::{Comparison, Outcome, pairs};
use crate::machine::thread_seconds;
use crate::row::{Mark, Row};
use crate::trails;
use audit_runtime::journal::tree::Tree;
use audit_runtime::journal::{Layout, Reader};
use audit_runtime::trail;
use std::hint::black_box;

const CALLS: u64 = 150_000;
/// Records a second and core.
const MARK: f64 = 1_200_000.0;

/// The bench.
pub fn run() -> Outcome<Vec<Row>> {
    let dir = trails::on_disk()?;
    let layout = Layout::at(trails::closed(dir.path(), CALLS)?);
    let verified = || -> Outcome<f64> {
        let start = thread_seconds();
        let verdict = trail::verify(&layout, &mut |_| {})?;
        if !verdict.is_intact() || verdict.records() < 2 * CALLS {
            return Err("the trail that was just written does not verify".into());
        }
        Ok(verdict.records() as f64 / (thread_seconds() - start))
    };
    let mut records: Vec<Vec<u8>> = Vec::new();
    for stream in layout.streams()? {
        let mut reader = Reader::open(&layout, stream)?;
        while let Some(frame) = reader.next()? {
            records.push(frame.bytes.to_vec());
        }
    }
    let hashed = || -> Outcome<f64> {
        let start = thread_seconds();
        let mut tree = Tree::new();
        records.iter().for_each(|record| tree.push(record));
        black_box(tree.root());
        Ok(records.len() as f64 / (thread_seconds() - start))
    };
    let peer = "the tree over the same records alone: the limit of SHA-256 here";
    let what = Comparison { bench: "verify", peer, unit: "records/s", mark: Mark::None };
    let row = pairs(&what, verified, hashed)?;
    let mut fixed = Row::figure("verify", "1.2 M records/s and core", row.unit, row.ours, MARK, Mark::AtLeast(1.0));
    (fixed.noisy, fixed.pairs) = (row.noisy, row.pairs);
    Ok(vec![fixed, row])
}
