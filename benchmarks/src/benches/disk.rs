//! Many callers, each of which waits until its own record is on the device. Ours are tasks; the peers are SQLite as
//! people write it (threads that share a connection, a transaction for each row) and SQLite behind a group commit.

use super::disk_one::{Raw, TIME};
use crate::harness::{Comparison, Outcome, median, pairs};
use crate::row::{Mark, Row};
use crate::sqlite::{self, Indexes};
use crate::trails;
use audit_runtime::{Recorder, audited};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

#[audited(durable = disk)]
async fn durable_step(n: u64) -> u64 {
    std::hint::black_box(n).wrapping_mul(31) + 1
}

/// What tasks did together: records a second, and how long a record took at the 99th percentile, in us.
struct Together {
    rate: f64,
    p99: f64,
}

fn ours(runtime: &Runtime, recorder: &Recorder, callers: usize) -> Together {
    let start = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            runtime.spawn(recorder.scope_async(async move {
                let mut taken = Vec::new();
                while start.elapsed() < TIME {
                    let begun = Instant::now();
                    std::hint::black_box(durable_step(7).await);
                    taken.push(begun.elapsed());
                }
                taken
            }))
        })
        .collect();
    let mut taken: Vec<Duration> = runtime.block_on(async { futures_of(tasks).await }).into_iter().flatten().collect();
    let rate = 2.0 * taken.len() as f64 / start.elapsed().as_secs_f64();
    taken.sort_unstable();
    // A call waits for two records, one after the other.
    let p99 = taken.get(taken.len() * 99 / 100).map_or(f64::NAN, |call| call.as_secs_f64() * 1e6 / 2.0);
    Together { rate, p99 }
}

async fn futures_of<T>(tasks: Vec<tokio::task::JoinHandle<T>>) -> Vec<T> {
    let mut results = Vec::with_capacity(tasks.len());
    for task in tasks {
        // A task that panicked has nothing to say.
        results.extend(task.await.ok());
    }
    results
}

fn grouped(runtime: &Runtime, group: &sqlite::Group, callers: usize) -> f64 {
    let start = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let group = group.clone();
            runtime.spawn(async move {
                let mut done = 0u64;
                while start.elapsed() < TIME {
                    done += u64::from(group.add().await);
                }
                done
            })
        })
        .collect();
    let done: u64 = runtime.block_on(async { futures_of(tasks).await }).into_iter().sum();
    done as f64 / start.elapsed().as_secs_f64()
}

/// What the ratios should be: to a transaction for each row, and to group commit.
fn marks(callers: usize) -> (f64, f64) {
    match callers {
        8 => (4.0, 1.5),
        64 => (20.0, 3.0),
        _ => (60.0, 6.0),
    }
}

/// The bench.
pub fn run(callers: usize) -> Outcome<Vec<Row>> {
    let dir = trails::on_disk()?;
    let recorder = trails::recorder(dir.path())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let bench = format!("disk_{callers}");
    let (naive, group) = marks(callers);

    let db = Arc::new(Mutex::new(sqlite::open(&dir.path().join("each.sqlite"), Indexes::ByTrace)?));
    let seq = Arc::new(AtomicU64::new(1));
    let peer = "SQLite FULL, a transaction for each record";
    let what = Comparison { bench: &bench, peer, unit: "records/s", mark: Mark::AtLeast(naive) };
    let each = pairs(
        &what,
        || Ok(ours(&runtime, &recorder, callers).rate),
        || Ok(sqlite::one_each(&db, &seq, callers, TIME)),
    )?;

    let mut rows = vec![each];
    let groups = [
        (Indexes::ByTrace, "the same SQLite behind group commit", Mark::AtLeast(group)),
        (Indexes::InOrder, "group commit, every index key in order: the best case of SQLite", Mark::None),
    ];
    for (indexes, peer, mark) in groups {
        let shared =
            sqlite::Group::new(sqlite::open(&dir.path().join(format!("group-{}.sqlite", rows.len())), indexes)?);
        let what = Comparison { bench: &bench, peer, unit: "records/s", mark };
        let mine = || Ok(ours(&runtime, &recorder, callers).rate);
        rows.push(pairs(&what, mine, || Ok(grouped(&runtime, &shared, callers)))?);
    }

    if callers == 64 {
        let mut raw = Raw::new(dir.path())?;
        let peer = "p99 of a record, to one raw sync";
        let what = Comparison { bench: &bench, peer, unit: "us", mark: Mark::AtMost(5.0) };
        let one_sync = |raw: &mut Raw| -> Outcome<f64> {
            let times: Outcome<Vec<f64>> = (0..500).map(|_| Ok(raw.write()?.as_secs_f64() * 1e6)).collect();
            Ok(median(times?.into_iter()))
        };
        rows.push(pairs(&what, || Ok(ours(&runtime, &recorder, callers).p99), || one_sync(&mut raw))?);
    }
    recorder.close()?;
    Ok(rows)
}
