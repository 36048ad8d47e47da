//! What must hold of every trail, whatever killed its writers; read from the journal alone. One function, used by the
//! testkit behind every fault, by the sweep, and by people on trails of their own.
//!
//! | rule | says |
//! |---|---|
//! | `I1` | what was opened has exactly one terminal, unless its process lives; a token has one terminal outcome |
//! | `I2` | no terminal without an opening |
//! | `I3` | a terminal stands behind its opening, by sequence and by the monotonic clock; a sink state is completed behind its receipt, a checkpoint stands behind the outcomes of its receipt |
//! | `I5` | a parent exists and was open when its child began; the child ends before it, unless detached |
//! | `I6` | what was acknowledged is there, byte for byte; what counts from the device alone was kept there |
//! | `I8` | roots, groups and checksums fit: the findings of `verify` |
//!
//! `I4` (the end fits the fault) and `I7` (recovery changes nothing the second time) need to know what was done to the
//! program; the testkit adds them.

use std::collections::{BTreeMap, HashMap};

use super::finding::{Finding, Weight};
use super::orders::Orders;
use super::verify::verify;
use crate::error::Error;
use crate::journal::{Committed, Layout, Reader, owner};
use crate::model::{Exit, Header, Id, Key, Kind, Record, Status, StreamId};

/// What is known of a trail besides itself.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Records that somebody was told of.
    pub acknowledged: Vec<Acknowledged>,
    /// Also verify checksums, groups and roots.
    pub roots: bool,
}

/// A record that was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Acknowledged {
    /// Its place.
    pub id: Id,
    /// FNV-1a over its stored bytes.
    pub hash: u64,
}

impl Acknowledged {
    /// A record as an observer sees it.
    #[must_use]
    pub fn of(id: Id, header: &Header, body: &[u8]) -> Acknowledged {
        Acknowledged { id, hash: hash(hash(OFFSET, &header.encode()), body) }
    }
}

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

fn hash(start: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The only terminal of something, or the first of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Terminal {
    /// The record that states it.
    pub by: Id,
    /// Status.
    pub status: Status,
    /// How the body ended.
    pub exit: Exit,
}

/// Something that was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The kind of the record that opened it.
    pub kind: Kind,
    /// What it happened in.
    pub parent: Id,
    /// It may outlive its parent.
    pub detached: bool,
    /// Every terminal, in order of place; a sound trail has one.
    pub terminals: Vec<Terminal>,
    mono_ns: u64,
}

/// Everything that a trail opened and ended, and what is wrong with it.
#[derive(Clone, Debug, Default)]
pub struct Census {
    /// What was opened, by place.
    pub openings: BTreeMap<Id, Opening>,
    /// What is not as it must be.
    pub findings: Vec<Finding>,
    records: HashMap<StreamId, u64>,
    orders: Orders,
}

impl Census {
    /// Statuses and exits by place: what a second recovery must leave as it is.
    #[must_use]
    pub fn endings(&self) -> BTreeMap<Id, Vec<Terminal>> {
        self.openings.iter().map(|(id, opening)| (*id, opening.terminals.clone())).collect()
    }

    fn bad(&mut self, rule: &'static str, id: Id, message: impl Into<String>) {
        self.findings.push(Finding::new(rule, Weight::Integrity, format!("{id:#}"), message));
    }
}

/// Reads a trail and says what of all that must hold does not.
///
/// ```no_run
/// # fn main() -> Result<(), audit_runtime::Error> {
/// use audit_runtime::journal::Layout;
/// use audit_runtime::trail::{Known, invariants};
/// let census = invariants(&Layout::at("./audit-trail"), &Known::default())?;
/// assert!(census.findings.is_empty(), "{:?}", census.findings);
/// # Ok(()) }
/// ```
///
/// # Errors
/// `AUD0103` when a stream cannot be read, `AUD0301` when a record contradicts its kind.
pub fn invariants(layout: &Layout, known: &Known) -> Result<Census, Error> {
    let mut census = Census::default();
    let mut terminals: Vec<(Id, Header)> = Vec::new();
    for stream in layout.streams()? {
        let mut records = Committed::new(Reader::open(layout, stream)?);
        while let Some(counted) = records.next()? {
            census.take(Id::new(stream, counted.seq), &counted.record, &mut terminals);
        }
        let end = records.reader().end();
        census.records.insert(stream, end.records);
    }
    terminals.sort_by_key(|(id, _)| *id);
    for (by, header) in &terminals {
        census.place(*by, header);
    }
    census.judge(layout);
    census.remember(layout, &known.acknowledged)?;
    if known.roots {
        let verdict = verify(layout, &mut |_| {})?;
        let bad = verdict.findings.into_iter().filter(|finding| finding.weight == Weight::Integrity);
        census.findings.extend(bad.map(|finding| Finding { rule: "I8", ..finding }));
    }
    Ok(census)
}

impl Census {
    fn take(&mut self, id: Id, record: &Record, terminals: &mut Vec<(Id, Header)>) {
        let header = record.header;
        self.orders.take(id, record);
        match header.kind {
            Kind::StateOpened | Kind::RunStarted | Kind::ActionPending | Kind::CallOpened | Kind::OperationOpened => {
                let detached = record.body.is(Key::Detached);
                let (kind, parent, mono_ns) = (header.kind, header.parent, header.mono_ns);
                self.openings.insert(id, Opening { kind, parent, detached, terminals: Vec::new(), mono_ns });
            }
            Kind::StateClosed | Kind::RunEnded | Kind::ActionClosed | Kind::CallClosed | Kind::OperationClosed => {
                terminals.push((id, header));
            }
            _ => {}
        }
    }

    fn place(&mut self, by: Id, header: &Header) {
        let subject = if header.kind == Kind::RunEnded { header.run.0 } else { header.subject };
        let Some(opening) = self.openings.get_mut(&subject) else {
            return self.bad("I2", by, format!("ends {subject}, which was never opened"));
        };
        opening.terminals.push(Terminal { by, status: header.status, exit: header.exit });
        let early = by.stream == subject.stream && (by.seq <= subject.seq || header.mono_ns < opening.mono_ns);
        if early {
            self.bad("I3", subject, format!("ends at {by}, before it begins"));
        }
    }

    fn judge(&mut self, layout: &Layout) {
        let mut alive: HashMap<StreamId, bool> = HashMap::new();
        let mut wrong: Vec<(&'static str, Id, String)> = Vec::new();
        for (id, opening) in &self.openings {
            match opening.terminals.as_slice() {
                [_] => {}
                // A run that was resumed ends once more.
                [_, ..] if opening.kind == Kind::RunStarted => {}
                [] if *alive.entry(id.stream).or_insert_with(|| owner::is_alive(layout, id.stream)) => {}
                [] => wrong.push(("I1", *id, format!("{} has no terminal", opening.kind.name()))),
                many => {
                    let ends: Vec<String> = many.iter().map(|end| format!("{} by {}", end.status, end.by)).collect();
                    wrong.push((
                        "I1",
                        *id,
                        format!("{} has {} terminals: {}", opening.kind.name(), many.len(), ends.join(", ")),
                    ));
                }
            }
            if let Some(message) = self.parentage(*id, opening) {
                wrong.push(("I5", *id, message));
            }
        }
        let mut orders = std::mem::take(&mut self.orders);
        wrong.extend(orders.judge(|state| Some(self.openings.get(&state)?.terminals.first()?.by)));
        for (rule, id, message) in wrong {
            self.bad(rule, id, message);
        }
    }

    /// What is wrong between a child and its parent.
    fn parentage(&self, id: Id, child: &Opening) -> Option<String> {
        let parent = child.parent.some()?;
        let Some(opening) = self.openings.get(&parent) else {
            // Some parents are no openings: a row, a batch. They have to be there all the same.
            let there = self.records.get(&parent.stream).is_none_or(|records| parent.seq < *records);
            return (!there).then(|| format!("its parent {parent} does not exist"));
        };
        if parent.stream == id.stream && parent.seq >= id.seq {
            return Some(format!("begins before its parent {parent}"));
        }
        let of_parent = opening.terminals.first().filter(|_| opening.kind == Kind::StateOpened)?.by;
        if child.detached || child.kind != Kind::StateOpened {
            return None;
        }
        if of_parent.stream == id.stream && of_parent.seq < id.seq {
            return Some(format!("begins when its parent {parent} has ended"));
        }
        let own = child.terminals.first()?.by;
        let later =
            if own.stream == of_parent.stream { own.seq > of_parent.seq } else { of_parent.stream == id.stream };
        later.then(|| format!("ends at {own}, behind its parent {parent}, which ends at {of_parent}"))
    }

    /// Every acknowledged record is still there.
    fn remember(&mut self, layout: &Layout, acknowledged: &[Acknowledged]) -> Result<(), Error> {
        let mut by_stream: BTreeMap<StreamId, BTreeMap<u64, u64>> = BTreeMap::new();
        for known in acknowledged {
            by_stream.entry(known.id.stream).or_default().insert(known.id.seq, known.hash);
        }
        for (stream, mut expected) in by_stream {
            if self.records.contains_key(&stream) {
                let mut reader = Reader::open(layout, stream)?;
                while let Some(frame) = reader.next()? {
                    match expected.remove(&frame.seq) {
                        Some(told) if told != hash(OFFSET, frame.bytes) => {
                            self.bad("I6", Id::new(stream, frame.seq), "was acknowledged with other bytes");
                        }
                        Some(_) | None => {}
                    }
                }
            }
            for seq in expected.keys() {
                self.bad("I6", Id::new(stream, *seq), "was acknowledged and is lost");
            }
        }
        Ok(())
    }
}
