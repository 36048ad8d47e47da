//! Observers see acknowledged records only, so telemetry can never claim more than the evidence. One that panics is
//! counted and costs nobody else anything.

use crate::model::record::Header;
use crate::model::{Id, StreamId};
use parking_lot::RwLock;
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

/// Something that is told of acknowledged records: a mirror, metrics.
pub trait Observer: Send + Sync {
    /// One record is acknowledged. Called on the thread that wrote it; must not block.
    fn seen(&self, record: Seen<'_>);
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

    pub(super) fn drops(&self) -> u64 {
        self.drops.load(Ordering::Relaxed)
    }

    pub(super) fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    pub(super) fn tell(&self, header: &Header, body: &[u8], stream: StreamId) {
        if !self.any() {
            return;
        }
        let seen = Seen { id: Id::new(stream, header.seq), header, body };
        let observers = self.list.read().clone();
        for observer in observers {
            if catch_unwind(AssertUnwindSafe(|| observer.seen(seen))).is_err() {
                self.drops.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}
