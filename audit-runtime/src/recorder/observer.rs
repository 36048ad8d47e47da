//! Observers see acknowledged records only, so telemetry can never claim more than the evidence. One that fails, be it
//! by a panic, is counted and costs nobody else anything.

use super::RunSummary;
use crate::model::record::Header;
use crate::model::{Id, StreamId};
use parking_lot::RwLock;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// An acknowledged record.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Its place.
    pub id: Id,
    /// Its fixed part.
    pub header: &'a Header,
    /// Its body, as stored.
    pub body: &'a [u8],
}

/// Something that is told of acknowledged records: a mirror, metrics. What it records itself while it is told of one is
/// told to nobody.
pub trait Observer: Send + Sync {
    /// One record is acknowledged. Called on the thread that wrote it; must not block.
    fn seen(&self, record: Seen<'_>);

    /// How many records it could not take, because its queue was full for example; part of
    /// [`Health::observer_drops`](super::Health::observer_drops).
    fn drops(&self) -> u64 {
        0
    }

    /// The end of a run is acknowledged.
    fn run_ended(&self, summary: &RunSummary) {
        let _ = summary;
    }
}

thread_local! {
    static TELLING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside an observer: what happens there is no part of the program that is audited.
pub(crate) fn is_telling() -> bool {
    TELLING.try_with(Cell::get).unwrap_or(false)
}

#[derive(Default)]
pub(super) struct Observers {
    any: AtomicBool,
    list: RwLock<Vec<Arc<dyn Observer>>>,
    drops: AtomicU64,
}

impl Observers {
    pub(super) fn add(&self, observer: Arc<dyn Observer>) {
        self.list.write().push(observer);
        self.any.store(true, Ordering::Release);
    }

    pub(super) fn remove(&self, observer: &Arc<dyn Observer>) {
        let mut list = self.list.write();
        let before = list.len();
        list.retain(|other| !Arc::ptr_eq(other, observer));
        if list.len() < before {
            self.count_drops(observer.drops());
        }
        self.any.store(!list.is_empty(), Ordering::Release);
    }

    pub(super) fn drops(&self) -> u64 {
        let theirs: u64 = self.list.read().iter().map(|observer| observer.drops()).sum();
        self.drops.load(Ordering::Relaxed) + theirs
    }

    pub(super) fn count_drops(&self, drops: u64) {
        self.drops.fetch_add(drops, Ordering::Relaxed);
    }

    pub(super) fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    pub(super) fn tell(&self, header: &Header, body: &[u8], stream: StreamId) {
        let seen = Seen { id: Id::new(stream, header.seq), header, body };
        self.each(|observer| observer.seen(seen));
    }

    pub(super) fn run_ended(&self, summary: &RunSummary) {
        self.each(|observer| observer.run_ended(summary));
    }

    fn each(&self, tell: impl Fn(&dyn Observer)) {
        if !self.any() || TELLING.try_with(|telling| telling.replace(true)).unwrap_or(true) {
            return;
        }
        let observers = self.list.read().clone();
        for observer in observers {
            if catch_unwind(AssertUnwindSafe(|| tell(&*observer))).is_err() {
                self.count_drops(1);
            }
        }
        let _told = TELLING.try_with(|telling| telling.set(false));
    }
}
