//! The journal as the projector reads it: records that count, in order, and what cannot be read beside them. Unlike a
//! loader, which stops at the first wrong record, a projection shows all of a stream.

use std::collections::VecDeque;

use crate::error::Error;
use crate::journal::Reader;
use crate::model::record::{Invalid, flag};
use crate::model::{Key, Kind, Record};

/// Where a record stands, and what it is.
#[derive(Debug)]
pub(crate) struct Counted {
    /// Segment of its frame.
    pub(crate) segment: u32,
    /// Offset of its frame.
    pub(crate) offset: u64,
    /// Its sequence.
    pub(crate) seq: u64,
    /// The record, or why it cannot be read.
    pub(crate) record: Result<Record, Invalid>,
}

/// Reads records that count: those of a group wait for its commit.
#[derive(Debug)]
pub(crate) struct Source {
    reader: Reader,
    ready: VecDeque<Counted>,
    held: VecDeque<Counted>,
    safe: (u32, u64, u64),
}

impl Source {
    /// Goes on from where `reader` stands.
    pub(crate) fn new(reader: Reader) -> Source {
        let end = reader.end();
        let safe = (end.segment, end.offset, end.records);
        Source { reader, ready: VecDeque::new(), held: VecDeque::new(), safe }
    }

    /// Segment, offset and sequence from which a later source goes on: before a group that is not committed yet, so that
    /// records beside such a group are read twice.
    pub(crate) fn position(&self) -> (u32, u64, u64) {
        self.safe
    }

    /// The next record that counts.
    pub(crate) fn next(&mut self) -> Result<Option<Counted>, Error> {
        loop {
            if let Some(counted) = self.ready.pop_front() {
                if self.ready.is_empty() && self.held.is_empty() {
                    self.mark_safe();
                }
                return Ok(Some(counted));
            }
            let Some(frame) = self.reader.next()? else { return Ok(None) };
            let counted = Counted {
                segment: frame.segment,
                offset: frame.offset,
                seq: frame.seq,
                record: Record::decode(frame.bytes),
            };
            self.sort_in(counted);
        }
    }

    /// A grouped record waits; a commit releases those of its group and drops older ones that no commit ever covered.
    fn sort_in(&mut self, counted: Counted) {
        let Ok(record) = &counted.record else {
            self.ready.push_back(counted);
            return;
        };
        let commits = matches!(record.header.kind, Kind::GroupCommitted | Kind::StreamSettled);
        if record.header.flags & flag::GROUPED != 0 && !commits {
            self.held.push_back(counted);
            return;
        }
        if let (true, Some(first)) = (commits, record.body.uint(Key::First)) {
            self.ready.extend(std::mem::take(&mut self.held).into_iter().filter(|held| held.seq >= first));
        }
        self.ready.push_back(counted);
    }

    fn mark_safe(&mut self) {
        let end = self.reader.end();
        self.safe = (end.segment, end.offset, end.records);
    }
}
