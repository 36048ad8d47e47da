//! A trail read back from disk, and the invariants that it must keep whatever killed its writers:
//!
//! I1 what was acknowledged is there · I2 one terminal for each opening · I3 acknowledged bytes are unchanged · I4 no
//! terminal without opening · I5 a body that ran has its opening · I6 sequences without gaps, roots that fit ·
//! I7 recovery changes nothing the second time · I8 what was refused never ran

use audit_runtime::journal::{Committed, Layout, Reader};
use audit_runtime::model::cbor::Value;
use audit_runtime::model::{Exit, Id, Key, Kind, Record, Status, StreamId};
use audit_runtime::trail::{Weight, verify};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

/// One node state.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What the program called it by.
    pub n: Option<u64>,
    /// Its node's name.
    pub node: String,
    /// What it happened in.
    pub parent: Id,
    /// Every terminal, with the stream that holds it.
    pub ends: Vec<(StreamId, Record)>,
}

impl Entry {
    /// Status and exit of the only terminal.
    #[must_use]
    pub fn end(&self) -> Option<(Status, Exit)> {
        match self.ends.as_slice() {
            [(_, record)] => Some((record.header.status, record.header.exit)),
            _ => None,
        }
    }
}

/// Everything that counts in a trail.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Story {
    /// Node states by id.
    pub entries: BTreeMap<Id, Entry>,
    /// Runs and their ends: one for each of their processes.
    pub runs: BTreeMap<Id, Vec<Status>>,
    /// How many times runs were resumed.
    pub resumes: BTreeMap<Id, usize>,
    /// Terminals whose opening is nowhere.
    pub orphans: Vec<Id>,
    /// Records of other kinds.
    pub points: Vec<(Id, Record)>,
    /// Records by place, as a hash of their stored bytes.
    pub stored: BTreeMap<(StreamId, u64), u64>,
    /// Frames found behind a tear: something acknowledged may stand behind a hole.
    pub strays: u64,
    /// Bytes behind the last record of a stream.
    pub torn_bytes: u64,
}

/// FNV-1a over a record's stored bytes.
#[must_use]
pub fn hash(parts: &[&[u8]]) -> u64 {
    parts
        .iter()
        .flat_map(|part| part.iter())
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

impl Story {
    /// Reads the trail in this directory; writes nothing.
    ///
    /// # Errors
    /// What could not be read, as a text.
    pub fn read(trail: &Path) -> Result<Story, String> {
        let layout = Layout::at(trail);
        let mut story = Story::default();
        let mut sites: HashMap<(StreamId, u32), String> = HashMap::new();
        let mut ends = Vec::new();
        for stream in layout.streams().map_err(|error| error.to_string())? {
            story.keep_bytes(&layout, stream)?;
            let reader = Reader::open(&layout, stream).map_err(|error| error.to_string())?;
            let mut records = Committed::new(reader);
            while let Some(counted) = records.next().map_err(|error| error.to_string())? {
                let (record, id) = (counted.record, Id::new(stream, counted.seq));
                let header = record.header;
                match header.kind {
                    Kind::Site => {
                        let name = record.body.text(Key::Node).unwrap_or_default().to_owned();
                        sites.insert((stream, header.site), name);
                    }
                    Kind::StateOpened => {
                        let by_hand = || record.body.text(Key::Node).unwrap_or_default().to_owned();
                        let node = sites.get(&(stream, header.site)).cloned().unwrap_or_else(by_hand);
                        let entry = Entry { n: number(&record), node, parent: header.parent, ends: Vec::new() };
                        story.entries.insert(id, entry);
                    }
                    Kind::RunStarted => drop(story.runs.insert(id, Vec::new())),
                    Kind::RunResumed => {
                        *story.resumes.entry(header.subject).or_default() += 1;
                        story.points.push((id, record));
                    }
                    Kind::StateClosed | Kind::RunEnded => ends.push((stream, record)),
                    _ => story.points.push((id, record)),
                }
            }
        }
        for (stream, record) in ends {
            story.place(stream, record);
        }
        Ok(story)
    }

    fn keep_bytes(&mut self, layout: &Layout, stream: StreamId) -> Result<(), String> {
        let mut reader = Reader::open(layout, stream).map_err(|error| error.to_string())?;
        while let Some(frame) = reader.next().map_err(|error| error.to_string())? {
            self.stored.insert((stream, frame.seq), hash(&[frame.bytes]));
        }
        self.strays += reader.end().stray_frames;
        self.torn_bytes += reader.end().torn_bytes;
        Ok(())
    }

    fn place(&mut self, stream: StreamId, record: Record) {
        let subject = record.header.subject;
        if record.header.kind == Kind::RunEnded {
            match self.runs.get_mut(&subject) {
                Some(ends) => ends.push(record.header.status),
                None => self.orphans.push(subject),
            }
        } else {
            match self.entries.get_mut(&subject) {
                Some(entry) => entry.ends.push((stream, record)),
                None => self.orphans.push(subject),
            }
        }
    }

    /// The node states that the program called by this number.
    #[must_use]
    pub fn numbered(&self, n: u64) -> Vec<(&Id, &Entry)> {
        self.entries.iter().filter(|(_, entry)| entry.n == Some(n)).collect()
    }

    /// The node states of this node.
    #[must_use]
    pub fn of_node(&self, node: &str) -> Vec<&Entry> {
        self.entries.values().filter(|entry| entry.node == node).collect()
    }

    /// Records of a kind.
    #[must_use]
    pub fn of_kind(&self, kind: Kind) -> Vec<&Record> {
        self.points.iter().map(|(_, record)| record).filter(|record| record.header.kind == kind).collect()
    }

    /// One line for each node state: what people compare.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let name = |record: &Record| format!("{}({})", record.header.status.name(), record.header.exit.name());
        self.entries
            .values()
            .map(|entry| {
                let ends: Vec<String> = entry.ends.iter().map(|(_, record)| name(record)).collect();
                format!("{} {}", entry.node, ends.join(" + "))
            })
            .collect()
    }
}

/// The number that the program gave to an entry.
fn number(record: &Record) -> Option<u64> {
    let Some(Value::Map(pairs)) = record.body.get(Key::Recorded) else { return None };
    pairs.iter().find(|(key, _)| key.as_text() == Some("n")).and_then(|(_, value)| value.as_uint())
}

/// What killed programs had been told, and what they had done.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Stream, sequence and hash of every record that an observer saw acknowledged.
    pub acknowledged: Vec<(StreamId, u64, u64)>,
    /// Calls that had come back, with the exit that their caller saw.
    pub ended: Vec<(u64, String)>,
    /// Calls that came back refused.
    pub refused: Vec<u64>,
    /// Calls that came back in doubt.
    pub doubtful: Vec<u64>,
    /// Bodies that left their effect in the file beside the trail.
    pub effects: Vec<u64>,
}

impl Told {
    /// Reads what a program wrote to its standard output; a line cut by the kill was not said.
    pub fn hear(&mut self, said: &str) {
        let mut stream = StreamId::NONE;
        for line in said.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            let words: Vec<&str> = line.split(' ').collect();
            let number = |at: usize| words.get(at).and_then(|word| word.parse::<u64>().ok());
            match (words.first().copied(), number(1), number(2)) {
                (Some("S"), ..) => stream = words.get(1).and_then(|s| StreamId::parse(s)).unwrap_or(StreamId::NONE),
                (Some("A"), Some(seq), Some(hash)) => self.acknowledged.push((stream, seq, hash)),
                (Some("T"), Some(n), _) => self.ended.push((n, words.get(2).copied().unwrap_or_default().to_owned())),
                (Some("X"), Some(n), _) => self.refused.push(n),
                (Some("D"), Some(n), _) => self.doubtful.push(n),
                _ => {}
            }
        }
    }

    /// Reads the effects.
    pub fn look_at(&mut self, effects: &Path) {
        let bytes = std::fs::read(effects).unwrap_or_default();
        let (whole, _) = bytes.as_chunks::<8>();
        self.effects = whole.iter().map(|n| u64::from_le_bytes(*n)).collect();
    }
}

/// What a check looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Checked {
    /// Node states.
    pub entries: u64,
    /// Of these, closed by recovery.
    pub abandoned: u64,
    /// Records whose acknowledged bytes were compared.
    pub bytes: u64,
    /// Calls that had come back to their caller.
    pub ended: u64,
    /// Bodies that had left an effect.
    pub effects: u64,
    /// Bytes torn by the kill.
    pub torn_bytes: u64,
}

impl Checked {
    /// Adds another check.
    pub fn add(&mut self, other: &Checked) {
        self.entries += other.entries;
        self.abandoned += other.abandoned;
        self.bytes += other.bytes;
        self.ended += other.ended;
        self.effects += other.effects;
        self.torn_bytes += other.torn_bytes;
    }
}

/// Every invariant of a settled trail against what its programs had been told.
///
/// # Errors
/// Each violation, as a sentence.
pub fn check(trail: &Path, told: &Told) -> Result<(Story, Checked), Vec<String>> {
    let story = Story::read(trail).map_err(|error| vec![format!("I6 the trail cannot be read: {error}")])?;
    let mut wrong = Vec::new();
    for (stream, seq, hash) in &told.acknowledged {
        match story.stored.get(&(*stream, *seq)) {
            None => wrong.push(format!("I1 record {seq} of {stream} was acknowledged and is lost")),
            Some(stored) if stored != hash => wrong.push(format!("I3 record {seq} of {stream} has other bytes")),
            Some(_) => {}
        }
    }
    for (id, entry) in &story.entries {
        if entry.ends.len() != 1 {
            wrong.push(format!("I2 {id} ({}, {:?}) has {} terminals", entry.node, entry.n, entry.ends.len()));
        }
    }
    wrong.extend(story.orphans.iter().map(|id| format!("I4 {id} has a terminal and no opening")));
    let processes = |run: &Id| 1 + story.resumes.get(run).copied().unwrap_or(0);
    for (id, ends) in story.runs.iter().filter(|(id, ends)| ends.len() != processes(id)) {
        wrong.push(format!("I2 run {id} has {} ends", ends.len()));
    }
    let mut by_number: HashMap<u64, Vec<(&Id, &Entry)>> = HashMap::new();
    for (id, entry) in &story.entries {
        if let Some(n) = entry.n {
            by_number.entry(n).or_default().push((id, entry));
        }
    }
    for n in &told.effects {
        match by_number.get(n).map_or(0, Vec::len) {
            1 => {}
            0 => wrong.push(format!("I5 body {n} ran and has no opening")),
            many => wrong.push(format!("I5 body {n} has {many} openings")),
        }
    }
    for (n, exit) in &told.ended {
        match by_number.get(n).map(Vec::as_slice) {
            Some([(id, entry)]) => {
                let own = entry.ends.iter().find(|(stream, _)| *stream == id.stream);
                match own.map(|(_, record)| record.header.exit.name()) {
                    None => wrong.push(format!("I3 call {n} came back and its own terminal is lost")),
                    Some(stored) if stored != exit => wrong.push(format!("I3 call {n}: {exit} became {stored}")),
                    Some(_) => {}
                }
            }
            _ => wrong.push(format!("I1 call {n} came back and has no single opening")),
        }
    }
    let ran: BTreeSet<u64> = told.effects.iter().copied().collect();
    let refused_but_ran = told.refused.iter().filter(|n| ran.contains(n));
    wrong.extend(refused_but_ran.map(|n| format!("I8 call {n} was refused and its body ran")));
    if story.strays > 0 {
        wrong.push(format!("I6 {} whole frames stand behind a tear", story.strays));
    }
    match verify(&Layout::at(trail), &mut |_| {}) {
        Err(error) => wrong.push(format!("I6 {error}")),
        Ok(verdict) => {
            let bad = verdict.findings.iter().filter(|finding| finding.weight == Weight::Integrity);
            wrong.extend(bad.map(|finding| format!("I6 {finding:?}")));
        }
    }
    let abandoned = story.entries.values().filter(|e| e.end() == Some((Status::Abandoned, Exit::Lost))).count();
    let checked = Checked {
        entries: story.entries.len() as u64,
        abandoned: abandoned as u64,
        bytes: told.acknowledged.len() as u64,
        ended: told.ended.len() as u64,
        effects: told.effects.len() as u64,
        torn_bytes: story.torn_bytes,
    };
    if wrong.is_empty() { Ok((story, checked)) } else { Err(wrong) }
}
