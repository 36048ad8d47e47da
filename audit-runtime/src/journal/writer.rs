//! Sequence, admission and frames. What holds, whatever happens:
//!
//! 1. Sequence and bytes are given under one lock; a record is in the kernel only after all below it are.
//! 2. An opening is admitted only while filled space remains for the terminals of all that is open, so closing never
//!    allocates.
//! 3. After the first failure of a write or sync nothing is written to these files again.
//! 4. Records for the kernel (`Process`) go through the mapping while nobody waits for the device; as soon as somebody
//!    does, they go by system call, because a dirty mapping makes the sync several times dearer.

use super::commit::{Commit, Group, Pending};
use super::frame::{self, SEGMENT_HEADER, SegmentHeader};
use super::keeper;
use super::layout::Layout;
use super::map::{ForkMark, Map};
use super::owner::Lock;
use super::settings::{Purpose, Settings};
use super::storage::{SegmentFile, Storage, sync_parent};
use super::tree::{Hash, Tree};
use crate::clock::Clock;
use crate::error::{Code, Error};
use crate::model::record::{HEADER, Header, MAX_RECORD, SEQ_AT};
use crate::model::{BodyWriter, Durability, Key, Kind, StreamId};
use crate::seeded;
use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long after a `Disk` record the mapping stays unused.
const DEVICE_BUSY: Duration = Duration::from_millis(10);
/// EINTR and EAGAIN are tried again this often before they count as a failure.
const RETRIES: u32 = 100;

/// A segment that is filled with zeros and waits to be used.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) file: Arc<dyn SegmentFile>,
    pub(super) number: u32,
    pub(super) size: u64,
    pub(super) map: Option<Map>,
}

/// What the keeper hashes: a segment up to where it is filled.
#[derive(Clone, Debug)]
pub(super) struct Stretch {
    pub(super) file: Arc<dyn SegmentFile>,
    pub(super) number: u32,
    pub(super) end: u64,
}

/// The end of the stream; everything in it is guarded by one lock.
pub(super) struct Tail {
    pub(super) seq: u64,
    pub(super) file: Arc<dyn SegmentFile>,
    pub(super) number: u32,
    pub(super) size: u64,
    pub(super) pos: u64,
    pub(super) map: Option<Map>,
    pub(super) seed: u32,
    /// Frames that are not in the kernel yet; they end at `pos`.
    pub(super) pending: Vec<u8>,
    device_busy_until: Option<Instant>,
    pub(super) ready: VecDeque<Ready>,
    pub(super) next_number: u32,
    pub(super) next_size: u64,
    /// Space that admission waits for, and the size of a segment that can take the record it waits with.
    pub(super) wanted_size: u64,
    pub(super) wanted_segment: u64,
    pub(super) prepare_failed: Option<Error>,
    pub(super) prepare_failures: u64,
    /// Full segments that are not synced yet, with their sizes.
    pub(super) retired: Vec<(Arc<dyn SegmentFile>, u64)>,
    pub(super) to_hash: VecDeque<Stretch>,
    pub(super) dirty: bool,
    pub(super) closed: bool,
}

/// Tree over the stream, and how far it got.
#[derive(Default)]
pub(super) struct Hashed {
    pub(super) tree: Tree,
    pub(super) number: u32,
    pub(super) offset: u64,
}

pub(super) struct Shared {
    pub(super) stream: StreamId,
    pub(super) layout: Layout,
    pub(super) storage: Arc<dyn Storage>,
    pub(super) settings: Settings,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) tail: Mutex<Tail>,
    /// Entries and runs that have begun and not ended. Moves under the tail's lock, except where an opening is withdrawn.
    pub(super) open: AtomicU64,
    pub(super) space: Condvar,
    pub(super) commit: Commit,
    pub(super) hashed: Mutex<Hashed>,
    pub(super) bell: keeper::Bell,
    pub(super) watch: keeper::Bell,
    fork: ForkMark,
    pid: u32,
    lock: Mutex<Option<Lock>>,
}

/// How a stream ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Records before the closing one.
    pub records: u64,
    /// Root over them.
    pub root: Hash,
    /// Entries and runs that were open: the next open abandons them.
    pub open: u64,
}

/// The one writer of one stream.
pub struct Journal {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("stream", &self.shared.stream).finish_non_exhaustive()
    }
}

impl Journal {
    /// Makes a new stream in the trail, locked by this process, with `head` as the body of its first record, which is on
    /// the device when this returns.
    ///
    /// # Errors
    /// `AUD0103` the directory, `AUD0104` the lock, `AUD0201` / `AUD0202` the first segment or record.
    pub fn create(
        layout: &Layout,
        storage: Arc<dyn Storage>,
        clock: Arc<dyn Clock>,
        settings: Settings,
        head: Vec<u8>,
    ) -> Result<Journal, Error> {
        let stream = StreamId(random_id()?);
        let what = || format!("creating stream {stream}");
        // The directory gets its name only once it is locked: recovery never meets a stream that nobody holds yet.
        let staged = layout.streams_dir().join(format!(".new-{}", stream.text()));
        std::fs::DirBuilder::new()
            .recursive(false)
            .create(&staged)
            .and_then(|()| set_private(&staged))
            .map_err(|cause| Error::io(Code::CannotOpen, what(), cause))?;
        let lock = Lock::take(&staged.join("lock"))
            .map_err(|cause| Error::io(Code::NoLocks, what(), cause))?
            .ok_or_else(|| Error::new(Code::NoLocks, what()))?;
        std::fs::rename(&staged, layout.stream_dir(stream))
            .and_then(|()| sync_parent(&layout.stream_dir(stream)))
            .map_err(|cause| Error::io(Code::CannotOpen, what(), cause))?;
        let first = storage
            .create_segment(&layout.segment(stream, 0), settings.first_segment)
            .map_err(|cause| Error::io(Code::StorageFailed, what(), cause))?;
        let shared = Arc::new(Shared {
            stream,
            layout: layout.clone(),
            storage,
            clock,
            tail: Mutex::new(Tail {
                seq: 0,
                map: first.map(settings.first_segment),
                file: first,
                number: 0,
                size: settings.first_segment,
                pos: SEGMENT_HEADER as u64,
                seed: frame::seed(stream, 0),
                pending: Vec::new(),
                device_busy_until: None,
                ready: VecDeque::new(),
                next_number: 1,
                next_size: (settings.first_segment * 2).min(settings.max_segment),
                wanted_size: 0,
                wanted_segment: 0,
                prepare_failed: None,
                prepare_failures: 0,
                retired: Vec::new(),
                to_hash: VecDeque::new(),
                dirty: false,
                closed: false,
            }),
            open: AtomicU64::new(0),
            space: Condvar::new(),
            commit: Commit::default(),
            hashed: Mutex::new(Hashed { offset: SEGMENT_HEADER as u64, ..Hashed::default() }),
            bell: keeper::Bell::default(),
            watch: keeper::Bell::default(),
            fork: ForkMark::new(),
            pid: std::process::id(),
            lock: Mutex::new(Some(lock)),
            settings,
        });
        {
            let mut tail = shared.tail.lock();
            let header = shared.segment_header(&tail);
            tail.pending.extend_from_slice(&header);
        }
        let journal = Journal { threads: Mutex::new(keeper::start(&shared)), shared };
        let mut first = Header::new(Kind::StreamOpened);
        journal.shared.stamp(&mut first);
        first.durability = Durability::Disk;
        let pending = journal.append(&mut first, &head, Purpose::Point)?;
        journal.wait(pending)?;
        journal.shared.bell.ring();
        Ok(journal)
    }

    /// The stream.
    #[must_use]
    pub fn stream(&self) -> StreamId {
        self.shared.stream
    }

    /// Appends a record of the durability that its header names; the header's sequence is filled in.
    ///
    /// # Errors
    /// `AUD0202` no space for it and for the terminals of what is open; `AUD0203` and the first failure after one;
    /// `AUD0204` nobody answered in time; `AUD0205` too much waits; `AUD0206` too large; `AUD0207` closed; `AUD0208` a
    /// forked child.
    pub fn append(&self, header: &mut Header, body: &[u8], purpose: Purpose) -> Result<Pending, Error> {
        self.shared.append(header, body, purpose)
    }

    /// Blocks until a record has the durability that was promised.
    ///
    /// # Errors
    /// The journal's first failure, or `AUD0204`.
    pub fn wait(&self, pending: Pending) -> Result<(), Error> {
        self.shared.commit.wait(pending)
    }

    /// As [`wait`](Journal::wait), for tasks.
    pub fn poll(&self, pending: &mut Pending, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.shared.commit.poll(pending, cx)
    }

    /// Everything below this sequence is on the device.
    #[must_use]
    pub fn durable(&self) -> u64 {
        self.shared.commit.durable()
    }

    /// The failure after which nothing more is written, if there was one.
    #[must_use]
    pub fn poison(&self) -> Option<Error> {
        self.shared.commit.poison()
    }

    /// The longest that a caller waits.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.shared.settings.ack_timeout
    }

    /// Closes the journal for new entries because of a failure outside it.
    pub fn set_poison(&self, error: Error) {
        self.shared.commit.set_poison(error);
    }

    /// Whether this process made the journal; false in a forked child.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.shared.fork.is_ours(self.shared.pid)
    }

    /// Asks for a sync of everything up to this record without waiting for it, nor for a lock that a hanging write holds.
    pub fn sync_soon(&self, pending: &Pending) {
        self.shared.commit.request(pending.seq() + 1);
    }

    /// Gives back the space set aside for a terminal that will not be written here. Takes no lock: who withdraws an
    /// opening because the storage hangs must not wait for that storage.
    pub fn release_reserve(&self) {
        self.shared.ended_one();
    }

    /// Ends the stream cleanly: `STREAM_CLOSED` with count and root, synced, trimmed, unlocked.
    /// `fill` adds fields to the closing record.
    ///
    /// # Errors
    /// The journal's first failure; the stream then stays as it is and the next open settles it.
    pub fn close(&self, fill: impl FnOnce(&mut BodyWriter)) -> Result<Closed, Error> {
        if !self.is_ours() {
            return Err(Error::new(Code::Forked, "closing the stream"));
        }
        let closed = self.shared.close(fill);
        self.shared.commit.stop();
        self.shared.bell.stop();
        self.shared.watch.stop();
        if self.await_threads() && closed.is_ok() {
            // Behind the threads: the keeper may have been filling one more segment.
            self.shared.trim();
        }
        if let Some(lock) = self.shared.lock.lock().take() {
            lock.release();
        }
        closed
    }
}

impl Journal {
    /// Waits for the threads, but not for one that a hung device holds; whether all of them have ended.
    fn await_threads(&self) -> bool {
        let me = std::thread::current().id();
        let patience = Instant::now() + self.shared.settings.ack_timeout;
        let mut all = true;
        for thread in self.threads.lock().drain(..).filter(|thread| thread.thread().id() != me) {
            while !thread.is_finished() && Instant::now() < patience {
                std::thread::sleep(Duration::from_micros(100));
            }
            if thread.is_finished() {
                drop(thread.join());
            } else {
                all = false;
            }
        }
        all
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        if self.is_ours() && self.shared.lock.lock().is_some() {
            drop(self.close(|_| {}));
        }
    }
}

/// 128 random bits.
fn random_id() -> Result<[u8; 16], Error> {
    let mut id = [0u8; 16];
    let mut filled = 0;
    while filled < id.len() {
        match rustix::rand::getrandom(&mut id[filled..], rustix::rand::GetRandomFlags::empty()) {
            Ok(n) => filled += n,
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(Error::io(Code::CannotOpen, "drawing a stream id", errno.into())),
        }
    }
    Ok(id)
}

fn set_private(dir: &std::path::Path) -> io::Result<()> {
    std::fs::set_permissions(dir, std::os::unix::fs::PermissionsExt::from_mode(0o700))
}

impl Shared {
    pub(super) fn stamp(&self, header: &mut Header) {
        (header.wall_ns, header.mono_ns) = self.clock.now();
    }

    pub(super) fn segment_header(&self, tail: &Tail) -> [u8; SEGMENT_HEADER] {
        SegmentHeader { stream: self.stream, number: tail.number, first_seq: tail.seq, wall_ns: self.clock.wall_ns() }
            .encode()
    }

    fn append(&self, header: &mut Header, body: &[u8], purpose: Purpose) -> Result<Pending, Error> {
        let what = || format!("writing {} to stream {}", header.kind.name(), self.stream);
        let longest = MAX_RECORD.min(usize::try_from(self.settings.max_segment).unwrap_or(MAX_RECORD) / 2);
        if HEADER + body.len() > longest {
            return Err(Error::new(Code::RecordTooLarge, what()).detail(format!("{} bytes", HEADER + body.len())));
        }
        if !self.fork.is_ours(self.pid) && !seeded::is("fork_unnoticed") {
            return Err(Error::new(Code::Forked, what()));
        }
        // A clock read is a good part of a record's cost, so the time is taken only where somebody has to wait.
        let mut asked = None;
        let early = seeded::is("seq_outside_lock").then(|| self.tail.lock().seq);
        let size = frame::framed(HEADER + body.len()) as u64;
        let mut bytes = header.encode();
        let mut tail = self.end_of_stream(&mut asked, &what)?;
        self.admit(&mut tail, size, purpose, &mut asked, &what)?;
        while tail.pos + size > tail.size {
            self.rotate(&mut tail)?;
        }
        header.seq = early.unwrap_or(tail.seq);
        bytes[SEQ_AT..SEQ_AT + 8].copy_from_slice(&header.seq.to_le_bytes());
        let kept = self.place(&mut tail, header.durability, &bytes, body, &mut asked)?;
        tail.seq += 1;
        match purpose {
            Purpose::Opening => {
                self.open.fetch_add(1, Ordering::AcqRel);
            }
            Purpose::Terminal => self.ended_one(),
            Purpose::Point | Purpose::Last => {}
        }
        let wake_watch = !tail.dirty;
        tail.dirty = true;
        drop(tail);
        if wake_watch {
            self.watch.ring();
        }
        if kept || seeded::is("ack_before_sync") {
            return Ok(Pending::kept(header.seq));
        }
        self.commit.request(header.seq + 1);
        Ok(Pending::until(header.seq, self.deadline(&mut asked)))
    }

    /// When a caller gives up who waits from now on, or from the first time that this was asked.
    pub(super) fn deadline(&self, asked: &mut Option<Instant>) -> Instant {
        *asked.get_or_insert_with(Instant::now) + self.settings.ack_timeout
    }

    /// Puts the frame at the end of the stream; true when that is all that was promised.
    fn place(
        &self,
        tail: &mut Tail,
        durability: Durability,
        header: &[u8],
        body: &[u8],
        asked: &mut Option<Instant>,
    ) -> Result<bool, Error> {
        let (seed, before) = (tail.seed, tail.pending.len());
        frame::write(&mut tail.pending, seed, header, body);
        let len = tail.pending.len() - before;
        tail.pos += len as u64;
        if durability != Durability::Process {
            tail.device_busy_until = Some(*asked.get_or_insert_with(Instant::now) + DEVICE_BUSY);
            return Ok(false);
        }
        if seeded::is("kept_in_memory") {
            return Ok(true);
        }
        if before == 0 && tail.map.is_some() {
            let busy = tail.device_busy_until.is_some_and(|until| Instant::now() < until);
            if !busy {
                tail.device_busy_until = None;
                let at = usize::try_from(tail.pos).unwrap_or(usize::MAX) - len;
                let Tail { map, pending, .. } = tail;
                if let Some(map) = map {
                    map.store(at, pending);
                }
                tail.pending.clear();
                return Ok(true);
            }
        }
        self.flush(tail)?;
        Ok(true)
    }

    /// Writes what is pending to the kernel, continuing short writes.
    pub(super) fn flush(&self, tail: &mut Tail) -> Result<(), Error> {
        if tail.pending.is_empty() {
            return Ok(());
        }
        if let Some(first) = self.commit.poison() {
            // What waits here belongs to callers who were told of the failure: it must not reach the file after all.
            return Err(Error::caused_by(Code::Poisoned, format!("writing to stream {}", self.stream), first));
        }
        let mut at = tail.pos - tail.pending.len() as u64;
        let (mut done, mut retries) = (0, 0);
        while done < tail.pending.len() {
            match tail.file.write_at(&tail.pending[done..], at) {
                Ok(n) if n > 0 => {
                    done += if seeded::is("short_write_ignored") { tail.pending.len() } else { n };
                    at += n as u64;
                }
                Err(cause)
                    if matches!(cause.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock)
                        && retries < RETRIES =>
                {
                    retries += 1;
                }
                Err(_) if seeded::is("write_error_ignored") => break,
                failed => {
                    let cause = failed.err().unwrap_or_else(|| io::Error::from(io::ErrorKind::WriteZero));
                    return Err(self.fail(tail.number, "writing", cause));
                }
            }
        }
        tail.pending.clear();
        Ok(())
    }

    fn ended_one(&self) {
        let less = |open: u64| Some(open.saturating_sub(1));
        let _before = self.open.fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
    }

    /// Nobody answered in time: nothing more is admitted.
    pub(super) fn give_up(&self, error: Error) -> Error {
        self.commit.set_poison(error.clone());
        error
    }

    /// Takes a failure of the storage: nothing is written to these files again.
    fn fail(&self, segment: u32, doing: &str, cause: io::Error) -> Error {
        let place = format!("{doing} streams/{}/{segment:08}.seg", self.stream.text());
        let error = Error::io(Code::StorageFailed, place, cause);
        self.commit.set_poison(error.clone());
        self.space.notify_all();
        error
    }

    /// One group: flush, sync, look whether the files are still ours, acknowledge.
    pub(super) fn sync_once(&self) -> Result<Group, Error> {
        let (target, files, number) = {
            let mut tail = self.tail.lock();
            self.flush(&mut tail)?;
            tail.dirty = false;
            let mut files: Vec<_> = tail.retired.drain(..).collect();
            files.push((Arc::clone(&tail.file), tail.size));
            (tail.seq, files, tail.number)
        };
        self.commit.sync_begins();
        let sync = || files.iter().try_for_each(|(file, _)| file.sync());
        let mut synced = if seeded::is("sync_skipped") { Ok(()) } else { sync() };
        if seeded::is("failed_sync_believed") {
            synced = synced.or_else(|_| sync());
        }
        let took = self.commit.sync_ends();
        if let Err(cause) = synced {
            return Err(self.fail(number, "syncing", cause));
        }
        let intact = files.iter().try_fold(true, |all, (file, size)| Ok(all && file.is_intact(*size)?));
        match intact {
            Ok(false) if !seeded::is("lost_file_ignored") => {
                let place = format!("syncing streams/{}/{number:08}.seg", self.stream.text());
                let error = Error::new(Code::FileLost, place);
                self.commit.set_poison(error.clone());
                Err(error)
            }
            Ok(_) => Ok(Group { callers: self.commit.acknowledge(target), took }),
            Err(cause) => Err(self.fail(number, "looking at", cause)),
        }
    }

    /// The stretch that is filled now, for hashing.
    pub(super) fn stretches(&self) -> Vec<Stretch> {
        let tail = self.tail.lock();
        let filled =
            Stretch { file: Arc::clone(&tail.file), number: tail.number, end: tail.pos - tail.pending.len() as u64 };
        tail.to_hash.iter().cloned().chain([filled]).collect()
    }

    fn close(&self, fill: impl FnOnce(&mut BodyWriter)) -> Result<Closed, Error> {
        let what = || format!("closing stream {}", self.stream);
        let patience = self.settings.ack_timeout;
        let (records, segment, offset, open) = {
            let Some(mut tail) = self.tail.try_lock_for(patience) else {
                return Err(self.give_up(Error::new(Code::TimedOut, what())));
            };
            if let Some(first) = self.commit.poison() {
                tail.closed = true;
                return Err(Error::caused_by(Code::Poisoned, what(), first));
            }
            if tail.closed {
                return Err(Error::new(Code::Closed, what()));
            }
            self.flush(&mut tail)?;
            // Set before the tree is finished, so that nothing can come between the root and the closing record.
            tail.closed = true;
            (tail.seq, tail.number, tail.pos, self.open.load(Ordering::Acquire))
        };
        let Some(mut hashed) = self.hashed.try_lock_for(patience) else {
            return Err(self.give_up(Error::new(Code::TimedOut, what()).detail("reading back")));
        };
        keeper::hash(self, &mut hashed).map_err(|cause| self.fail(segment, "reading back", cause))?;
        let root = hashed.tree.root();
        drop(hashed);
        let mut body = BodyWriter::new();
        body.uint(Key::Records, records).uint(Key::Segment, u64::from(segment)).uint(Key::Offset, offset);
        body.bytes(Key::Root, &root).uint(Key::TornBytes, 0);
        fill(&mut body);
        let mut header = Header::new(Kind::StreamClosed);
        self.stamp(&mut header);
        header.durability = Durability::Disk;
        let pending = self.append(&mut header, &body.finish(), Purpose::Last)?;
        self.commit.wait(pending)?;
        Ok(Closed { records, root, open })
    }

    /// Gives back what was filled ahead. A failure costs space, never a record, so it is left alone.
    fn trim(&self) {
        let (file, pos, unused) = {
            let mut tail = self.tail.lock();
            tail.map = None;
            (Arc::clone(&tail.file), tail.pos, std::mem::take(&mut tail.ready))
        };
        drop(file.truncate(if seeded::is("trimmed_too_far") { pos - 512 } else { pos }));
        for ready in unused {
            drop(self.storage.remove_segment(&self.layout.segment(self.stream, ready.number)));
        }
    }
}
