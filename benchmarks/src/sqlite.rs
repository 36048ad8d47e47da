//! The peer that people would write themselves: rows in SQLite, each on the device before its caller goes on.

use crate::harness::Outcome;
use parking_lot::Mutex;
use rusqlite::{Connection, params};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Bytes of payload in a row, about as much as a record of ours.
const PAYLOAD: usize = 128;

/// Which secondary indexes the table has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Indexes {
    /// By run and time, and by trace id: what an audit log is asked for. Trace ids are random, so every row lands on
    /// another page.
    ByTrace,
    /// By run and time, and by node and time: every row lands behind the last one. The best case, for comparison.
    InOrder,
}

/// A table as an audit log would have it: a key, two secondary indexes, WAL, and `FULL` so that a commit is durable.
pub fn open(path: &Path, indexes: Indexes) -> Outcome<Connection> {
    let db = Connection::open(path)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.execute_batch(
        "CREATE TABLE log (seq INTEGER PRIMARY KEY, at INTEGER, run TEXT, node TEXT, status TEXT, trace BLOB, payload BLOB);
         CREATE INDEX log_run ON log (run, at);",
    )?;
    db.execute_batch(match indexes {
        Indexes::ByTrace => "CREATE INDEX log_trace ON log (trace);",
        Indexes::InOrder => "CREATE INDEX log_node ON log (node, at);",
    })?;
    db.set_prepared_statement_cache_capacity(16);
    Ok(db)
}

/// Adds one row, in whatever transaction stands.
pub fn insert(db: &Connection, seq: u64) -> rusqlite::Result<()> {
    let sql = "INSERT INTO log VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    db.prepare_cached(sql)?.execute(params![
        seq as i64,
        seq as i64 * 1000,
        "7k3q9d-12",
        "benchmarks::step",
        "COMPLETED",
        trace_of(seq),
        [7u8; PAYLOAD]
    ])?;
    Ok(())
}

/// 16 bytes that are as good as random, the same for the two rows of a call.
fn trace_of(seq: u64) -> [u8; 16] {
    let mix = |n: u64| {
        let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        n ^ (n >> 31)
    };
    let first = mix((seq / 2).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut trace = [0; 16];
    trace[..8].copy_from_slice(&first.to_le_bytes());
    trace[8..].copy_from_slice(&mix(first).to_le_bytes());
    trace
}

/// Rows a second when `callers` threads share a connection and each row is a transaction of its own.
pub fn one_each(db: &Arc<Mutex<Connection>>, seq: &Arc<AtomicU64>, callers: usize, time: Duration) -> f64 {
    let start = Instant::now();
    let count = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..callers {
            scope.spawn(|| {
                while start.elapsed() < time {
                    let db = db.lock();
                    // A row that fails is not counted, which only makes the peer slower on a broken disk.
                    let done = insert(&db, seq.fetch_add(1, Ordering::Relaxed)).is_ok();
                    count.fetch_add(u64::from(done), Ordering::Relaxed);
                }
            });
        }
    });
    count.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64()
}

/// The same SQLite behind a group commit: whoever gets the connection commits for all who wait.
#[derive(Clone)]
pub struct Group {
    db: Arc<tokio::sync::Mutex<Connection>>,
    queue: Arc<Mutex<u64>>,
    done: Arc<AtomicU64>,
}

impl Group {
    /// A group commit over this connection, whose table is empty.
    pub fn new(db: Connection) -> Group {
        Group { db: Arc::new(tokio::sync::Mutex::new(db)), queue: Arc::default(), done: Arc::default() }
    }

    /// Adds one row and returns when it is on the device.
    pub async fn add(&self) -> bool {
        let mine = {
            let mut queued = self.queue.lock();
            *queued += 1;
            *queued
        };
        if self.done.load(Ordering::Acquire) >= mine {
            return true;
        }
        let db = self.db.lock().await;
        let from = self.done.load(Ordering::Acquire);
        if from >= mine {
            return true;
        }
        let upto = *self.queue.lock();
        let written = tokio::task::block_in_place(|| commit(&db, from + 1, upto).is_ok());
        if written {
            self.done.store(upto, Ordering::Release);
        }
        written
    }
}

fn commit(db: &Connection, from: u64, upto: u64) -> rusqlite::Result<()> {
    db.execute_batch("BEGIN IMMEDIATE")?;
    for seq in from..=upto {
        insert(db, seq)?;
    }
    db.execute_batch("COMMIT")
}
