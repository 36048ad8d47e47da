//! Pairs: ours and the peer in turns, so that what disturbs one disturbs the other. A pair beside which other programs
//! used too much of the machine does not count.

use crate::machine::{Busy, thread_seconds};
use crate::row::{Mark, Row};
use std::error::Error;
use std::time::Instant;

/// What benches return.
pub type Outcome<T> = Result<T, Box<dyn Error>>;

/// Pairs that have to count.
const PAIRS: usize = 5;
/// Pairs that are tried for that.
const TRIES: usize = 12;
/// Share of a core that others may use during a pair.
const FOREIGN: f64 = 0.30;

/// What is compared, and in what.
pub struct Comparison<'a> {
    /// The bench.
    pub bench: &'a str,
    /// The peer.
    pub peer: &'a str,
    /// Unit of both results.
    pub unit: &'static str,
    /// What the ratio should be.
    pub mark: Mark,
}

struct Pair {
    ours: f64,
    peers: f64,
    foreign: f64,
}

/// Alternates ours and the peer until enough quiet pairs are there. If there are none within the bound, the quietest
/// ones count and the row says that it is noisy.
pub fn pairs(
    what: &Comparison<'_>,
    mut ours: impl FnMut() -> Outcome<f64>,
    mut peer: impl FnMut() -> Outcome<f64>,
) -> Outcome<Row> {
    let mut done: Vec<Pair> = Vec::new();
    for turn in 0..TRIES {
        if done.iter().filter(|pair| pair.foreign <= FOREIGN).count() >= PAIRS {
            break;
        }
        let (before, start) = (Busy::now(), Instant::now());
        // Who goes first changes, so that neither always finds the caches warm.
        let (mine, theirs) = if turn % 2 == 0 {
            let mine = ours()?;
            (mine, peer()?)
        } else {
            let theirs = peer()?;
            (ours()?, theirs)
        };
        let foreign = Busy::now().foreign_since(&before, start.elapsed());
        done.push(Pair { ours: mine, peers: theirs, foreign });
    }
    done.sort_by(|a, b| a.foreign.total_cmp(&b.foreign));
    let quiet = done.iter().filter(|pair| pair.foreign <= FOREIGN).count();
    done.truncate(quiet.max(PAIRS));
    let ratios: Vec<f64> = done.iter().map(|pair| pair.ours / pair.peers).collect();
    Ok(Row {
        bench: what.bench.to_owned(),
        peer: what.peer.to_owned(),
        ours: median(done.iter().map(|pair| pair.ours)),
        peers: median(done.iter().map(|pair| pair.peers)),
        unit: what.unit,
        ratio: median(ratios.iter().copied()),
        spread: (
            ratios.iter().copied().fold(f64::INFINITY, f64::min),
            ratios.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        ),
        pairs: done.len(),
        noisy: quiet < PAIRS,
        mark: what.mark,
    })
}

/// The middle of some results; of an even number, the upper middle.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Processor time of this thread for one call, in ns, over `n` calls.
pub fn ns_per_call(n: u64, mut call: impl FnMut(u64)) -> f64 {
    let start = thread_seconds();
    (0..n).for_each(&mut call);
    (thread_seconds() - start) * 1e9 / n as f64
}

/// Calls in a second of this thread's processor time, over `n` calls.
pub fn per_second(n: u64, call: impl FnMut(u64)) -> f64 {
    1e9 / ns_per_call(n, call)
}
