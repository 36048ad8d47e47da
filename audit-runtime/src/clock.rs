//! Time as a value: wall time for people, monotonic time for durations and deadlines.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Where a recorder takes its times from.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Nanoseconds since 1970 UTC. May step in any direction.
    fn wall_ns(&self) -> i64;
    /// Nanoseconds since some fixed point. Never decreases.
    fn mono_ns(&self) -> u64;
    /// Both, wall time first. A clock that can tell both for the price of one does.
    fn now(&self) -> (i64, u64) {
        (self.wall_ns(), self.mono_ns())
    }
}

/// How long the difference between the two clocks is taken to stand.
const SAME_DIFFERENCE_NS: u64 = 1_000_000;

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    start: Instant,
    /// Wall time less monotonic time, as last measured.
    difference: AtomicI64,
    /// When the difference has to be measured again, monotonic.
    stale_at: AtomicU64,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    #[must_use]
    pub fn new() -> Self {
        SystemClock { start: Instant::now(), difference: AtomicI64::new(0), stale_at: AtomicU64::new(0) }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn wall_ns(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_nanos()).unwrap_or(i64::MAX),
        }
    }

    fn mono_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    // A record needs both times and a clock read is a good part of its cost. A step of the wall clock shows a
    // millisecond later at most, which no reader of wall times can tell.
    fn now(&self) -> (i64, u64) {
        let mono = self.mono_ns();
        let signed = i64::try_from(mono).unwrap_or(i64::MAX);
        if mono < self.stale_at.load(Ordering::Acquire) {
            return (signed.saturating_add(self.difference.load(Ordering::Relaxed)), mono);
        }
        let wall = self.wall_ns();
        self.difference.store(wall.saturating_sub(signed), Ordering::Relaxed);
        self.stale_at.store(mono.saturating_add(SAME_DIFFERENCE_NS), Ordering::Release);
        (wall, mono)
    }
}

/// A clock that moves only when told to, for tests.
#[derive(Debug, Default)]
pub struct ManualClock {
    wall: AtomicI64,
    mono: AtomicU64,
}

impl ManualClock {
    /// Starts at this wall time, monotonic 0.
    #[must_use]
    pub fn at(wall_ns: i64) -> Self {
        ManualClock { wall: AtomicI64::new(wall_ns), mono: AtomicU64::new(0) }
    }

    /// Moves both clocks forward.
    pub fn advance(&self, ns: u64) {
        self.mono.fetch_add(ns, Ordering::SeqCst);
        self.wall.fetch_add(i64::try_from(ns).unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    /// Steps the wall clock alone, in any direction.
    pub fn step_wall(&self, ns: i64) {
        self.wall.fetch_add(ns, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn wall_ns(&self) -> i64 {
        self.wall.load(Ordering::SeqCst)
    }

    fn mono_ns(&self) -> u64 {
        self.mono.load(Ordering::SeqCst)
    }
}
