//! What dead processes left open is closed as ABANDONED, in the stream of the process that finds it. History is
//! appended, never edited: the old stream is read to its end and left as it is, byte for byte.
//!
//! ```text
//! unmarked stream ──lock free, or its owner is gone──→ scan ──→ group { spooled terminals, ABANDONED …, SETTLED } ──→ mark
//!        kill before the commit: none of the group counts; the next open does all of it again
//!        kill between commit and mark: the settling stream is unmarked too, so the next open reads its SETTLED record
//! ```

use crate::error::{Code, Error};
use crate::journal::ahead::TreeAhead;
use crate::journal::layout::mark_ended;
use crate::journal::owner::{Lock, head};
use crate::journal::{End, Layout, Purpose, Reader, Tear};
use crate::ledger::SeqMap;
use crate::model::digest::Slot;
use crate::model::lifecycle::{self, By, Entity};
use crate::model::record::{Header, Invalid, flag};
use crate::model::{BodyWriter, Durability, Exit, Id, Key, Kind, Record, Status, StreamId};
use crate::recorder::{Recorder, Recovered, RecoveredStream};
use crate::seeded;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// What a stream holds, as far as recovery cares.
#[derive(Default)]
struct Scan {
    end: End,
    root: [u8; 32],
    open: SeqMap<u64, Header>,
    /// What another process began and this one took over: a resumed run, a batch that it released.
    adopted: BTreeMap<Id, Header>,
    settled: Vec<StreamId>,
    closed: bool,
    /// Runs whose contract could not be declared.
    uncontracted: BTreeSet<crate::RunId>,
}

/// How long an open waits for another process that is recovering the same trail.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether the hint of a stream's end spares reading it. One that was closed and has something spooled is read: an entry
/// may have ended while it was closing.
fn is_marked(recorder: &Recorder, stream: StreamId, spooled: bool) -> bool {
    match std::fs::read_to_string(recorder.0.layout.ended(stream)) {
        Ok(how) if spooled && how.starts_with(SETTLED) => {
            // Placed already; only the file could not be removed then.
            drop(recorder.0.spool.remove(stream));
            true
        }
        Ok(_) => !spooled,
        Err(_) => recorder.0.layout.ended(stream).exists(),
    }
}

/// How the hint of a settled stream begins.
const SETTLED: &str = "settled";

/// Settles every stream whose process is gone.
pub(super) fn recover(recorder: &Recorder) -> Result<Recovered, Error> {
    let layout = &recorder.0.layout;
    let Some(_alone) = take_turn(layout)? else {
        // Another process recovers right now; the patrol looks again later.
        return Ok(Recovered::default());
    };
    super::leftovers::tidy(layout);
    let mut found = Recovered::default();
    let spooled = recorder.0.spool.streams().unwrap_or_default();
    let unmarked: Vec<StreamId> = layout
        .streams()?
        .into_iter()
        .filter(|stream| *stream != recorder.stream())
        .filter(|stream| {
            seeded::is("recovery_second_terminal") || !is_marked(recorder, *stream, spooled.contains(stream))
        })
        .collect();
    let (dead, living): (Vec<_>, Vec<_>) =
        unmarked.into_iter().map(|s| (s, dead_lock(layout, s))).partition(|(_, l)| l.is_some());
    if dead.is_empty() {
        return Ok(found);
    }
    let mut scans = BTreeMap::new();
    let mut settled = BTreeSet::new();
    for (stream, _) in &dead {
        match scan(layout, *stream) {
            Ok(scan) => {
                settled.extend(scan.settled.iter().copied());
                scans.insert(*stream, scan);
            }
            Err(error) => found.unreadable.push((*stream, error.to_string())),
        }
    }
    // A living process that could not leave its mark may have settled one of them.
    for (stream, _) in &living {
        settled.extend(scan(layout, *stream).map(|scan| scan.settled).unwrap_or_default());
    }
    // Settled before, but not marked. While one of them cannot be marked, the stream that settles it has to be read at
    // every open: marking that one would have the first settled twice.
    let bare: BTreeSet<StreamId> = scans
        .keys()
        .filter(|stream| settled.contains(*stream))
        .filter(|stream| mark_ended(layout, **stream, SETTLED).is_err())
        .copied()
        .collect();
    for (stream, scan) in &scans {
        let may_mark = scan.settled.iter().all(|settled| !bare.contains(settled));
        if settled.contains(stream) {
            drop(recorder.0.spool.remove(*stream));
        } else if let Some(Tear::SegmentVersion(..)) = scan.end.tear {
            let why = scan.end.tear.as_ref().map(Tear::to_string).unwrap_or_default();
            found.unreadable.push((*stream, why));
        } else if scan.closed && scan.open.is_empty() && scan.adopted.is_empty() && scan.end.tear.is_none() {
            if may_mark {
                drop(mark_ended(layout, *stream, "closed"));
            }
            // All its entries have ended: what was spooled of it stands in its journal too.
            drop(recorder.0.spool.remove(*stream));
        } else {
            found.streams.push(settle(recorder, *stream, scan, may_mark)?);
        }
    }
    Ok(found)
}

/// One process recovers at a time; `None` when another did not finish in time.
fn take_turn(layout: &Layout) -> Result<Option<Lock>, Error> {
    let path = layout.runs_dir().join("recovery.lock");
    let until = Instant::now() + PATIENCE;
    loop {
        let taken = Lock::take(&path).map_err(|cause| Error::io(Code::NoLocks, "taking the turn to recover", cause))?;
        if taken.is_some() || Instant::now() > until {
            return Ok(taken);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Proof that a stream's process is gone: its lock, or the word of its head where a forked child keeps the lock.
enum Dead {
    Locked { _lock: Lock },
    OwnerGone,
}

fn dead_lock(layout: &Layout, stream: StreamId) -> Option<Dead> {
    match Lock::take(&layout.stream_lock(stream)) {
        Ok(Some(lock)) => Some(Dead::Locked { _lock: lock }),
        Ok(None) if seeded::is("recovery_closes_living") => Some(Dead::OwnerGone),
        Ok(None) => head(layout, stream).filter(|owner| !owner.lives()).map(|_| Dead::OwnerGone),
        // A stream that cannot be locked (read-only, no rights) is left alone.
        Err(_) => None,
    }
}

fn scan(layout: &Layout, stream: StreamId) -> Result<Scan, Error> {
    let mut reader = Reader::open(layout, stream)?;
    let mut tree = TreeAhead::new();
    let mut scan = Scan::default();
    let mut group: Vec<Header> = Vec::new();
    while let Some(frame) = reader.next()? {
        tree.push(frame.bytes)?;
        let header = match Header::decode(frame.bytes) {
            Ok(header) => header,
            Err(Invalid::UnknownKind(_) | Invalid::UnknownVersion(_)) => continue,
            Err(invalid) => {
                let what = format!("recovering record {} of stream {stream}", frame.seq);
                return Err(Error::new(Code::Corrupt, what).detail(invalid.to_string()));
            }
        };
        if matches!(header.kind, Kind::StreamSettled | Kind::GroupCommitted) {
            let record = Record::decode(frame.bytes).map_err(|invalid| {
                Error::new(Code::Corrupt, format!("recovering {stream}")).detail(invalid.to_string())
            })?;
            if !seeded::is("recovery_second_terminal") {
                scan.settled.extend(record.body.stream(Key::Stream));
            }
            let first = record.body.uint(Key::First).unwrap_or(header.seq);
            group.drain(..).filter(|h| h.seq >= first).for_each(|h| scan.take(stream, &h));
        } else if header.flags & flag::GROUPED != 0 {
            group.push(header);
        } else {
            scan.take(stream, &header);
        }
    }
    scan.end = reader.end().clone();
    scan.root = tree.finish()?.root();
    Ok(scan)
}

impl Scan {
    fn take(&mut self, stream: StreamId, header: &Header) {
        if header.flags & flag::UNCONTRACTED != 0 {
            self.uncontracted.insert(header.run);
        }
        self.closed = header.kind == Kind::StreamClosed;
        let subject = header.subject;
        if lifecycle::opening(header.kind).is_some() {
            self.open.insert(header.seq, *header);
        } else if header.kind == Kind::RunResumed || (header.kind == Kind::BatchExecuting && subject.stream != stream) {
            self.adopted.insert(subject, *header);
        } else if matches!(header.kind, Kind::StateDeferred | Kind::BatchExecuting) {
            if let Some(open) = self.open.get_mut(&subject.seq) {
                open.status = header.status;
            }
        } else if lifecycle::closes(header.kind)
            && header.flags & flag::GROUPED == 0
            && self.adopted.remove(&subject).is_some()
        {
            // A run may come back to the process that began it: its first end is in `open`.
        } else if lifecycle::closes(header.kind)
            && subject.stream == stream
            && !seeded::is("recovery_forgets_terminals")
        {
            self.open.remove(&subject.seq);
        }
    }

    /// Everything that is open, innermost first, runs behind what they own: its id, the record that opened it here, how
    /// it is closed.
    fn left_open(&self, stream: StreamId) -> Vec<(Id, &Header, Kind, Entity)> {
        let own = self.open.values().filter_map(|header| {
            let (_, close, entity) = lifecycle::opening(header.kind)?;
            Some((Id::new(stream, header.seq), header, *close, *entity))
        });
        let adopted = self.adopted.iter().map(|(id, header)| match header.kind {
            Kind::RunResumed => (*id, header, Kind::RunEnded, Entity::Run),
            _ => (*id, header, Kind::BatchClosed, Entity::Batch),
        });
        let mut open: Vec<_> = own.chain(adopted).collect();
        open.sort_unstable_by_key(|(_, header, ..)| std::cmp::Reverse(header.seq));
        open
    }
}

/// Closes everything open and attests where the stream ends, as one group.
fn settle(recorder: &Recorder, stream: StreamId, scan: &Scan, may_mark: bool) -> Result<RecoveredStream, Error> {
    let layout = &recorder.0.layout;
    let owner = head(layout, stream);
    let mut report = RecoveredStream {
        stream,
        pid: owner.as_ref().map_or(0, |owner| owner.pid),
        records: scan.end.records,
        abandoned: 0,
        runs: Vec::new(),
        placed: 0,
        torn_bytes: scan.end.torn_bytes,
        stray_frames: scan.end.stray_frames,
        tear: scan.end.tear.as_ref().map(Tear::to_string),
    };
    let observer = format!("stream {} (pid {})", recorder.stream(), std::process::id());
    let reason = match &owner {
        Some(owner) => format!("its process (pid {}) ended without recording a terminal", owner.pid),
        None => "its process ended without recording a terminal".to_owned(),
    };
    // What is written of such a run from now on says so too.
    scan.uncontracted.iter().for_each(|run| recorder.mark_uncontracted(*run));
    let mut spooled = spooled(recorder, stream)?;
    if seeded::is("spool_forgotten") {
        spooled.clear();
    }
    let mut first = None;
    let mut open = scan.left_open(stream);
    if seeded::is("recovery_marks_first") {
        drop(mark_ended(layout, stream, SETTLED));
    }
    if seeded::is("recovery_cuts_the_old_stream") {
        let old = std::fs::File::options().write(true).open(layout.segment(stream, scan.end.segment));
        drop(old.and_then(|old| old.set_len(scan.end.offset - 64)));
    }
    if seeded::is("recovery_forgets_runs") {
        open.retain(|(_, _, close, _)| *close != Kind::RunEnded);
    }
    if seeded::is("recovery_leaves_the_innermost") && open.len() > 1 {
        open.remove(0);
    }
    if seeded::is("recovery_closes_parents_first") {
        open.reverse();
    }
    for (id, opened, close, entity) in open {
        let seq = match spooled.remove(&id).filter(|r| may(entity, opened.status, r.header.status)) {
            Some(terminal) => {
                report.placed += 1;
                if seeded::is("spool_placed_twice") {
                    abandon(recorder, id, close, opened, &reason, &observer)?;
                }
                place(recorder, &terminal)?
            }
            // A batch in DRAFT outlives its process: whoever resumes the run goes on with it.
            None if !may(entity, opened.status, Status::Abandoned) => continue,
            None => {
                match entity {
                    Entity::Run => report.runs.push(crate::RunId(id)),
                    _ => report.abandoned += 1,
                }
                abandon(recorder, id, close, opened, &reason, &observer)?
            }
        };
        first.get_or_insert(seq);
    }
    attest(recorder, stream, scan, &report, first, &observer)?;
    // From here on the settlement stands. What follows only saves work at the next open.
    if !may_mark || mark_ended(layout, stream, &format!("{SETTLED} by {}", recorder.stream().text())).is_err() {
        recorder.0.keep_unmarked.store(true, Ordering::Release);
    }
    drop(recorder.0.spool.remove(stream));
    Ok(report)
}

fn may(entity: Entity, from: Status, to: Status) -> bool {
    lifecycle::step(entity, Some(from), to, By::Recovery).is_ok()
}

/// Spooled terminals of a stream by what they close; the first one counts.
fn spooled(recorder: &Recorder, stream: StreamId) -> Result<BTreeMap<Id, Spooled>, Error> {
    let records = recorder
        .0
        .spool
        .read(stream)
        .map_err(|cause| Error::io(Code::CannotOpen, format!("reading the spool of stream {stream}"), cause))?;
    let mut by_subject = BTreeMap::new();
    for (header, body) in records {
        by_subject.entry(header.subject).or_insert(Spooled { header, body });
    }
    Ok(by_subject)
}

struct Spooled {
    header: Header,
    body: Vec<u8>,
}

fn place(recorder: &Recorder, terminal: &Spooled) -> Result<u64, Error> {
    let mut header =
        Header { flags: flag::SPOOLED | flag::GROUPED, durability: Durability::Process, site: 0, ..terminal.header };
    header.mono_ns = recorder.clock().mono_ns();
    drop(recorder.append(&mut header, &terminal.body, Purpose::Point)?);
    Ok(header.seq)
}

fn abandon(
    recorder: &Recorder,
    id: Id,
    close: Kind,
    opened: &Header,
    reason: &str,
    observer: &str,
) -> Result<u64, Error> {
    let mut header = recorder.header(close);
    header.flags = flag::GROUPED;
    header.status = Status::Abandoned;
    header.exit = Exit::Lost;
    header.run = if close == Kind::RunEnded { crate::RunId(id) } else { opened.run };
    header.subject = id;
    header.parent = opened.parent;
    header.attempt = opened.attempt;
    let mut body = BodyWriter::new();
    if seeded::is("recovery_invents_success") {
        (header.status, header.exit) = (Status::Completed, Exit::Returned);
        body.slot(Key::Output, &Slot::NOT_REQUESTED);
    } else {
        body.text(Key::AbandonReason, reason).text(Key::Observer, observer);
    }
    drop(recorder.append(&mut header, &body.finish(), Purpose::Point)?);
    Ok(header.seq)
}

/// The settlement record: commits the group and says where the old stream ends for ever.
fn attest(
    recorder: &Recorder,
    stream: StreamId,
    scan: &Scan,
    report: &RecoveredStream,
    first: Option<u64>,
    observer: &str,
) -> Result<(), Error> {
    let mut header = recorder.header(Kind::StreamSettled);
    header.durability = Durability::Disk;
    let mut body = BodyWriter::new();
    body.bytes(Key::Stream, &stream.0)
        .uint(Key::Records, scan.end.records)
        .uint(Key::Segment, u64::from(scan.end.segment))
        .uint(Key::Offset, scan.end.offset)
        .bytes(Key::Root, if seeded::is("settled_with_another_root") { &[0; 32] } else { &scan.root })
        .uint(Key::TornBytes, scan.end.torn_bytes)
        .uint(Key::StrayFrames, scan.end.stray_frames)
        .uint(Key::Count, report.abandoned + report.placed + report.runs.len() as u64)
        .text(Key::Observer, observer)
        .maybe(Key::Reason, report.tear.as_deref());
    if let Some(first) = first.filter(|_| !seeded::is("settlement_commits_nothing")) {
        body.uint(Key::First, first);
    }
    recorder.point(header, &body.finish()).map(drop)
}

/// A directory that goes with the process, in memory where the system has such a place.
pub(super) fn scratch_dir() -> Result<PathBuf, Error> {
    let base = PathBuf::from("/dev/shm");
    let base = if base.is_dir() { base } else { std::env::temp_dir() };
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos();
    let dir = base.join(format!("audit-trail-{}-{nanos:x}", std::process::id()));
    std::fs::create_dir(&dir).map_err(|cause| Error::io(Code::CannotOpen, "making a trail in memory", cause))?;
    Ok(dir)
}
