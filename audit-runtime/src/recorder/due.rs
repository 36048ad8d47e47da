//! What the runs of this process expect, in the order of their deadlines: whoever declares adds to it, whoever acknowledges
//! takes from it, and the watcher of deadlines reads it.

use crate::contract::Subject;
use crate::model::RunId;
use parking_lot::{Condvar, Mutex};
use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Something that is expected.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    pub(crate) run: RunId,
    pub(crate) subject: Subject,
    pub(crate) within: Duration,
}

/// Deadline on the recorder's clock, and the order of declaration.
pub(crate) type DueKey = (u64, u64);

/// What the list and its watcher know.
#[derive(Default)]
pub(crate) struct Watched {
    pub(crate) due: BTreeMap<DueKey, Due>,
    declared: u64,
    /// A thread watches, or ought to.
    pub(crate) running: bool,
    /// Which thread: one that was given up finds another number here and ends.
    pub(crate) shift: u64,
    /// Its last sign of life.
    pub(crate) beat: Option<Instant>,
}

/// The list.
#[derive(Default)]
pub(crate) struct Dues {
    pub(crate) state: Mutex<Watched>,
    pub(crate) bell: Condvar,
    /// Wakes the watcher, or starts it.
    pub(crate) wake: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl Dues {
    /// A run expects this since `since_ns` on the recorder's clock.
    pub(crate) fn expect(&self, run: RunId, subject: Subject, since_ns: u64, within: Duration) {
        let at_ns = since_ns.saturating_add(u64::try_from(within.as_nanos()).unwrap_or(u64::MAX));
        let mut state = self.state.lock();
        state.declared += 1;
        let key = (at_ns, state.declared);
        state.due.insert(key, Due { run, subject, within });
        drop(state);
        if let Some(wake) = self.wake.get() {
            wake();
        }
    }

    /// An action has succeeded: the first of its expectations is met.
    pub(crate) fn met(&self, run: RunId, subject: &Subject) {
        let mut state = self.state.lock();
        let key = state.due.iter().find(|(_, due)| due.run == run && due.subject == *subject).map(|(key, _)| *key);
        key.into_iter().for_each(|key| drop(state.due.remove(&key)));
    }

    /// The run's contract is closed, or others go on with it.
    pub(crate) fn over(&self, run: RunId) {
        self.state.lock().due.retain(|_, due| due.run != run);
    }
}
