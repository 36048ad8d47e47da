//! Group commit: callers who need `Disk` share one sync. One thread per stream writes and syncs for all of them, so that
//! a device that hangs holds that thread and no caller: each caller gives up after `ack_timeout`.
//!
//! ```text
//! append ──→ Pending ──wait / poll──→ registered ──┐
//!                                                  ├─ durable > seq → acknowledged
//! io thread: gather → flush → sync → durable ──────┤
//!                                 └─ error → poison ┴─ refused or in doubt
//! ```

use crate::error::{Code, Error};
use parking_lot::{Condvar, Mutex};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

/// A record that is in the stream and waits for the durability that was promised for it.
#[derive(Debug)]
#[must_use = "nothing is recorded until this is acknowledged"]
pub struct Pending {
    pub(super) seq: u64,
    /// `None` when the append itself kept the promise.
    pub(super) deadline: Option<Instant>,
    registered: bool,
}

impl Pending {
    pub(crate) fn kept(seq: u64) -> Pending {
        Pending { seq, deadline: None, registered: false }
    }

    pub(super) fn until(seq: u64, deadline: Instant) -> Pending {
        Pending { seq, deadline: Some(deadline), registered: false }
    }

    /// The record's sequence.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Whether the promise is kept already.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.deadline.is_none()
    }
}

struct Waiter {
    seq: u64,
    deadline: Instant,
    waker: Waker,
}

/// Wakes a parked thread.
struct Parked(std::thread::Thread);

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

thread_local! {
    static PARKED: Waker = this_thread();
}

fn this_thread() -> Waker {
    Waker::from(Arc::new(Parked(std::thread::current())))
}

/// Wakes each of them, whatever a waker of somebody else's executor does: one that panics must cost nobody else his
/// answer, nor the thread that gives it.
fn wake_all(waiters: Vec<Waiter>) {
    for waiter in waiters {
        drop(catch_unwind(AssertUnwindSafe(|| waiter.waker.wake())));
    }
}

#[derive(Default)]
struct Work {
    /// Every record below this sequence is to be synced.
    wanted: u64,
    sleeping: bool,
    stop: bool,
}

/// A sync that has returned: what the next one can expect.
#[derive(Default)]
pub(super) struct Group {
    /// Callers who were answered, and those who waited already for the next sync.
    pub(super) callers: usize,
    /// How long the device took.
    pub(super) took: Duration,
}

/// The meeting point of callers and the io thread.
#[derive(Default)]
pub(super) struct Commit {
    work: Mutex<Work>,
    wake: Condvar,
    durable: AtomicU64,
    waiters: Mutex<Vec<Waiter>>,
    waiting: AtomicUsize,
    poisoned: AtomicBool,
    poison: Mutex<Option<Error>>,
    /// Start of the sync that is under way, in ns of the io thread's clock; 0 when there is none.
    syncing_since: Mutex<Option<Instant>>,
}

/// How long the io thread waits for the callers it has just answered to come back: about what it takes to wake a sleeping
/// thread, longer on a slow device, and never longer than the sync that it saves.
const GATHER: Duration = Duration::from_micros(100);
/// Groups above this are bound by the processor: gathering would only cost.
const GATHER_AT_MOST: usize = 256;
/// A device that hung once says nothing of the next sync: nobody waits longer than this for those who may come back, and
/// the processor is not kept busy for longer either.
const GATHER_LONGEST: Duration = Duration::from_millis(20);

/// How long the io thread waits for those it has just answered, by how long the device took for them.
fn patience(took: Duration) -> Duration {
    GATHER.max(took / 4).min(took).min(GATHER_LONGEST)
}

impl Commit {
    /// Everything below is on the device.
    pub(super) fn durable(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    /// The first failure, if any.
    pub(super) fn poison(&self) -> Option<Error> {
        if self.poisoned.load(Ordering::Acquire) { self.poison.lock().clone() } else { None }
    }

    /// Keeps the first failure and tells everybody who waits.
    pub(super) fn set_poison(&self, error: Error) {
        self.poison.lock().get_or_insert(error);
        self.poisoned.store(true, Ordering::Release);
        let waiters = std::mem::take(&mut *self.waiters.lock());
        self.waiting.store(0, Ordering::Relaxed);
        wake_all(waiters);
    }

    /// Asks for a sync of everything below `wanted`.
    pub(super) fn request(&self, wanted: u64) {
        let mut work = self.work.lock();
        work.wanted = work.wanted.max(wanted);
        if work.sleeping {
            self.wake.notify_one();
        }
    }

    /// Lets the io thread end once what was asked is done.
    pub(super) fn stop(&self) {
        self.work.lock().stop = true;
        self.wake.notify_all();
    }

    /// Blocks the io thread until there is work, and until those who were answered last had a moment to join it; false when
    /// the thread should end.
    pub(super) fn await_work(&self, last: &Group) -> bool {
        // Before it sleeps: whoever was answered is likely to be back in less time than waking a thread takes.
        self.gather(last);
        let (mut slept, mut work) = (false, self.work.lock());
        while work.wanted <= self.durable() || self.poisoned.load(Ordering::Acquire) {
            if work.stop {
                return false;
            }
            work.sleeping = true;
            self.wake.wait(&mut work);
            work.sleeping = false;
            slept = true;
        }
        drop(work);
        if slept {
            self.gather(last);
        }
        true
    }

    /// Waits a moment for those who were answered last, so that they share the next sync with those who have come since:
    /// full groups instead of two halves that wait for each other's sync. No cost when alone.
    fn gather(&self, last: &Group) {
        if !(2..=GATHER_AT_MOST).contains(&last.callers) {
            return;
        }
        let (start, patience) = (Instant::now(), patience(last.took));
        while self.waiting.load(Ordering::Relaxed) < last.callers && start.elapsed() < patience {
            std::thread::yield_now();
        }
    }

    /// Marks the sync as under way, so that the watcher sees one that hangs.
    pub(super) fn sync_begins(&self) {
        *self.syncing_since.lock() = Some(Instant::now());
    }

    /// The sync has returned; how long it took.
    pub(super) fn sync_ends(&self) -> Duration {
        self.syncing_since.lock().take().map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Whether something was asked for that is not answered yet.
    pub(super) fn is_busy(&self) -> bool {
        let asked = self.work.lock().wanted > self.durable();
        asked && !self.poisoned.load(Ordering::Acquire)
    }

    /// How long the current sync has lasted.
    pub(super) fn syncing_for(&self) -> Option<Duration> {
        self.syncing_since.lock().map(|since| since.elapsed())
    }

    /// Everything below `durable` is on the device: wakes those who waited for it; returns how many callers there are, those
    /// who came too late for this sync included.
    pub(super) fn acknowledge(&self, durable: u64) -> usize {
        self.durable.fetch_max(durable, Ordering::Release);
        let mut waiters = self.waiters.lock();
        let mut done = Vec::with_capacity(waiters.len());
        let mut at = 0;
        while at < waiters.len() {
            if waiters[at].seq < durable {
                done.push(waiters.swap_remove(at));
            } else {
                at += 1;
            }
        }
        self.waiting.store(waiters.len(), Ordering::Relaxed);
        let callers = done.len() + waiters.len();
        drop(waiters);
        wake_all(done);
        callers
    }

    /// Wakes those whose time is up; returns whether anybody still waits.
    pub(super) fn expire(&self) -> bool {
        let now = Instant::now();
        let mut waiters = self.waiters.lock();
        let mut late = Vec::new();
        let mut at = 0;
        while at < waiters.len() {
            if waiters[at].deadline <= now {
                late.push(waiters.swap_remove(at));
            } else {
                at += 1;
            }
        }
        self.waiting.store(waiters.len(), Ordering::Relaxed);
        let some_wait = !waiters.is_empty();
        drop(waiters);
        wake_all(late);
        some_wait
    }

    /// What is known of a pending record now; `None` when it still waits.
    fn known(&self, pending: &Pending) -> Option<Result<(), Error>> {
        if pending.is_kept() || self.durable() > pending.seq {
            return Some(Ok(()));
        }
        self.poison().map(Err)
    }

    /// What is said to one who has waited until `deadline`.
    fn overdue(&self, deadline: Instant) -> Option<Result<(), Error>> {
        (deadline <= Instant::now()).then(|| {
            let error = Error::new(Code::TimedOut, "waiting for the acknowledgement of a record");
            self.set_poison(error.clone());
            Err(error)
        })
    }

    fn register(&self, pending: &Pending, deadline: Instant, waker: Waker) {
        let mut waiters = self.waiters.lock();
        waiters.push(Waiter { seq: pending.seq, deadline, waker });
        self.waiting.store(waiters.len(), Ordering::Relaxed);
    }

    /// Blocks until the promise is kept, the journal fails or the time is up.
    pub(super) fn wait(&self, pending: Pending) -> Result<(), Error> {
        let mut registered = false;
        loop {
            if let Some(known) = self.known(&pending) {
                return known;
            }
            let Some(deadline) = pending.deadline else { return Ok(()) };
            if !registered {
                // A thread that ends may have lost its waker already.
                self.register(&pending, deadline, PARKED.try_with(Clone::clone).unwrap_or_else(|_| this_thread()));
                registered = true;
                continue;
            }
            if let Some(overdue) = self.overdue(deadline) {
                return overdue;
            }
            std::thread::park_timeout(deadline.saturating_duration_since(Instant::now()));
        }
    }

    /// As [`wait`](Commit::wait), for tasks: never blocks, the waker is called when something is known.
    pub(super) fn poll(&self, pending: &mut Pending, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if let Some(known) = self.known(pending) {
            return Poll::Ready(known);
        }
        let Some(deadline) = pending.deadline else { return Poll::Ready(Ok(())) };
        // The clock is read only by who has waited already: on the first poll the deadline was set a moment ago.
        if pending.registered {
            if let Some(overdue) = self.overdue(deadline) {
                return Poll::Ready(overdue);
            }
            if self.rewake(pending.seq, cx.waker()) {
                return Poll::Pending;
            }
        }
        self.register(pending, deadline, cx.waker().clone());
        pending.registered = true;
        // One more look: the acknowledgement may have come between the first one and the registration.
        self.known(pending).map_or(Poll::Pending, Poll::Ready)
    }

    /// Points an existing registration at the waker of this poll; false when it was taken out meanwhile.
    fn rewake(&self, seq: u64, waker: &Waker) -> bool {
        let mut waiters = self.waiters.lock();
        match waiters.iter_mut().find(|w| w.seq == seq) {
            Some(waiter) => {
                waiter.waker.clone_from(waker);
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gathering_is_shorter_than_the_sync_that_it_saves_and_never_long() {
        let ms = Duration::from_millis;
        assert_eq!(patience(Duration::from_micros(30)), Duration::from_micros(30), "a fast device");
        assert_eq!(patience(Duration::from_micros(200)), GATHER);
        assert_eq!(patience(ms(20)), ms(5), "a slow one");
        // One that hung for nine seconds, and answered just in time for callers who wait for ten.
        assert_eq!(patience(ms(9000)), GATHER_LONGEST);
    }
}
