//! The threads of a stream. `io` syncs for all who wait; `keeper` fills segments ahead of use and hashes what is stored;
//! `watch` does no I/O, so that it sees a device that hangs: it asks for the background sync and ends waiting in time.

use super::admission::TERMINAL_RESERVE;
use super::commit::Group;
use super::frame::{self, Found, SEGMENT_HEADER};
use super::window::{make_room, read_full};
use super::writer::{Hashed, Ready, Shared, Stretch};
use crate::error::{Code, Error};
use parking_lot::{Condvar, Mutex};
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often segments that could not be made are tried again, and how often the tree moves on.
const KEEPER_TICK: Duration = Duration::from_millis(200);
/// How long the watcher stands in the queue for a look at the stream's end; a write that hangs keeps it no longer.
const GLANCE: Duration = Duration::from_millis(20);
/// Bytes that the keeper reads back at once.
const HASH_PIECE: usize = 1 << 20;

/// Wakes a thread that would otherwise sleep for its tick.
#[derive(Default)]
pub(super) struct Bell {
    state: Mutex<BellState>,
    wake: Condvar,
}

#[derive(Default)]
struct BellState {
    rung: bool,
    stopped: bool,
}

impl Bell {
    /// Wakes the thread.
    pub(super) fn ring(&self) {
        let mut state = self.state.lock();
        if !state.rung {
            state.rung = true;
            self.wake.notify_one();
        }
    }

    /// Ends the thread.
    pub(super) fn stop(&self) {
        self.state.lock().stopped = true;
        self.wake.notify_all();
    }

    /// Sleeps for `tick`, rung or not; false when the thread should end.
    fn pause(&self, tick: Duration) -> bool {
        let mut state = self.state.lock();
        let until = Instant::now() + tick;
        while !state.stopped && !self.wake.wait_until(&mut state, until).timed_out() {}
        !state.stopped
    }

    /// Sleeps until rung, at most `tick`; false when the thread should end.
    fn sleep(&self, tick: Option<Duration>) -> bool {
        let mut state = self.state.lock();
        let until = tick.map(|tick| Instant::now() + tick);
        while !state.rung && !state.stopped {
            match until {
                Some(until) if self.wake.wait_until(&mut state, until).timed_out() => break,
                Some(_) => {}
                None => self.wake.wait(&mut state),
            }
        }
        state.rung = false;
        !state.stopped
    }
}

/// What a thread does until it is stopped.
type Job = fn(&Shared);

const JOBS: [(&str, Job); 3] = [("audit-io", io_loop), ("audit-keeper", keeper_loop), ("audit-watch", watch_loop)];

/// Starts the three threads. One that cannot be started leaves a poisoned journal, which refuses.
pub(super) fn start(shared: &Arc<Shared>) -> Vec<JoinHandle<()>> {
    let mut threads = Vec::new();
    for (name, job) in JOBS {
        let theirs = Arc::clone(shared);
        match std::thread::Builder::new().name(name.to_owned()).spawn(move || job(&theirs)) {
            Ok(thread) => threads.push(thread),
            Err(cause) => {
                shared.commit.set_poison(Error::io(Code::StorageFailed, format!("starting thread {name}"), cause));
            }
        }
    }
    threads
}

fn io_loop(shared: &Shared) {
    let mut last = Group::default();
    while shared.commit.await_work(&last) {
        // The failure is in the poison slot and with everybody who waited; there is nobody else to tell.
        last = shared.sync_once().unwrap_or_default();
    }
}

fn watch_loop(shared: &Shared) {
    let interval = shared.settings.sync_interval;
    // Waiting ends in time however long the interval is.
    let tick = interval.min(shared.settings.ack_timeout / 4).max(Duration::from_millis(1));
    while shared.watch.sleep(None) {
        // Records written from now on have one interval until they are on their way to the device.
        let mut since = Instant::now();
        while shared.watch.pause(tick) {
            let hangs = shared.commit.syncing_for().is_some_and(|since| since > shared.settings.ack_timeout);
            if hangs {
                let place = format!("syncing stream {}", shared.stream);
                shared.commit.set_poison(Error::new(Code::TimedOut, place));
            }
            let waits = shared.commit.expire();
            // In the queue of those who write: where writing is slow the lock goes from one to the next and is never free.
            let dirty = shared.tail.try_lock_for(GLANCE).map(|tail| (tail.dirty, tail.seq));
            if let Some((true, seq)) = dirty.filter(|_| since.elapsed() >= interval) {
                shared.commit.request(seq);
                since = Instant::now();
            }
            // Whoever is still to register for what was asked needs this thread to end the waiting.
            if !waits && !shared.commit.is_busy() && dirty.is_some_and(|(dirty, _)| !dirty) {
                break;
            }
        }
    }
}

fn keeper_loop(shared: &Shared) {
    loop {
        prepare(shared);
        // A failed read-back is met again at close, where it is an error.
        drop(hash(shared, &mut shared.hashed.lock()));
        if !shared.bell.sleep(Some(KEEPER_TICK)) {
            return;
        }
    }
}

/// Keeps one filled segment ahead of use, more when admission asks for it.
fn prepare(shared: &Shared) {
    loop {
        let (number, size, least) = {
            let mut tail = shared.tail.lock();
            // Counted as admission counts: less the header, and what the end of a segment may waste.
            let spare = SEGMENT_HEADER as u64 + TERMINAL_RESERVE;
            let ahead: u64 = tail.ready.iter().map(|r| r.size.saturating_sub(spare)).sum();
            let largest = tail.ready.iter().map(|r| r.size).max();
            let wanted = tail.wanted_size;
            if largest.is_some_and(|largest| largest >= tail.wanted_segment) && ahead >= wanted {
                (tail.wanted_size, tail.wanted_segment) = (0, 0);
                return;
            }
            if shared.commit.poison().is_some() {
                return;
            }
            let least = wanted.min(shared.settings.max_segment);
            (tail.next_number, tail.next_size.max(least), least)
        };
        let path = shared.layout.segment(shared.stream, number);
        match shared.storage.create_segment(&path, size) {
            Ok(file) => {
                let map = file.map(size);
                let mut tail = shared.tail.lock();
                tail.ready.push_back(Ready { file, number, size, map });
                tail.next_number = number + 1;
                tail.next_size = (size * 2).min(shared.settings.max_segment);
                tail.prepare_failed = None;
                drop(tail);
                shared.space.notify_all();
            }
            Err(cause) => {
                // The number was never in use: whatever stands there now is a leftover of this failure, and would make
                // every later attempt fail because the file exists.
                drop(shared.storage.remove_segment(&path));
                let place = format!("filling streams/{}/{number:08}.seg", shared.stream.text());
                let error = Error::io(Code::StorageFailed, place, cause);
                let mut tail = shared.tail.lock();
                // Where there is little space, a smaller segment may still fit: nobody is refused before it was tried.
                tail.next_size = (tail.next_size / 2).max(shared.settings.first_segment);
                if error.is_capacity() && tail.next_size.max(least) < size {
                    continue;
                }
                tail.prepare_failed = Some(error);
                tail.prepare_failures += 1;
                drop(tail);
                shared.space.notify_all();
                return;
            }
        }
    }
}

/// Reads back what is stored and moves the tree up to it.
pub(super) fn hash(shared: &Shared, hashed: &mut Hashed) -> io::Result<()> {
    let mut piece = Vec::new();
    for stretch in shared.stretches() {
        if stretch.number < hashed.number {
            continue;
        }
        if stretch.number > hashed.number {
            hashed.number = stretch.number;
            hashed.offset = SEGMENT_HEADER as u64;
        }
        while hashed.offset < stretch.end {
            let len = read_piece(&stretch, hashed.offset, &mut piece)?;
            let taken = push_frames(shared, &mut hashed.tree, &stretch, &piece[..len]);
            if taken == 0 {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a stored frame does not read back"));
            }
            hashed.offset += taken as u64;
        }
    }
    let number = hashed.number;
    shared.tail.lock().to_hash.retain(|stretch| stretch.number >= number);
    Ok(())
}

fn read_piece(stretch: &Stretch, offset: u64, piece: &mut Vec<u8>) -> io::Result<usize> {
    let len = usize::try_from(stretch.end - offset).unwrap_or(HASH_PIECE).min(HASH_PIECE + frame::framed(1 << 20));
    make_room(piece, len);
    read_full(piece, offset, |into, at| stretch.file.read_at(into, at))
}

/// Hashes the whole frames of a piece; returns the bytes they take.
fn push_frames(shared: &Shared, tree: &mut super::tree::Tree, stretch: &Stretch, piece: &[u8]) -> usize {
    let seed = frame::seed(shared.stream, stretch.number);
    let mut at = 0;
    while let Found::Record(record) = frame::read(piece, at, seed) {
        tree.push(record);
        at += frame::framed(record.len());
    }
    at
}
