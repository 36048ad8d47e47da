//! Frames in order, and how the stream ends. Reading never writes, never maps, and holds a piece of a segment in memory.
//!
//! A stream ends in one of these ways, each told apart by name:
//! zeros to the end of its last segment (clean); zeros, then bytes (a kill between body and length word); a bad length;
//! a bad checksum; a segment that is missing, foreign, damaged or of another format.

use super::frame::{self, BadHeader, Found, SEGMENT_HEADER, SegmentHeader};
use super::layout::Layout;
use super::window::Window;
use crate::error::{Code, Error};
use crate::model::record::{Header, flag};
use crate::model::{Kind, Record, StreamId};
use std::collections::VecDeque;
use std::fmt;
use std::io;

/// What stands behind the last good frame.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Tear {
    /// A length word of 0 with bytes behind it: the writer died before it stored the length.
    Unfinished,
    /// A length that no record has.
    Length(u32),
    /// Length and bytes do not fit the checksum.
    Checksum,
    /// Bytes between the frame and the next one.
    Padding,
    /// The frame's sequence is not the next one.
    Sequence {
        /// The one that stands there.
        found: u64,
    },
    /// The file ends inside a frame.
    Short,
    /// A segment is missing although later ones are in use.
    MissingSegment(u32),
    /// A segment that belongs to another stream or number.
    ForeignSegment(u32),
    /// A segment whose header is damaged.
    DamagedSegment(u32),
    /// A segment of another format version.
    SegmentVersion(u32, u16),
    /// The segment does not begin where the one before ended.
    SegmentGap(u32),
}

impl fmt::Display for Tear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tear::Unfinished => write!(f, "a frame whose length was never stored"),
            Tear::Length(n) => write!(f, "a frame length of {n}, which no record has"),
            Tear::Checksum => write!(f, "a frame that does not fit its checksum"),
            Tear::Padding => write!(f, "bytes between two frames"),
            Tear::Sequence { found } => write!(f, "a frame with sequence {found}, which is not the next one"),
            Tear::Short => write!(f, "a file that ends inside a frame"),
            Tear::MissingSegment(n) => write!(f, "segment {n} is missing"),
            Tear::ForeignSegment(n) => write!(f, "segment {n} belongs to another stream or place"),
            Tear::DamagedSegment(n) => write!(f, "the header of segment {n} is damaged"),
            Tear::SegmentVersion(n, v) => write!(f, "segment {n} has format version {v}"),
            Tear::SegmentGap(n) => write!(f, "segment {n} does not begin where the one before ends"),
        }
    }
}

/// Where and how a stream ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// Segment of the last good frame.
    pub segment: u32,
    /// Offset behind it.
    pub offset: u64,
    /// Good frames from the beginning of the stream.
    pub records: u64,
    /// Bytes behind the offset, in this and later segments, up to the last one that is not zero.
    pub torn_bytes: u64,
    /// Whole frames of this stream found behind the offset.
    pub stray_frames: u64,
    /// What stands at the offset; `None` when the stream ends in zeros.
    pub tear: Option<Tear>,
}

/// One record's bytes and place.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Segment number.
    pub segment: u32,
    /// Offset of the frame in it.
    pub offset: u64,
    /// The record's sequence.
    pub seq: u64,
    /// The record: what [`Record::decode`] reads and the tree hashes.
    pub bytes: &'a [u8],
}

/// Reads one stream.
#[derive(Debug)]
pub struct Reader {
    layout: Layout,
    stream: StreamId,
    segments: Vec<u32>,
    window: Window,
    seed: u32,
    end: End,
    at: u64,
    done: bool,
    limit: Option<(u32, u64)>,
    following: bool,
}

impl Reader {
    /// Starts at the first record.
    ///
    /// # Errors
    /// `AUD0103` when the stream's directory or first segment cannot be read.
    pub fn open(layout: &Layout, stream: StreamId) -> Result<Reader, Error> {
        Self::from(layout, stream, 0, SEGMENT_HEADER as u64, 0)
    }

    /// Starts behind a known position: `seq` is the sequence of the record at `offset` of `segment`.
    ///
    /// # Errors
    /// `AUD0103` when the stream's directory or that segment cannot be read.
    pub fn from(layout: &Layout, stream: StreamId, segment: u32, offset: u64, seq: u64) -> Result<Reader, Error> {
        let segments = layout.segments(stream).map_err(|cause| unreadable(stream, cause))?;
        let end = End { segment, offset, records: seq, ..End::default() };
        let mut reader = Reader {
            layout: layout.clone(),
            stream,
            segments,
            window: Window::default(),
            seed: 0,
            end,
            at: offset,
            done: false,
            limit: None,
            following: false,
        };
        if reader.segments.contains(&segment) {
            let loaded = reader.load(segment).map_err(|cause| unreadable(stream, cause))?;
            if let Err(Misfit::Gone) = loaded {
                return Err(unreadable(stream, io::ErrorKind::NotFound.into()));
            }
            if let Err(bad) = loaded {
                let tear = reader.bad_header(segment, bad);
                reader.finish(tear)?;
            }
        } else if !reader.segments.is_empty() {
            reader.finish(Some(Tear::MissingSegment(segment)))?;
        } else {
            reader.done = true;
        }
        Ok(reader)
    }

    /// Ends the stream at this place, as a settlement record says; bytes behind it are ignored.
    pub fn limit(&mut self, segment: u32, offset: u64) {
        self.limit = Some((segment, offset));
    }

    /// Reads on as a stream grows: where there is no frame yet it stops, without a look at the space that its writer has
    /// prepared behind it. How the stream ends is not found out then.
    #[must_use]
    pub fn following(mut self) -> Reader {
        self.following = true;
        self
    }

    /// The stream that is read.
    #[must_use]
    pub fn stream(&self) -> StreamId {
        self.stream
    }

    /// How the stream ends, once [`next`](Reader::next) has returned `None`; until then, where it has got to.
    #[must_use]
    pub fn end(&self) -> &End {
        &self.end
    }

    /// Turns to a segment and checks its header against this stream and place.
    fn load(&mut self, number: u32) -> io::Result<Result<SegmentHeader, Misfit>> {
        self.window = match Window::open(&self.layout.segment(self.stream, number)) {
            Ok(window) => window,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Err(Misfit::Gone)),
            Err(cause) => return Err(cause),
        };
        self.seed = frame::seed(self.stream, number);
        let bytes = self.window.header()?;
        Ok(match SegmentHeader::decode(&bytes) {
            Ok(header) if header.stream == self.stream && header.number == number => Ok(header),
            Ok(_) => Err(Misfit::Foreign),
            Err(bad) => Err(Misfit::Header(bad)),
        })
    }

    /// The next frame; `None` at the end.
    ///
    /// # Errors
    /// `AUD0103` when a segment file cannot be read.
    #[expect(clippy::should_implement_trait, reason = "frames borrow the reader's segment")]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, Error> {
        loop {
            if self.done || self.limit.is_some_and(|limit| (self.end.segment, self.at) >= limit) {
                return Ok(None);
            }
            let tear = match self.look()? {
                Sight::Frame { len, seq } if seq == self.end.records => return Ok(Some(self.advance(len))),
                Sight::Frame { seq, .. } => Tear::Sequence { found: seq },
                Sight::Torn(tear) => tear,
                Sight::Nothing => match self.nothing()? {
                    Turn::On => continue,
                    Turn::Over => return Ok(None),
                    Turn::Torn => Tear::Unfinished,
                },
            };
            self.finish(Some(tear))?;
        }
    }

    /// No frame stands here: the segment's end, the stream's, a place where a writer is about to put one, or a tear.
    fn nothing(&mut self) -> Result<Turn, Error> {
        // Asked before the place is looked at again: once a later segment is in use, nothing more is stored in this one.
        let goes_on = self.goes_on()?;
        if self.following && !goes_on {
            return Ok(Turn::Over);
        }
        if self.was_stored_since()? {
            return Ok(Turn::On);
        }
        if self.used_from(self.at)? > 0 {
            return Ok(if self.was_stored_since()? { Turn::On } else { Turn::Torn });
        }
        if goes_on && self.next_segment()? {
            return Ok(Turn::On);
        }
        if !self.done {
            self.finish(None)?;
        }
        Ok(Turn::Over)
    }

    /// What stands where reading has got to.
    fn look(&mut self) -> Result<Sight, Error> {
        let found = self.window.frame(self.at, self.seed).map_err(|cause| unreadable(self.stream, cause))?;
        Ok(match found {
            Found::Record(record) => Sight::Frame { len: record.len(), seq: seq_of(record) },
            Found::Nothing => Sight::Nothing,
            Found::BadLength(n) if (n as usize) <= crate::model::record::MAX_RECORD => Sight::Torn(Tear::Short),
            Found::BadLength(n) => Sight::Torn(Tear::Length(n)),
            Found::BadChecksum => Sight::Torn(Tear::Checksum),
            Found::BadPadding => Sight::Torn(Tear::Padding),
        })
    }

    /// Bytes from `at` up to the segment's last one that is not zero.
    fn used_from(&mut self, at: u64) -> Result<u64, Error> {
        self.window.used_behind(at).map_err(|cause| unreadable(self.stream, cause))
    }

    /// Whether a living writer has put a frame where there was none: it stores a frame's length last, and may have gone on
    /// while the bytes behind it were looked at.
    fn was_stored_since(&mut self) -> Result<bool, Error> {
        self.window.forget();
        Ok(!matches!(self.look()?, Sight::Nothing))
    }

    fn advance(&mut self, len: usize) -> Frame<'_> {
        let offset = self.at;
        self.at += frame::framed(len) as u64;
        self.end.offset = self.at;
        let seq = self.end.records;
        self.end.records += 1;
        Frame { segment: self.end.segment, offset, seq, bytes: self.window.record(offset, len) }
    }

    /// Goes on to the next segment in use; false when there is none.
    fn next_segment(&mut self) -> Result<bool, Error> {
        let number = self.end.segment + 1;
        if !self.segments.contains(&number) {
            let later = self.used_behind(number);
            self.finish(later.then_some(Tear::MissingSegment(number)))?;
            return Ok(false);
        }
        let (kept, seed) = (std::mem::take(&mut self.window), self.seed);
        let tear = match self.load(number).map_err(|cause| unreadable(self.stream, cause))? {
            Ok(header) if header.first_seq == self.end.records => {
                self.end.segment = number;
                self.end.offset = SEGMENT_HEADER as u64;
                self.at = SEGMENT_HEADER as u64;
                return Ok(true);
            }
            Ok(_) => Some(Tear::SegmentGap(number)),
            Err(bad) => self.bad_header(number, bad),
        };
        (self.window, self.seed) = (kept, seed);
        self.finish(tear)?;
        Ok(false)
    }

    /// Whether the stream goes on in a later segment.
    fn goes_on(&mut self) -> Result<bool, Error> {
        self.segments = self.layout.segments(self.stream).map_err(|cause| unreadable(self.stream, cause))?;
        Ok(self.used_behind(self.end.segment))
    }

    /// Whether a segment behind this one is in use.
    fn used_behind(&self, number: u32) -> bool {
        self.segments.iter().any(|n| *n > number && self.is_used(*n))
    }

    fn bad_header(&self, number: u32, bad: Misfit) -> Option<Tear> {
        match bad {
            Misfit::Foreign => Some(Tear::ForeignSegment(number)),
            // A writer that closes removes what it had prepared and never used.
            Misfit::Gone => self.used_behind(number).then_some(Tear::MissingSegment(number)),
            // Zeros where a header belongs: never used, unless the stream went on behind it.
            Misfit::Header(BadHeader::Unused) => self.used_behind(number).then_some(Tear::DamagedSegment(number)),
            Misfit::Header(BadHeader::Version(v)) => Some(Tear::SegmentVersion(number, v)),
            Misfit::Header(BadHeader::Damaged) => Some(Tear::DamagedSegment(number)),
        }
    }

    /// Whether a segment's header says so; one that cannot be read may be in use.
    fn is_used(&self, number: u32) -> bool {
        match Window::open(&self.layout.segment(self.stream, number)).and_then(|window| window.header()) {
            Ok(bytes) => !matches!(SegmentHeader::decode(&bytes), Err(BadHeader::Unused)),
            Err(cause) => cause.kind() != io::ErrorKind::NotFound,
        }
    }

    /// Ends reading here and looks at what lies behind: how many bytes, and whether whole frames are among them.
    fn finish(&mut self, tear: Option<Tear>) -> Result<(), Error> {
        self.done = true;
        self.end.tear = tear;
        let unreadable = |cause| unreadable(self.stream, cause);
        let (mut torn, mut stray) = behind(&mut self.window, self.at, self.seed).map_err(unreadable)?;
        for number in self.segments.iter().copied().filter(|n| *n > self.end.segment) {
            let seed = frame::seed(self.stream, number);
            let Ok(mut later) = Window::open(&self.layout.segment(self.stream, number)) else { continue };
            let Ok((more, frames)) = behind(&mut later, 0, seed) else { continue };
            torn += more;
            stray += frames;
        }
        self.end.torn_bytes = torn;
        self.end.stray_frames = stray;
        Ok(())
    }
}

/// Bytes from `at` up to the last one that is not zero, and whole frames at multiples of 8 among them.
fn behind(window: &mut Window, at: u64, seed: u32) -> io::Result<(u64, u64)> {
    let torn = window.used_behind(at)?;
    let (mut next, mut stray) = (at, 0);
    while next < at + torn {
        match window.frame(next, seed)? {
            Found::Record(record) => {
                stray += 1;
                next += frame::framed(record.len()) as u64;
            }
            _ => next += 8,
        }
    }
    Ok((torn, stray))
}

/// What comes of a place without a frame.
enum Turn {
    On,
    Over,
    Torn,
}

/// What a reader sees at its place.
enum Sight {
    Frame { len: usize, seq: u64 },
    Nothing,
    Torn(Tear),
}

/// Why a segment cannot be the next one of this stream.
enum Misfit {
    Header(BadHeader),
    Foreign,
    /// Listed a moment ago, and not there any more.
    Gone,
}

fn seq_of(record: &[u8]) -> u64 {
    let at = crate::model::record::SEQ_AT;
    let mut seq = [0u8; 8];
    seq.copy_from_slice(&record[at..at + 8]);
    u64::from_le_bytes(seq)
}

fn unreadable(stream: StreamId, cause: io::Error) -> Error {
    Error::io(Code::CannotOpen, format!("reading stream {stream}"), cause)
}

/// A record that counts, with its place.
#[derive(Clone, Debug)]
pub struct Counted {
    /// Segment number.
    pub segment: u32,
    /// Offset of its frame.
    pub offset: u64,
    /// Sequence.
    pub seq: u64,
    /// The record.
    pub record: Record,
}

/// Reads only the records that count: those of a group wait for its commit and are dropped without it.
#[derive(Debug)]
pub struct Committed {
    reader: Reader,
    /// Read, in order; ready to be handed out up to `ready`.
    held: VecDeque<Counted>,
    ready: usize,
    /// Records of kinds or versions that this build does not know.
    pub unknown: u64,
    safe: (u32, u64, u64),
}

impl Committed {
    /// Reads on from where `reader` stands.
    #[must_use]
    pub fn new(reader: Reader) -> Committed {
        let end = reader.end();
        let safe = (end.segment, end.offset, end.records);
        Committed { reader, held: VecDeque::new(), ready: 0, unknown: 0, safe }
    }

    /// The reader, for its end.
    #[must_use]
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Segment, offset and sequence from which a later reader must go on: behind everything handed out, before a group
    /// that is not committed yet.
    #[must_use]
    pub fn position(&self) -> (u32, u64, u64) {
        self.safe
    }

    /// The next record that counts.
    ///
    /// # Errors
    /// `AUD0103` unreadable, `AUD0301` a record that contradicts its kind.
    #[expect(clippy::should_implement_trait, reason = "reading can fail")]
    pub fn next(&mut self) -> Result<Option<Counted>, Error> {
        loop {
            if self.ready > 0 {
                self.ready -= 1;
                return Ok(self.held.pop_front());
            }
            let stream = self.reader.stream();
            let Some(frame) = self.reader.next()? else { return Ok(None) };
            let decoded = match Record::decode(frame.bytes) {
                Ok(record) => record,
                Err(
                    crate::model::record::Invalid::UnknownKind(_) | crate::model::record::Invalid::UnknownVersion(_),
                ) => {
                    self.unknown += 1;
                    if self.held.is_empty() {
                        self.mark_safe();
                    }
                    continue;
                }
                Err(invalid) => {
                    let what = format!("reading record {} of stream {stream}", frame.seq);
                    return Err(Error::new(Code::Corrupt, what).detail(invalid.to_string()));
                }
            };
            let counted = Counted { segment: frame.segment, offset: frame.offset, seq: frame.seq, record: decoded };
            self.sort_in(counted);
        }
    }

    /// Grouped records are held; a commit releases those of its group and drops older ones that were never committed.
    fn sort_in(&mut self, counted: Counted) {
        let header = &counted.record.header;
        if header.flags & flag::GROUPED != 0 && !commits(header) {
            self.held.push_back(counted);
            return;
        }
        if let Some(first) = commits(header).then(|| counted.record.body.uint(crate::model::Key::First)).flatten() {
            let seq = counted.seq;
            let held = std::mem::take(&mut self.held);
            // Others may write between the records of a group: only what is grouped is held, so order is kept.
            self.held = held.into_iter().filter(|c| c.seq >= first && c.seq < seq).collect();
            self.ready = self.held.len() + 1;
            self.held.push_back(counted);
            self.mark_safe();
        } else {
            let waiting = !self.held.is_empty();
            self.held.push_front(counted);
            self.ready = 1;
            if !waiting {
                self.mark_safe();
            }
        }
    }

    fn mark_safe(&mut self) {
        let end = self.reader.end();
        self.safe = (end.segment, end.offset, end.records);
    }
}

/// Whether a record ends a group.
fn commits(header: &Header) -> bool {
    matches!(header.kind, Kind::GroupCommitted | Kind::StreamSettled)
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
