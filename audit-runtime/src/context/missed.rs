//! Entries while no recorder is there: the body runs, the entry is counted, and the first record after a later install
//! tells of them.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::error::{Code, Error};
use crate::seeded;
use crate::site::{Site, take_missed};

/// A count that one thread at a time moves on, and how much of it has been told. Only its thread writes it, so that
/// counting costs a load and a store; who reads it takes nothing away but remembers how far it has read.
struct Counted {
    count: &'static AtomicU64,
    told: u64,
    /// Whether a living thread has it. One that has ended leaves its count to the next thread, so that there are never
    /// more of them than threads at one time.
    taken: bool,
}

static COUNTS: Mutex<Vec<Counted>> = Mutex::new(Vec::new());
/// Taken, and not written after all.
static UNTOLD: Mutex<(u64, Vec<String>)> = Mutex::new((0, Vec::new()));

thread_local! {
    // No destructor, so that reaching it is one load: what is to be done at the thread's end is `LEAVE`'s.
    static MINE: Cell<Option<&'static AtomicU64>> = const { Cell::new(None) };
    static LEAVE: Leave = const { Leave };
}

/// Gives the thread's count back when the thread ends.
struct Leave;

impl Drop for Leave {
    fn drop(&mut self) {
        // Destructors that run behind this one may still enter audited code: they take a count anew and keep it.
        let mine = MINE.take();
        let mut counts = COUNTS.lock();
        counts
            .iter_mut()
            .filter(|counted| mine.is_some_and(|mine| std::ptr::eq(mine, counted.count)))
            .for_each(|counted| counted.taken = false);
    }
}

/// Whether an entry runs without a recorder, and nothing is left to ask. It is counted then.
#[inline]
pub(crate) fn passes(site: &'static Site) -> bool {
    let passing = site.is_passing();
    if passing && !seeded::is("passing_uncounted") {
        tick();
    }
    passing
}

/// Counts an entry that runs without a recorder.
pub(crate) fn count(site: &'static Site) {
    site.missed.store(true, Ordering::Relaxed);
    tick();
    if super::is_off() {
        site.let_pass();
    }
}

#[inline]
fn tick() {
    match MINE.get() {
        Some(mine) => mine.store(mine.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed),
        None => tick_first(),
    }
}

#[cold]
fn tick_first() {
    let mut counts = COUNTS.lock();
    let count = match counts.iter_mut().find(|counted| !counted.taken) {
        Some(left) => {
            left.taken = true;
            left.count
        }
        None => {
            let count: &'static AtomicU64 = Box::leak(Box::default());
            counts.push(Counted { count, told: 0, taken: true });
            count
        }
    };
    drop(counts);
    count.store(count.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    MINE.set(Some(count));
    // From now on the end of the thread is seen, unless it is ending already.
    let _watched = LEAVE.try_with(|_| ());
}

/// No recorder is there: may the body run?
///
/// # Errors
/// `AUD0109` when `AUDIT_REQUIRED=1` asks for a recorder.
#[cold]
pub(crate) fn admit(site: &'static Site) -> Result<(), Error> {
    if super::is_required() {
        return Err(Error::new(Code::NotInstalled, format!("entering {}", site.node_name())));
    }
    count(site);
    Ok(())
}

/// Entries that ran without a recorder since the process began, told of or not.
pub(crate) fn uninstalled_so_far() -> u64 {
    let counts = COUNTS.lock();
    counts.iter().fold(0, |sum, counted| sum.wrapping_add(counted.count.load(Ordering::Relaxed)))
}

/// Entries that ran without a recorder since the last call, and the names of their nodes.
pub(crate) fn take_uninstalled() -> (u64, Vec<String>) {
    let (mut total, untold) = std::mem::take(&mut *UNTOLD.lock());
    let mut counts = COUNTS.lock();
    for counted in counts.iter_mut() {
        let now = counted.count.load(Ordering::Relaxed);
        total += now.wrapping_sub(counted.told);
        counted.told = now;
    }
    drop(counts);
    let mut sites: Vec<String> = untold.into_iter().chain(take_missed().map(Site::node_name)).collect();
    sites.sort();
    sites.dedup();
    (total, sites)
}

/// What was taken could not be written: whoever asks next is told of it again.
pub(crate) fn still_untold(count: u64, sites: Vec<String>) {
    let mut untold = UNTOLD.lock();
    untold.0 += count;
    untold.1.extend(sites);
}
