//! Entries while no recorder is there: the body runs, the entry is counted, and the first record after a later install
//! tells of them.

use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::error::{Code, Error};
use crate::site::{Registered, Site};

/// What one thread has counted, and how much of it has been told. Only its thread writes the count, so that counting
/// costs a load and a store; who reads it takes nothing away but remembers how far it has read.
struct Counted {
    count: Arc<AtomicU64>,
    told: u64,
}

static COUNTS: Mutex<Vec<Counted>> = Mutex::new(Vec::new());

thread_local! {
    static MINE: OnceCell<Arc<AtomicU64>> = const { OnceCell::new() };
}

/// Counts an entry that runs without a recorder.
#[inline]
pub(crate) fn count(site: &'static Site) {
    if !site.missed.load(Ordering::Relaxed) {
        site.missed.store(true, Ordering::Relaxed);
    }
    let _counted = MINE.try_with(|mine| match mine.get() {
        Some(mine) => mine.store(mine.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed),
        None => count_first(mine),
    });
}

#[cold]
fn count_first(mine: &OnceCell<Arc<AtomicU64>>) {
    let count = Arc::new(AtomicU64::new(1));
    COUNTS.lock().push(Counted { count: Arc::clone(&count), told: 0 });
    // Set already only if counting got here again from inside: both counts are in the table.
    drop(mine.set(count));
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

/// Entries that ran without a recorder since the last call, and the names of their nodes.
pub(crate) fn take_uninstalled() -> (u64, Vec<String>) {
    let mut counts = COUNTS.lock();
    let mut total = 0;
    // Counts of threads that have ended are held by the table alone.
    counts.retain_mut(|counted| {
        let ended = Arc::strong_count(&counted.count) == 1;
        let now = counted.count.load(Ordering::Relaxed);
        total += now.wrapping_sub(counted.told);
        counted.told = now;
        !ended
    });
    drop(counts);
    let mut sites: Vec<String> = inventory::iter::<Registered>
        .into_iter()
        .filter_map(|registered| match registered {
            Registered::Site(site) if site.missed.swap(false, Ordering::Relaxed) => Some(site.node_name()),
            Registered::Site(_) | Registered::LeftOut(_) | Registered::Contract(_) | Registered::ByHand(_) => None,
        })
        .collect();
    sites.sort();
    (total, sites)
}
