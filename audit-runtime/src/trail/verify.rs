//! Verification from the journal alone, read-only: frames, checksums, sequence, load check, groups, lifecycle, and the
//! RFC 6962 root against what closing and settlement records state. Its answer is a verdict with the first bad place;
//! what no record attests is said to be so, never called valid.

use std::collections::{BTreeMap, HashMap};
use std::fs;

use super::finding::{Finding, Weight};
use super::lean;
use super::run_steps::{RunStep, run_faults};
use crate::error::Error;
use crate::index::json::{Json, hex};
use crate::journal::tree::Tree;
use crate::journal::{Layout, Reader, Tear, last_used, owner};
use crate::model::lifecycle::{self, By, Entity};
use crate::model::record::{Invalid, flag};
use crate::model::{Header, Id, Key, Kind, Record, Status, StreamId};
use crate::seeded;

/// How a stream's end is vouched for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// By its own closing record.
    Closed,
    /// By the record of a later process.
    Settled,
    /// Its process lives and writes on.
    Alive,
    /// By nothing: its process is gone and nobody has recovered it yet.
    NotAttested,
}

impl Ending {
    /// Its name in JSON.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Ending::Closed => "closed",
            Ending::Settled => "settled",
            Ending::Alive => "alive",
            Ending::NotAttested => "end not attested",
        }
    }
}

/// What was found of one stream.
#[derive(Clone, Debug)]
pub struct StreamReport {
    /// The stream.
    pub stream: StreamId,
    /// Good records.
    pub records: u64,
    /// RFC 6962 root over them.
    pub root: [u8; 32],
    /// How its end is vouched for.
    pub ending: Ending,
    /// Bytes behind the last good record that are no records.
    pub torn_bytes: u64,
    /// Records of kinds or versions that this build does not know.
    pub unknown: u64,
    /// The first sequence that is not as it should be.
    pub first_bad: Option<u64>,
}

impl StreamReport {
    /// The report as JSON.
    #[must_use]
    pub fn json(&self) -> Json {
        Json::object([
            ("stream", self.stream.text().into()),
            ("records", self.records.into()),
            ("root", hex(&self.root).into()),
            ("ending", self.ending.name().into()),
            ("torn_bytes", self.torn_bytes.into()),
            ("unknown_kinds", self.unknown.into()),
            ("first_bad", self.first_bad.into()),
        ])
    }
}

/// The answer for a whole trail.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Every stream, in order of id.
    pub streams: Vec<StreamReport>,
    /// What is not as it should be, worst first.
    pub findings: Vec<Finding>,
    /// The first bad place: stream and sequence.
    pub first_bad: Option<(StreamId, u64)>,
}

impl Verdict {
    /// Whether no integrity violation was found.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.findings.iter().all(|finding| finding.weight != Weight::Integrity)
    }

    /// Good records of all streams.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.streams.iter().map(|stream| stream.records).sum()
    }
}

/// Verifies the trail in this directory; `seen` hears how many records are done.
///
/// # Errors
/// `AUD0101`, `AUD0102`, `AUD0103`, `AUD0111` when the trail cannot be opened. What is wrong inside it is no error but a
/// finding.
pub fn verify(layout: &Layout, seen: &mut dyn FnMut(u64)) -> Result<Verdict, Error> {
    layout.check()?;
    let mut done = 0;
    for _ in 1..LOOKS {
        let (verdict, moved) = look(layout, &mut done, seen)?;
        if !moved {
            return Ok(verdict);
        }
    }
    look(layout, &mut done, seen).map(|(verdict, _)| verdict)
}

/// Streams are read one behind the other, while living processes write on: one that is read early may be cited by one that
/// is read late, and its process may end in between. So what is amiss beside a process that lives is looked at again, and
/// believed once it stands as often as this.
const LOOKS: usize = 3;

/// Reads everything once; whether what is amiss may come from processes that went on meanwhile.
pub(super) fn look(layout: &Layout, done: &mut u64, seen: &mut dyn FnMut(u64)) -> Result<(Verdict, bool), Error> {
    let mut work = Verifier { layout, findings: Vec::new(), first_bad: BTreeMap::new(), done: *done, seen };
    let ids = layout.streams()?;
    let mut lived = false;
    let mut scans = Vec::with_capacity(ids.len());
    for stream in &ids {
        lived |= owner::is_alive(layout, *stream);
        scans.push(work.scan(*stream, None)?);
    }
    let settled = work.settlements(&ids, &scans);
    for (at, scan) in scans.iter_mut().enumerate() {
        // A settlement that ends a stream before records that stand there: those count for nothing.
        if let Some(stated) = settled.get(&scan.stream)
            && (stated.segment, stated.offset) < (scan.segment, scan.offset)
        {
            work.forget(scan.stream);
            *scan = work.scan(ids[at], Some((stated.segment, stated.offset)))?;
        }
    }
    let mut streams = Vec::with_capacity(scans.len());
    for scan in &scans {
        let ending = work.ending(scan, settled.get(&scan.stream))?;
        streams.push((scan, ending));
    }
    work.across(&scans);
    *done = work.done;
    let mut findings = work.findings;
    findings.sort_by(|a, b| b.weight.cmp(&a.weight).then_with(|| a.id.cmp(&b.id)));
    let first = work.first_bad;
    let streams: Vec<StreamReport> = streams.into_iter().map(|(scan, ending)| scan.report(ending, &first)).collect();
    let first_bad = first.into_iter().next();
    let moved = lived && !findings.is_empty();
    Ok((Verdict { streams, findings, first_bad }, moved))
}

/// What a closing or settlement record states of a stream's end.
#[derive(Clone, Debug, PartialEq)]
struct Stated {
    by: Id,
    records: u64,
    segment: u32,
    offset: u64,
    root: [u8; 32],
    torn_bytes: u64,
}

impl Stated {
    fn read(by: Id, record: &Record) -> Option<Stated> {
        let body = &record.body;
        Some(Stated {
            by,
            records: body.uint(Key::Records)?,
            segment: u32::try_from(body.uint(Key::Segment)?).ok()?,
            offset: body.uint(Key::Offset)?,
            root: body.bytes(Key::Root)?.try_into().ok()?,
            torn_bytes: body.uint(Key::TornBytes)?,
        })
    }

    /// Whether the stream ends as this record states.
    fn fits(&self, records: u64, (segment, offset): (u32, u64), root: [u8; 32]) -> bool {
        if records < self.records && seeded::is("cut_tail_accepted") {
            return true;
        }
        let place = (self.records, self.segment, self.offset) == (records, segment, offset);
        place && (self.root == root || seeded::is("root_not_compared"))
    }
}

/// A terminal or hand-over of an entity of another stream.
struct Foreign {
    subject: Id,
    entity: Entity,
    status: Status,
    place: Id,
}

/// What one pass over a stream found.
struct Scan {
    stream: StreamId,
    records: u64,
    tree: Tree,
    segment: u32,
    offset: u64,
    tear: Option<Tear>,
    torn_bytes: u64,
    stray_frames: u64,
    unknown: u64,
    /// Status of what each record opened, by sequence; 0 for records that open nothing.
    status: Vec<u8>,
    foreign: Vec<Foreign>,
    runs: Vec<RunStep>,
    closed: Option<Stated>,
    /// Root and place before the closing record.
    before_close: Option<([u8; 32], u32, u64)>,
    settles: Vec<(StreamId, Stated)>,
    waiting: Vec<Header>,
}

impl Scan {
    fn report(&self, ending: Ending, first_bad: &BTreeMap<StreamId, u64>) -> StreamReport {
        StreamReport {
            stream: self.stream,
            records: self.records,
            root: self.tree.root(),
            ending,
            torn_bytes: self.torn_bytes,
            unknown: self.unknown,
            first_bad: first_bad.get(&self.stream).copied(),
        }
    }
}

struct Verifier<'a> {
    layout: &'a Layout,
    findings: Vec<Finding>,
    first_bad: BTreeMap<StreamId, u64>,
    done: u64,
    seen: &'a mut dyn FnMut(u64),
}

impl Verifier<'_> {
    /// Notes an integrity violation at a place.
    fn bad(&mut self, rule: &'static str, stream: StreamId, seq: u64, message: impl Into<String>) {
        self.findings.push(Finding::new(rule, Weight::Integrity, format!("{:#}", Id::new(stream, seq)), message));
        self.first_bad.entry(stream).and_modify(|first| *first = seq.min(*first)).or_insert(seq);
    }

    /// Forgets what was found of a stream that is read again.
    fn forget(&mut self, stream: StreamId) {
        self.first_bad.remove(&stream);
        let prefix = format!("{}-", stream.text());
        self.findings.retain(|finding| !finding.id.starts_with(&prefix));
    }

    /// Reads one stream from beginning to end.
    fn scan(&mut self, stream: StreamId, limit: Option<(u32, u64)>) -> Result<Scan, Error> {
        let mut reader = Reader::open(self.layout, stream)?;
        if let Some((segment, offset)) = limit {
            reader.limit(segment, offset);
        }
        let mut scan = Scan {
            stream,
            records: 0,
            tree: Tree::new(),
            segment: 0,
            offset: 0,
            tear: None,
            torn_bytes: 0,
            stray_frames: 0,
            unknown: 0,
            status: Vec::new(),
            foreign: Vec::new(),
            runs: Vec::new(),
            closed: None,
            before_close: None,
            settles: Vec::new(),
            waiting: Vec::new(),
        };
        let mut last = (0u32, crate::journal::frame::SEGMENT_HEADER as u64);
        while let Some(frame) = reader.next()? {
            if scan.closed.is_some() {
                self.bad("AFTER_CLOSE", stream, frame.seq, "a record stands behind the closing one");
            }
            self.record(&mut scan, frame.seq, frame.bytes, last);
            scan.tree.push(frame.bytes);
            last = (frame.segment, frame.offset + crate::journal::frame::framed(frame.bytes.len()) as u64);
            self.done += 1;
            if self.done.is_multiple_of(1 << 16) {
                (self.seen)(self.done);
            }
        }
        let end = reader.end();
        scan.records = end.records;
        (scan.segment, scan.offset) = (end.segment, end.offset);
        (scan.torn_bytes, scan.stray_frames, scan.tear) = (end.torn_bytes, end.stray_frames, end.tear.clone());
        Ok(scan)
    }

    /// One record: load check, first and last of its stream, groups, lifecycle. `last` is the place behind the record
    /// before it.
    fn record(&mut self, scan: &mut Scan, seq: u64, bytes: &[u8], last: (u32, u64)) {
        scan.status.push(0);
        let header = match Header::decode(bytes) {
            Ok(header) => header,
            Err(Invalid::UnknownKind(_) | Invalid::UnknownVersion(_)) => {
                scan.unknown += u64::from(!seeded::is("unknown_uncounted"));
                return;
            }
            Err(why) => return self.bad("LOAD", scan.stream, seq, why.to_string()),
        };
        if !lean::surely_right(&header, bytes)
            && let Err(why) = Record::decode(bytes)
        {
            return self.bad("LOAD", scan.stream, seq, why.to_string());
        }
        if (seq == 0) != (header.kind == Kind::StreamOpened) {
            self.bad("HEAD", scan.stream, seq, "a stream begins with STREAM_OPENED, and only begins with it");
        }
        match header.kind {
            Kind::StreamClosed => {
                scan.closed = decoded(bytes).and_then(|record| Stated::read(Id::new(scan.stream, seq), &record));
                scan.before_close = Some((scan.tree.root(), last.0, last.1));
            }
            Kind::StreamSettled => {
                if let Some(record) = decoded(bytes) {
                    self.commit(scan, &record);
                    let stated = Stated::read(Id::new(scan.stream, seq), &record);
                    scan.settles.extend(record.body.stream(Key::Stream).zip(stated));
                }
            }
            Kind::GroupCommitted => {
                if let Some(record) = decoded(bytes) {
                    self.commit(scan, &record);
                }
            }
            _ if header.flags & flag::GROUPED != 0 => scan.waiting.push(header),
            _ => self.lifecycle(scan, &header),
        }
    }

    /// A commit makes its group count; a group of another size than the commit states was tampered with.
    fn commit(&mut self, scan: &mut Scan, record: &Record) {
        let Some(first) = record.body.uint(Key::First) else { return };
        let group: Vec<Header> = std::mem::take(&mut scan.waiting).into_iter().filter(|h| h.seq >= first).collect();
        if let Some(count) = record.body.uint(Key::Count)
            && count != group.len() as u64
        {
            let message = format!("the group's commit states {count} records, {} are there", group.len());
            self.bad("GROUP", scan.stream, record.header.seq, message);
        }
        for header in &group {
            self.lifecycle(scan, header);
        }
    }

    /// Walks one entity along the table of legal arrows.
    fn lifecycle(&mut self, scan: &mut Scan, header: &Header) {
        let (entity, opens) = match header.kind {
            Kind::StateOpened => (Entity::NodeState, true),
            Kind::StateDeferred | Kind::StateClosed => (Entity::NodeState, false),
            Kind::RunStarted | Kind::RunResumed | Kind::RunEnded => {
                return scan.runs.extend(RunStep::of(Id::new(scan.stream, header.seq), header));
            }
            Kind::ActionPending => (Entity::Action, true),
            Kind::ActionClosed => (Entity::Action, false),
            Kind::CallOpened => (Entity::Call, true),
            Kind::CallClosed => (Entity::Call, false),
            Kind::OperationOpened => (Entity::Operation, true),
            Kind::OperationClosed => (Entity::Operation, false),
            Kind::BatchDrafted => (Entity::Batch, true),
            Kind::BatchExecuting | Kind::BatchClosed => (Entity::Batch, false),
            _ => return,
        };
        if opens {
            scan.status[header.seq as usize] = header.status.code();
            return;
        }
        let subject = header.subject;
        let place = Id::new(scan.stream, header.seq);
        if subject.stream != scan.stream {
            scan.foreign.push(Foreign { subject, entity, status: header.status, place });
            return;
        }
        let Some(stands) = scan.status.get_mut(subject.seq as usize).filter(|_| subject.seq < header.seq) else {
            let message = format!("ends {subject}, which opens later or never");
            return self.bad("LIFECYCLE", scan.stream, header.seq, message);
        };
        if let Err(message) = walk(entity, stands, header.status) {
            self.bad("LIFECYCLE", scan.stream, header.seq, format!("{subject} {message}"));
        }
    }

    /// What settlement records state, by stream. The first in order of place counts; another one that differs is a fault.
    fn settlements(&mut self, ids: &[StreamId], scans: &[Scan]) -> HashMap<StreamId, Stated> {
        let mut settled: HashMap<StreamId, Stated> = HashMap::new();
        for (stream, stated) in scans.iter().flat_map(|scan| &scan.settles) {
            if !ids.contains(stream) && !seeded::is("missing_stream_accepted") {
                self.bad("MISSING_STREAM", stated.by.stream, stated.by.seq, format!("stream {stream:#} is missing"));
            }
            match settled.get(stream) {
                Some(first) if (first.records, first.root) != (stated.records, stated.root) => {
                    let message = format!("two settlements of stream {stream:#} differ");
                    self.bad("SETTLED_TWICE", stated.by.stream, stated.by.seq, message);
                }
                Some(_) => {}
                None => drop(settled.insert(*stream, stated.clone())),
            }
        }
        settled
    }

    /// Compares a stream with what vouches for its end.
    fn ending(&mut self, scan: &Scan, settled: Option<&Stated>) -> Result<Ending, Error> {
        let stream = scan.stream;
        if let (Some(closed), Some((root, segment, offset))) = (&scan.closed, scan.before_close) {
            // A stream is trimmed when it is closed: nothing may stand behind.
            if !closed.fits(scan.records.saturating_sub(1), (segment, offset), root) {
                self.bad("ROOT", stream, closed.by.seq, "the closing record does not fit the records before it");
            }
            if scan.tear.is_some() || scan.torn_bytes > 0 {
                self.bad(
                    "AFTER_CLOSE",
                    stream,
                    scan.records,
                    format!("{} bytes behind the closing record", scan.torn_bytes),
                );
            }
            return Ok(Ending::Closed);
        }
        if let Some(stated) = settled {
            if !stated.fits(scan.records, (scan.segment, scan.offset), scan.tree.root()) {
                let message = format!(
                    "settled with {} records by {:#}, {} are there{}",
                    stated.records,
                    stated.by,
                    scan.records,
                    if stated.records == scan.records { " with another root" } else { "" }
                );
                self.bad("ROOT", stream, scan.records.min(stated.records), message);
            }
            let behind = self.behind(stream, stated.segment, stated.offset)?;
            if behind != stated.torn_bytes {
                let message =
                    format!("{behind} bytes behind the settled end, {} when it was settled", stated.torn_bytes);
                self.findings.push(Finding::new("TORN_TAIL", Weight::Problem, stream.text(), message));
            }
            return Ok(Ending::Settled);
        }
        if owner::is_alive(self.layout, stream) {
            return Ok(Ending::Alive);
        }
        let torn = scan.tear.as_ref().map_or_else(String::new, |tear| format!("; behind them {tear}"));
        let message = format!("end not attested: {} records, neither closed nor settled{torn}", scan.records);
        if scan.stray_frames > 0 || scan.tear.as_ref().is_some_and(is_loss) {
            let message = format!("{message}; {} whole frames behind", scan.stray_frames);
            self.bad("TORN_TAIL", stream, scan.records, message);
        } else if !seeded::is("unattested_end_believed") {
            self.findings.push(Finding::new("NOT_ATTESTED", Weight::Problem, stream.text(), message));
        }
        Ok(Ending::NotAttested)
    }

    /// Bytes behind a place, up to the last one that is not zero.
    fn behind(&self, stream: StreamId, segment: u32, offset: u64) -> Result<u64, Error> {
        let fail = |cause| Error::io(crate::error::Code::CannotOpen, format!("reading stream {stream}"), cause);
        let mut behind = 0;
        for number in self.layout.segments(stream).map_err(fail)?.into_iter().filter(|n| *n >= segment) {
            let bytes = fs::read(self.layout.segment(stream, number)).map_err(fail)?;
            let from = if number == segment { usize::try_from(offset).unwrap_or(usize::MAX) } else { 0 };
            let rest = bytes.get(from..).unwrap_or(&[]);
            behind += last_used(rest).map_or(0, |last| last as u64 + 1);
        }
        Ok(behind)
    }

    /// Ends of entities that other streams opened.
    fn across(&mut self, scans: &[Scan]) {
        let mut status: HashMap<StreamId, Vec<u8>> =
            scans.iter().map(|scan| (scan.stream, scan.status.clone())).collect();
        let mut ends: Vec<&Foreign> = scans.iter().flat_map(|scan| &scan.foreign).collect();
        // A batch may be released in one stream and closed in another one.
        ends.sort_by_key(|end| end.status != Status::Executing);
        for end in ends {
            let at = end.subject.seq as usize;
            let told = match status.get_mut(&end.subject.stream).and_then(|stream| stream.get_mut(at)) {
                Some(stands) => walk(end.entity, stands, end.status).map_err(|why| format!("{} {why}", end.subject)),
                None => Err(format!("ends {}, which was never opened", end.subject)),
            };
            if let Err(message) = told {
                self.bad("LIFECYCLE", end.place.stream, end.place.seq, message);
            }
        }
        let steps = scans.iter().flat_map(|scan| scan.runs.iter().copied()).collect();
        for (place, message) in run_faults(steps) {
            self.bad("LIFECYCLE", place.stream, place.seq, message);
        }
    }
}

/// Tears that no kill leaves behind: a part of the stream is gone or of another stream.
fn is_loss(tear: &Tear) -> bool {
    !matches!(tear, Tear::Unfinished | Tear::Length(_) | Tear::Checksum | Tear::Padding | Tear::Short)
}

fn decoded(bytes: &[u8]) -> Option<Record> {
    Record::decode(bytes).ok()
}

/// Moves an entity to a status, or says why it cannot go there.
fn walk(entity: Entity, stands: &mut u8, to: Status) -> Result<(), String> {
    let from = Status::from_code(*stands).filter(|status| *status != Status::None);
    match from.map(|from| lifecycle::step(entity, Some(from), to, By::Recovery)) {
        Some(Ok(status)) => {
            *stands = status.code();
            Ok(())
        }
        Some(Err(illegal)) => Err(format!("goes from {} to {to}", illegal.from.unwrap_or(Status::None))),
        None => Err(format!("gets {to} without having been opened")),
    }
}
