//! Who may write, and where: an opening is admitted only while filled space remains for it and for the terminals of all
//! that is open. Whoever finds too little waits for the keeper, which fills segments ahead of use.

use super::frame::{self, SEGMENT_HEADER};
use super::settings::Purpose;
use super::writer::{Shared, Stretch, Tail};
use crate::error::{Code, Error};
use crate::seeded;
use parking_lot::MutexGuard;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Bytes kept free for the terminal of each open entry.
pub const TERMINAL_RESERVE: u64 = 2048;

impl Shared {
    /// The end of the stream, for one record. Whoever finds it taken by a write that hangs is refused in time, and at once
    /// where somebody else has found that out before.
    #[inline]
    pub(super) fn end_of_stream(
        &self,
        deadline: &mut Option<Instant>,
        what: &dyn Fn() -> String,
    ) -> Result<MutexGuard<'_, Tail>, Error> {
        if let Some(tail) = self.tail.try_lock() {
            return Ok(tail);
        }
        if let Some(first) = self.commit.poison() {
            return Err(poisoned(what(), first));
        }
        let taken = self.tail.try_lock_until(self.deadline(deadline));
        taken.ok_or_else(|| self.give_up(Error::new(Code::TimedOut, what())))
    }

    /// Returns once the record can be placed; the tail is unlocked while it waits for space.
    pub(super) fn admit(
        &self,
        tail: &mut MutexGuard<'_, Tail>,
        size: u64,
        purpose: Purpose,
        deadline: &mut Option<Instant>,
        what: &dyn Fn() -> String,
    ) -> Result<(), Error> {
        // Failures to make a segment that were there before this caller: it is refused by one that it waited for, and so is
        // everybody else who did.
        let failures = tail.prepare_failures;
        loop {
            if tail.closed && purpose != Purpose::Last {
                return Err(Error::new(Code::Closed, what()));
            }
            if let Some(first) = self.commit.poison() {
                return Err(poisoned(what(), first));
            }
            if matches!(purpose, Purpose::Opening | Purpose::Point) && tail.pending.len() > self.settings.max_pending {
                return Err(Error::new(Code::QueueFull, what()));
            }
            let open = self.open.load(Ordering::Acquire);
            let set_aside = match purpose {
                _ if seeded::is("reserve_ignored") => 0,
                Purpose::Opening => (open + 1) * TERMINAL_RESERVE,
                Purpose::Point => open * TERMINAL_RESERVE,
                Purpose::Terminal | Purpose::Last => 0,
            };
            if tail.room_behind(size).is_some_and(|left| left >= set_aside) {
                return Ok(());
            }
            let segment = size + SEGMENT_HEADER as u64 + TERMINAL_RESERVE;
            tail.wanted_segment = tail.wanted_segment.max(segment);
            tail.wanted_size = tail.wanted_size.max(segment + set_aside);
            self.bell.ring();
            if let Some(failed) = tail.prepare_failed.clone().filter(|_| tail.prepare_failures != failures) {
                return Err(Error::caused_by(Code::StorageFull, what(), failed));
            }
            if self.space.wait_until(tail, self.deadline(deadline)).timed_out() {
                return Err(self.give_up(Error::new(Code::TimedOut, what()).detail("no segment was ready")));
            }
        }
    }

    /// Goes on in the next ready segment.
    pub(super) fn rotate(&self, tail: &mut Tail) -> Result<(), Error> {
        self.flush(tail)?;
        let Some(next) = tail.ready.pop_front() else {
            return Err(Error::new(Code::StorageFull, format!("taking the next segment of stream {}", self.stream)));
        };
        let old = std::mem::replace(&mut tail.file, next.file);
        tail.to_hash.push_back(Stretch { file: Arc::clone(&old), number: tail.number, end: tail.pos });
        tail.retired.push((old, tail.size));
        tail.number = next.number;
        tail.size = next.size;
        tail.map = next.map;
        tail.pos = SEGMENT_HEADER as u64;
        tail.seed = frame::seed(self.stream, next.number);
        let header = self.segment_header(tail);
        tail.pending.extend_from_slice(&header);
        // A kill here leaves a segment of zeros, which readers take for unused.
        self.flush(tail)?;
        self.bell.ring();
        Ok(())
    }
}

fn poisoned(what: String, first: Error) -> Error {
    let code = if first.is_capacity() { Code::StorageFull } else { Code::Poisoned };
    Error::caused_by(code, what, first)
}

impl Tail {
    /// Filled bytes that terminals can take once a record of `size` bytes stands where it would: here, or in the first
    /// ready segment that is large enough, with all before it left behind. `None` when it fits nowhere.
    fn room_behind(&self, size: u64) -> Option<u64> {
        let usable = |bytes: u64| bytes.saturating_sub(TERMINAL_RESERVE);
        let mut places = std::iter::once(self.size - self.pos)
            .chain(self.ready.iter().map(|ready| ready.size - SEGMENT_HEADER as u64))
            .skip_while(|free| *free < size);
        let here = places.next()? - size;
        // The end of each segment but the last may be too short for a terminal.
        Some(places.fold((here, here), |(last, sum), next| (next, sum - last + usable(last) + next)).1)
    }
}
