//! Entries while no recorder is there: the body runs, the entry is counted, and the first record after a later install
//! tells of them.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::error::{Code, Error};
use crate::site::{Registered, Site};

/// One count a thread, so that counting costs a load and a store; the table sums them up.
static COUNTS: Mutex<Vec<Arc<AtomicU64>>> = Mutex::new(Vec::new());

struct Mine(Arc<AtomicU64>);

impl Mine {
    fn new() -> Mine {
        let count = Arc::new(AtomicU64::new(0));
        COUNTS.lock().push(Arc::clone(&count));
        Mine(count)
    }

    /// Only this thread writes its count, and [`take_uninstalled`] swaps it, so a plain add could undo a swap; hence the exchange.
    fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

thread_local! {
    static MINE: RefCell<Option<Mine>> = const { RefCell::new(None) };
}

/// Counts an entry that runs without a recorder.
#[inline]
pub(crate) fn count(site: &'static Site) {
    if !site.missed.load(Ordering::Relaxed) {
        site.missed.store(true, Ordering::Relaxed);
    }
    let _counted = MINE.try_with(|mine| {
        if let Ok(mut mine) = mine.try_borrow_mut() {
            mine.get_or_insert_with(Mine::new).add();
        }
    });
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
    let total = counts.iter().map(|count| count.swap(0, Ordering::Relaxed)).sum();
    // Counts of threads that have ended are held by the table alone.
    counts.retain(|count| Arc::strong_count(count) > 1);
    let mut sites: Vec<String> = inventory::iter::<Registered>
        .into_iter()
        .filter_map(|registered| match registered {
            Registered::Site(site) if site.missed.swap(false, Ordering::Relaxed) => Some(site.node_name()),
            Registered::Site(_) | Registered::LeftOut(_) => None,
        })
        .collect();
    sites.sort();
    (total, sites)
}
