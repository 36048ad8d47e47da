//! Deadlines for futures, whatever runtime polls them: one thread that sleeps until the next one is due and wakes whoever
//! waits for it.

use crate::error::{Code, Error};
use parking_lot::{Condvar, Mutex};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// Who is to be woken, by time; the number tells alarms of one instant apart.
#[derive(Default)]
struct Clock {
    due: BTreeMap<(Instant, u64), Waker>,
    runs: bool,
}

static CLOCK: Mutex<Clock> = Mutex::new(Clock { due: BTreeMap::new(), runs: false });
static CHANGED: Condvar = Condvar::new();
static NUMBERS: AtomicU64 = AtomicU64::new(0);

/// A time that will come. Dropped, nobody is woken.
#[derive(Debug)]
pub(super) struct Alarm {
    at: Instant,
    number: u64,
}

impl Alarm {
    /// Goes off after this long; a time that the clock cannot hold never comes.
    ///
    /// # Errors
    /// `AUD0201` when the thread that watches cannot be started.
    pub(super) fn after(timeout: Duration) -> Result<Alarm, Error> {
        let mut clock = CLOCK.lock();
        if !clock.runs {
            let spawned = std::thread::Builder::new().name("audit-alarm".to_owned()).spawn(watch);
            spawned
                .map_err(|cause| Error::io(Code::StorageFailed, "starting the thread that watches deadlines", cause))?;
            clock.runs = true;
        }
        let now = Instant::now();
        let never = Duration::from_secs(100 * 365 * 24 * 3600);
        let at = now.checked_add(timeout.min(never)).unwrap_or(now);
        Ok(Alarm { at, number: NUMBERS.fetch_add(1, Ordering::Relaxed) })
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.at {
            return Poll::Ready(());
        }
        let mut clock = CLOCK.lock();
        let first = clock.due.first_key_value().is_none_or(|(due, _)| (self.at, self.number) < *due);
        clock.due.insert((self.at, self.number), cx.waker().clone());
        if first {
            CHANGED.notify_one();
        }
        Poll::Pending
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        CLOCK.lock().due.remove(&(self.at, self.number));
    }
}

fn watch() {
    let mut clock = CLOCK.lock();
    loop {
        match clock.due.first_key_value().map(|((at, _), _)| *at) {
            None => CHANGED.wait(&mut clock),
            Some(at) if Instant::now() < at => drop(CHANGED.wait_until(&mut clock, at)),
            Some(_) => {
                let due = clock.due.pop_first();
                // A waker is the runtime's code: it must not run under our lock.
                parking_lot::MutexGuard::unlocked(&mut clock, || due.into_iter().for_each(|(_, waker)| waker.wake()));
            }
        }
    }
}
