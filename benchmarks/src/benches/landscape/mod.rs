//! Tokens through a pipeline of five nodes, beside a recorder as people write it by hand: the same facts as rows in
//! SQLite, a transaction for each write. Then the index over those records, and what a year of rows takes in memory.

mod by_hand;
mod memory;
mod ours;

pub use memory::run as year_memory;

use crate::harness::{Comparison, Outcome, pairs};
use crate::row::{Mark, Row};
use crate::trails;
use audit_runtime::AuditDigest;
use audit_runtime::index;
use audit_runtime::journal::Layout;
use by_hand::ByHand;
use serde::Serialize;
use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Instant;

/// Tokens of ours, and of the peer, which takes many times as long for each.
const OURS: u64 = 20_000;
const PEERS: u64 = 1_000;
const PEERS_ON_DISK: u64 = 2 * BATCH as u64;
/// Tokens that the sink takes at once.
const BATCH: usize = 64;
/// Nodes between the source and the sink, or the end.
const STEPS: [&str; 3] = ["clean", "enrich", "classify"];
/// Records a second.
const CATCH_UP: f64 = 60_000.0;

/// What travels: a flight, as rows have them.
#[derive(Debug, Serialize, AuditDigest)]
struct Flight {
    line: u64,
    carrier: &'static str,
    number: u32,
    origin: &'static str,
    destination: &'static str,
    date: &'static str,
    delay: i32,
}

impl Flight {
    fn of(line: u64) -> Flight {
        let number = (line % 9000) as u32;
        let delay = (line % 200) as i32 - 40;
        Flight { line, carrier: "UA", number, origin: "EWR", destination: "IAH", date: "2013-01-01", delay }
    }

    /// What a step makes of it.
    fn next(&self) -> Flight {
        Flight { delay: self.delay + 1, ..*self }
    }

    fn line(&self) -> String {
        format!("{},{}{},{}\n", self.line, self.carrier, self.number, self.delay)
    }
}

/// The file behind the sink, the same for both.
struct Out(File);

impl Out {
    fn new(dir: &Path, name: &str) -> Outcome<Out> {
        Ok(Out(File::create(dir.join(name))?))
    }

    fn append(&self, text: &str) -> io::Result<()> {
        io::Write::write_all(&mut &self.0, text.as_bytes())
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

fn rate(tokens: u64, work: impl FnOnce() -> Outcome<()>) -> Outcome<f64> {
    let start = Instant::now();
    work()?;
    Ok(tokens as f64 / start.elapsed().as_secs_f64())
}

/// The bench.
pub fn run() -> Outcome<Vec<Row>> {
    let dir = trails::on_disk()?;
    let recorder = trails::recorder(dir.path())?;
    let out = Out::new(dir.path(), "ours.csv")?;
    let peer_out = Out::new(dir.path(), "peer.csv")?;

    let normal = ByHand::open(&dir.path().join("normal.sqlite"), "NORMAL")?;
    let peer = "rows in SQLite NORMAL, a transaction for each write; no sink";
    let what = Comparison { bench: "landscape", peer, unit: "tokens/s", mark: Mark::AtLeast(25.0) };
    let process = pairs(
        &what,
        || rate(OURS, || ours::without_sink(&recorder, OURS)),
        || rate(PEERS, || normal.without_sink(PEERS)),
    )?;

    let full = ByHand::open(&dir.path().join("full.sqlite"), "FULL")?;
    let peer = "rows in SQLite FULL, a transaction for each write; a sink synced every 64 rows";
    let what = Comparison { peer, mark: Mark::AtLeast(10.0), ..what };
    let disk = pairs(
        &what,
        || rate(OURS, || ours::with_sink(&recorder, OURS, &out)),
        || rate(PEERS_ON_DISK, || full.with_sink(PEERS_ON_DISK, &peer_out)),
    )?;
    recorder.close()?;

    let layout = Layout::at(dir.path().join("trail"));
    let start = Instant::now();
    let records = index::rebuild(&layout, &mut |_| {})?;
    let caught_up = records as f64 / start.elapsed().as_secs_f64();
    let peer = "60 k records/s: the index of these records";
    let index = Row::figure("landscape", peer, "records/s", caught_up, CATCH_UP, Mark::AtLeast(1.0));
    Ok(vec![process, disk, index])
}
