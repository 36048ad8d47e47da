//! Building the index from the journal, against plain rows in SQLite with two secondary indexes.

use crate::harness::{Comparison, Outcome, pairs};
use crate::row::{Mark, Row};
use crate::{sqlite, trails};
use audit_runtime::index;
use audit_runtime::journal::Layout;
use std::time::Instant;

const CALLS: u64 = 100_000;
/// Records a second.
const MARK: f64 = 80_000.0;

/// The bench.
pub fn run() -> Outcome<Vec<Row>> {
    let dir = trails::on_disk()?;
    let layout = Layout::at(trails::closed(dir.path(), CALLS)?);
    let ours = || -> Outcome<f64> {
        let start = Instant::now();
        let records = index::rebuild(&layout, &mut |_| {})?;
        Ok(records as f64 / start.elapsed().as_secs_f64())
    };
    let plain = || -> Outcome<f64> {
        let place = trails::on_disk()?;
        let db = sqlite::open(&place.path().join("plain.sqlite"), sqlite::Indexes::InOrder)?;
        let start = Instant::now();
        db.execute_batch("BEGIN")?;
        (0..2 * CALLS).try_for_each(|seq| sqlite::insert(&db, seq))?;
        db.execute_batch("COMMIT")?;
        Ok(2.0 * CALLS as f64 / start.elapsed().as_secs_f64())
    };
    let peer = "plain rows with two secondary indexes, one transaction";
    let what = Comparison { bench: "project", peer, unit: "records/s", mark: Mark::None };
    let row = pairs(&what, ours, plain)?;
    let mut fixed = Row::figure("project", "80 k records/s", row.unit, row.ours, MARK, Mark::AtLeast(1.0));
    (fixed.noisy, fixed.pairs) = (row.noisy, row.pairs);
    Ok(vec![fixed, row])
}
