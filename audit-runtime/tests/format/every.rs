//! A trail in which every kind of record stands, at every status and exit that it may have, with every field that it may
//! have there: what a story told through the program's doors would hardly come by, such as a purge beside a time-out.

use audit_runtime::journal::Layout;
use audit_runtime::journal::frame::{self, SPOOL_SEGMENT, SegmentHeader};
use audit_runtime::journal::layout::FORMAT_LINE;
use audit_runtime::journal::tree::Tree;
use audit_runtime::model::cbor::Value;
use audit_runtime::model::kind::Shape;
use audit_runtime::model::outcome::PAIRS;
use audit_runtime::model::record::{Invalid, flag};
use audit_runtime::model::{BodyWriter, Durability, Exit, Header, Id, Key, Kind, Record, RunId, Status, StreamId};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const STREAM: StreamId = StreamId([0x5a; 16]);
const OTHER: StreamId = StreamId([0xa5; 16]);

/// What stands in frozen trails, by the codes on disk.
#[derive(Default)]
pub struct Known {
    kinds: BTreeSet<u64>,
    /// A kind with a field of it.
    fields: BTreeSet<(u64, u64)>,
}

impl Known {
    /// Takes in the lines of a dump.
    pub fn take(&mut self, lines: &[serde_json::Value]) {
        for line in lines {
            let Some(kind) = line["kind"].as_u64() else { continue };
            self.kinds.insert(kind);
            let fields = line["body"].as_array().into_iter().flatten();
            self.fields.extend(fields.filter_map(|field| Some((kind, field[0].as_u64()?))));
        }
    }

    /// Kinds that are not there, or not with every field that they may have.
    pub fn missing(&self) -> Vec<Kind> {
        let is_missing = |kind: &Kind| {
            let code = u64::from(kind.code());
            let unknown = |key: &Key| !self.fields.contains(&(code, u64::from(key.code())));
            !self.kinds.contains(&code) || kind.required().iter().chain(kind.optional()).any(unknown)
        };
        Kind::ALL.iter().copied().filter(is_missing).collect()
    }
}

fn text(key: Key) -> Value {
    Value::Text(format!("{} ß 日本 \u{1f600}", key.name()))
}

fn id(n: u64) -> Value {
    let parts: [&[u8]; 3] = [&OTHER.0, &n.to_be_bytes(), &3u32.to_be_bytes()];
    Value::Bytes(parts.concat())
}

/// A slot of each form in turn; some fields take plain digests alone.
fn slot(key: Key) -> Value {
    let (bytes, scope) = (Value::Bytes(vec![key.code() as u8; 32]), Value::Uint(1));
    let plain = [Key::Payload, Key::Sanitised, Key::ErrorDigest, Key::Content, Key::ReasonDigest, Key::Topology];
    Value::Array(match key.code() % 3 {
        1 if !plain.contains(&key) => vec![Value::Uint(2), scope, bytes, Value::Text("key-1".into())],
        2 if !plain.contains(&key) => vec![Value::Uint(0), Value::Uint(1), Value::Uint(0)],
        _ => vec![Value::Uint(1), scope, bytes],
    })
}

fn list(key: Key) -> Value {
    let named = |name: &str| (Value::Text(name.into()), Value::Text(format!("{name} of a thing")));
    Value::Array(match key {
        Key::Parents | Key::States => vec![id(1), id(u64::MAX)],
        Key::Branches => vec![Value::Text("left".into()), Value::Text("right".into())],
        Key::Payloads => vec![Value::Bytes(vec![7; 32]), Value::Bytes(vec![8; 32])],
        Key::Expectations => vec![Value::Map(vec![named("domain"), named("action")])],
        _ => vec![text(key), Value::Array(vec![text(key), Value::Uint(9)])],
    })
}

/// Whatever a map may hold.
fn map(key: Key) -> Value {
    let one = |name: &str, value: Value| (Value::Text(name.into()), value);
    Value::Map(vec![
        one("text", text(key)),
        one("empty", Value::Text(String::new())),
        one("negative", Value::Int(-1_000_000_007)),
        one("double", Value::Float(-0.1)),
        one("truth", Value::Bool(false)),
        one("nothing", Value::Null),
        one("list", Value::Array(vec![Value::Uint(23), Value::Uint(24), Value::Uint(1 << 40)])),
    ])
}

fn value(header: &Header, key: Key, path: Option<(&str, &str)>) -> Value {
    match (key, path) {
        (Key::Decision, _) => Value::Text(header.status.name().into()),
        (Key::Outcome, _) => Value::Text("rolled_back".into()),
        (Key::TokenOutcome, Some((outcome, _))) => Value::Text(outcome.into()),
        (Key::Path, Some((_, path))) => Value::Text(path.into()),
        (Key::Children, _) => Value::Uint(2),
        (Key::Stream, _) => Value::Bytes(OTHER.0.to_vec()),
        (Key::First, _) => Value::Uint(header.seq.saturating_sub(1)),
        (Key::OutputDigest, _) => Value::Array(vec![Value::Uint(1), Value::Uint(1), Value::Bytes(vec![1; 32])]),
        _ => match key.shape() {
            Shape::Text => text(key),
            Shape::Uint => Value::Uint(u64::from(key.code()).pow(u32::from(key.code() % 7))),
            Shape::Bytes => Value::Bytes((0..16).collect()),
            Shape::Bool => Value::Bool(true),
            Shape::List => list(key),
            Shape::Map => map(key),
            Shape::Slot => slot(key),
            Shape::Id => id(u64::from(key.code())),
            shape => panic!("nobody has said what a {shape} looks like"),
        },
    }
}

fn encoded(header: &Header, keys: &[Key], path: Option<(&str, &str)>) -> Vec<u8> {
    let mut body = BodyWriter::new();
    for key in keys {
        body.value(*key, &value(header, *key, path));
    }
    [&header.encode()[..], &body.finish()].concat()
}

/// The record with all fields that go together there; `None` where this kind cannot stand so.
fn fullest(header: Header, path: Option<(&str, &str)>) -> Option<Vec<u8>> {
    let mut keys: Vec<Key> = header.kind.required().iter().chain(header.kind.optional()).copied().collect();
    loop {
        let bytes = encoded(&header, &keys, path);
        let field = match Record::decode(&bytes) {
            Ok(_) => return Some(bytes),
            Err(Invalid::Field { field, .. }) => field,
            Err(_) => return None,
        };
        // A field that must not stand here goes; what is missing or cannot be otherwise ends the attempt.
        let before = keys.len();
        let required = header.kind.required();
        keys.retain(|key| key.name() != field || required.contains(key));
        if keys.len() == before {
            return None;
        }
    }
}

/// The trail's records, with what has been given a place so far.
#[derive(Default)]
struct Script {
    records: Vec<Vec<u8>>,
}

impl Script {
    fn header(&self, kind: Kind, (status, exit): (Status, Exit)) -> Header {
        let seq = self.records.len() as u64;
        let flags = [0, flag::DEGRADED, flag::UNCONTRACTED, flag::SPOOLED][seq as usize % 4];
        Header {
            flags,
            status,
            exit,
            durability: Durability::ALL[seq as usize % Durability::ALL.len()],
            seq,
            wall_ns: if seq.is_multiple_of(5) { -1 - seq as i64 } else { 1_700_000_000_000_000_000 + seq as i64 },
            mono_ns: seq << 40,
            run: RunId(Id::new(OTHER, 7)),
            subject: Id { ord: u32::MAX, ..Id::new(OTHER, seq) },
            attempt: seq as u32,
            parent: Id { ord: 2, ..Id::new(OTHER, u64::MAX - seq) },
            site: u32::MAX - seq as u32,
            duration_ns: u64::MAX - seq,
            ..Header::new(kind)
        }
    }

    /// The kind at each status and exit that it may have.
    fn take(&mut self, kind: Kind) {
        let none: &[Exit] = &[Exit::None];
        for status in Status::ALL {
            let stands = |exit: &Exit| fullest(self.header(kind, (*status, *exit)), None).is_some();
            let exits = if stands(&Exit::None) { none } else { Exit::ALL };
            for exit in exits {
                let record = fullest(self.header(kind, (*status, *exit)), None);
                self.records.extend(record);
            }
            if *status == Status::None && !self.records.is_empty() && self.ends_with(kind) {
                return;
            }
        }
    }

    fn ends_with(&self, kind: Kind) -> bool {
        self.records.last().is_some_and(|bytes| Header::decode(bytes).is_ok_and(|header| header.kind == kind))
    }

    /// A token's outcome has the fields of its path.
    fn outcomes(&mut self) {
        for pair in PAIRS {
            let header = self.header(Kind::TokenOutcome, (Status::Ended, Exit::None));
            self.records.extend(fullest(header, Some((pair.outcome.unwrap_or_default(), pair.path))));
        }
    }

    /// Two records of which only the second one is committed, as its commit says.
    fn group(&mut self, commit: Kind) {
        for _ in 0..2 {
            let header = self.header(Kind::Note, (Status::None, Exit::None));
            self.records.extend(fullest(Header { flags: flag::GROUPED, ..header }, None));
        }
        let header = self.header(commit, (Status::None, Exit::None));
        self.records.extend(fullest(Header { flags: 0, ..header }, None));
    }

    /// The records in two segments, and behind them the one that attests them.
    fn store(mut self, into: &Path, closed: bool) {
        let layout = Layout::at(into);
        fs::create_dir_all(layout.stream_dir(STREAM)).expect("a directory");
        fs::create_dir_all(into.join("spool")).expect("a directory");
        fs::write(into.join("format"), FORMAT_LINE).expect("written");
        let half = self.records.len() / 2;
        let mut tree = Tree::new();
        self.records.iter().for_each(|record| tree.push(record));
        let mut segments: Vec<Vec<u8>> = Vec::new();
        for (seq, record) in self.records.iter().enumerate() {
            if seq == 0 || seq == half {
                let number = segments.len() as u32;
                let header = SegmentHeader { stream: STREAM, number, first_seq: seq as u64, wall_ns: -5 };
                segments.push(header.encode().to_vec());
            }
            push(&mut segments, record);
        }
        if closed {
            let mut body = BodyWriter::new();
            let offset = segments.last().map_or(0, Vec::len) as u64;
            body.uint(Key::Records, self.records.len() as u64).uint(Key::Segment, segments.len() as u64 - 1);
            body.uint(Key::Offset, offset).bytes(Key::Root, &tree.root()).uint(Key::TornBytes, 0);
            body.value(Key::Counts, &map(Key::Counts)).value(Key::Sites, &list(Key::Sites));
            let header = Header { flags: 0, ..self.header(Kind::StreamClosed, (Status::None, Exit::None)) };
            self.records.push([&header.encode()[..], &body.finish()].concat());
            push(&mut segments, &self.records[self.records.len() - 1]);
        }
        let mut spooled = Vec::new();
        for terminal in self.records.iter().filter(|record| record[2] == Kind::StateClosed.code() as u8) {
            frame::write(&mut spooled, frame::seed(STREAM, SPOOL_SEGMENT), terminal, b"");
        }
        fs::write(into.join("spool").join(format!("{}.spool", STREAM.text())), spooled).expect("written");
        for (number, bytes) in segments.iter().enumerate() {
            fs::write(layout.segment(STREAM, number as u32), bytes).expect("written");
        }
    }
}

fn push(segments: &mut [Vec<u8>], record: &[u8]) {
    let number = segments.len() as u32 - 1;
    if let Some(segment) = segments.last_mut() {
        frame::write(segment, frame::seed(STREAM, number), record, b"");
    }
}

/// Makes a trail with these kinds.
pub fn every_trail(into: &Path, wanted: &[Kind]) {
    let mut script = Script::default();
    for kind in wanted {
        match kind {
            Kind::StreamClosed => {}
            Kind::TokenOutcome => script.outcomes(),
            Kind::GroupCommitted | Kind::StreamSettled => script.group(*kind),
            kind => script.take(*kind),
        }
    }
    script.store(into, wanted.contains(&Kind::StreamClosed));
}
