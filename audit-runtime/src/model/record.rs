//! A record: 128 bytes of fixed little-endian header, then a CBOR map with integer keys. `docs/format.md` is the same
//! layout for people.

use super::cbor::{self, Decoder, Value};
use super::id::{Id, RunId, StreamId};
use super::kind::{Key, Kind, Shape};
use super::status::{Durability, Exit, Status};

/// The format that this build writes.
pub const VERSION: u8 = 1;
/// Size of the header in bytes.
pub const HEADER: usize = 128;
/// Largest record, header included.
pub const MAX_RECORD: usize = 1 << 20;
/// Where the sequence stands in the header, so that it can be stored under the lock that gives it.
pub const SEQ_AT: usize = 8;

/// Bits of [`Header::flags`].
pub mod flag {
    /// Counts only if the commit of its group follows.
    pub const GROUPED: u8 = 1;
    /// A terminal that was spooled by its owner and placed by recovery.
    pub const SPOOLED: u8 = 2;
    /// Written while the recorder was degraded.
    pub const DEGRADED: u8 = 4;
    /// Its run goes on although its contract could not be declared.
    pub const UNCONTRACTED: u8 = 8;
    /// All bits that have a meaning.
    pub const ALL: u8 = GROUPED | SPOOLED | DEGRADED | UNCONTRACTED;
}

/// The fixed part of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the record states.
    pub kind: Kind,
    /// Bits of [`flag`].
    pub flags: u8,
    /// Status after this record.
    pub status: Status,
    /// How the body ended.
    pub exit: Exit,
    /// The durability that was promised for it.
    pub durability: Durability,
    /// Position in the stream.
    pub seq: u64,
    /// Wall time, ns since 1970 UTC; for people.
    pub wall_ns: i64,
    /// Monotonic time, ns since the stream began.
    pub mono_ns: u64,
    /// The run that owns it.
    pub run: RunId,
    /// What it is about, when that was created by another record.
    pub subject: Id,
    /// The node state or run it happened in.
    pub parent: Id,
    /// Ordinal of a visit at a node, from 0.
    pub attempt: u32,
    /// The site's number in this stream, from 1; 0 is none.
    pub site: u32,
    /// From opening to terminal, monotonic ns; 0 for records that end nothing.
    pub duration_ns: u64,
}

impl Header {
    /// A header of this kind that refers to nothing.
    #[must_use]
    pub const fn new(kind: Kind) -> Header {
        Header {
            kind,
            flags: 0,
            status: Status::None,
            exit: Exit::None,
            durability: Durability::Process,
            seq: 0,
            wall_ns: 0,
            mono_ns: 0,
            run: RunId::NONE,
            subject: Id::NONE,
            parent: Id::NONE,
            attempt: 0,
            site: 0,
            duration_ns: 0,
        }
    }

    /// The 128 bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER] {
        let mut out = [0u8; HEADER];
        out[0] = VERSION;
        out[1] = self.flags;
        out[2..4].copy_from_slice(&self.kind.code().to_le_bytes());
        out[4] = self.status.code();
        out[5] = self.exit.code();
        out[6] = self.durability.code();
        out[8..16].copy_from_slice(&self.seq.to_le_bytes());
        out[16..24].copy_from_slice(&self.wall_ns.to_le_bytes());
        out[24..32].copy_from_slice(&self.mono_ns.to_le_bytes());
        out[32..48].copy_from_slice(&self.run.0.stream.0);
        out[48..56].copy_from_slice(&self.run.0.seq.to_le_bytes());
        out[56..72].copy_from_slice(&self.subject.stream.0);
        out[72..80].copy_from_slice(&self.subject.seq.to_le_bytes());
        out[80..84].copy_from_slice(&self.subject.ord.to_le_bytes());
        out[84..88].copy_from_slice(&self.attempt.to_le_bytes());
        out[88..104].copy_from_slice(&self.parent.stream.0);
        out[104..112].copy_from_slice(&self.parent.seq.to_le_bytes());
        out[112..116].copy_from_slice(&self.parent.ord.to_le_bytes());
        out[116..120].copy_from_slice(&self.site.to_le_bytes());
        out[120..128].copy_from_slice(&self.duration_ns.to_le_bytes());
        out
    }

    /// Reads the fixed part.
    ///
    /// # Errors
    /// [`Invalid::UnknownVersion`] and [`Invalid::UnknownKind`] for records of a later format; [`Invalid::Field`] for a
    /// byte that names no member of its set.
    pub fn decode(bytes: &[u8]) -> Result<Header, Invalid> {
        let Some(h) = bytes.get(..HEADER) else {
            return Err(Invalid::Short { len: bytes.len() });
        };
        if h[0] != VERSION {
            return Err(Invalid::UnknownVersion(h[0]));
        }
        let code = u16::from_le_bytes([h[2], h[3]]);
        let kind = Kind::from_code(code).ok_or(Invalid::UnknownKind(code))?;
        let coded = |field, code: u8| Invalid::Field { kind, field, why: format!("{code} names none") };
        if h[1] & !flag::ALL != 0 {
            return Err(coded("flags", h[1]));
        }
        if h[7] != 0 {
            return Err(coded("reserved", h[7]));
        }
        Ok(Header {
            kind,
            flags: h[1],
            status: Status::from_code(h[4]).ok_or_else(|| coded("status", h[4]))?,
            exit: Exit::from_code(h[5]).ok_or_else(|| coded("exit", h[5]))?,
            durability: Durability::from_code(h[6]).ok_or_else(|| coded("durability", h[6]))?,
            seq: u64_at(h, 8),
            wall_ns: u64_at(h, 16) as i64,
            mono_ns: u64_at(h, 24),
            run: RunId(Id { stream: stream_at(h, 32), seq: u64_at(h, 48), ord: 0 }),
            subject: Id { stream: stream_at(h, 56), seq: u64_at(h, 72), ord: u32_at(h, 80) },
            parent: Id { stream: stream_at(h, 88), seq: u64_at(h, 104), ord: u32_at(h, 112) },
            attempt: u32_at(h, 84),
            site: u32_at(h, 116),
            duration_ns: u64_at(h, 120),
        })
    }
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut n = [0u8; 8];
    n.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(n)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut n = [0u8; 4];
    n.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(n)
}

fn stream_at(bytes: &[u8], at: usize) -> StreamId {
    let mut id = [0u8; 16];
    id.copy_from_slice(&bytes[at..at + 16]);
    StreamId(id)
}

/// Why bytes are no record of ours. Nothing is ever coerced to a default.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Invalid {
    /// Shorter than a header.
    Short {
        /// Bytes there are.
        len: usize,
    },
    /// Written by a later format.
    UnknownVersion(u8),
    /// A kind that this build does not know; readers skip and count it.
    UnknownKind(u16),
    /// A field that cannot be.
    Field {
        /// The record's kind.
        kind: Kind,
        /// The field's name.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The body is not the CBOR that bodies use.
    Body {
        /// The record's kind.
        kind: Kind,
        /// Where and why.
        cause: cbor::Malformed,
    },
}

impl std::fmt::Display for Invalid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Invalid::Short { len } => write!(f, "a record of {len} bytes is shorter than its header"),
            Invalid::UnknownVersion(v) => write!(f, "format version {v} is newer than this build"),
            Invalid::UnknownKind(k) => write!(f, "record kind {k} is unknown to this build"),
            Invalid::Field { kind, field, why } => write!(f, "{}.{field}: {why}", kind.name()),
            Invalid::Body { kind, cause } => write!(f, "body of {} at byte {}: {}", kind.name(), cause.at, cause.why),
        }
    }
}

/// Writes a body: one map, opened at creation, closed by [`finish`](BodyWriter::finish).
#[derive(Debug, Default)]
pub struct BodyWriter {
    out: Vec<u8>,
}

impl BodyWriter {
    /// An empty body.
    #[must_use]
    pub fn new() -> Self {
        // Room for what most records say, so that it is asked for once.
        Self::reusing(Vec::with_capacity(256))
    }

    /// An empty body in a buffer that is used again.
    #[must_use]
    pub fn reusing(mut out: Vec<u8>) -> Self {
        out.clear();
        out.push(0xbf);
        BodyWriter { out }
    }

    fn key(&mut self, key: Key) {
        cbor::head(&mut self.out, 0, u64::from(key.code()));
    }

    /// Adds a text.
    pub fn text(&mut self, key: Key, text: &str) -> &mut Self {
        self.key(key);
        cbor::head(&mut self.out, 3, text.len() as u64);
        self.out.extend_from_slice(text.as_bytes());
        self
    }

    /// Adds a text unless there is none.
    pub fn maybe(&mut self, key: Key, text: Option<&str>) -> &mut Self {
        if let Some(text) = text {
            self.text(key, text);
        }
        self
    }

    /// Adds an integer.
    pub fn uint(&mut self, key: Key, n: u64) -> &mut Self {
        self.key(key);
        cbor::head(&mut self.out, 0, n);
        self
    }

    /// Adds bytes.
    pub fn bytes(&mut self, key: Key, bytes: &[u8]) -> &mut Self {
        self.key(key);
        cbor::head(&mut self.out, 2, bytes.len() as u64);
        self.out.extend_from_slice(bytes);
        self
    }

    /// Adds `true`; false is absence.
    pub fn yes(&mut self, key: Key) -> &mut Self {
        self.key(key);
        self.out.push(0xf5);
        self
    }

    /// Adds a digest slot.
    pub fn slot(&mut self, key: Key, slot: &super::digest::Slot) -> &mut Self {
        self.key(key);
        super::slot::encode(&mut self.out, slot);
        self
    }

    /// Adds an id.
    pub fn id(&mut self, key: Key, id: Id) -> &mut Self {
        let mut bytes = [0u8; 28];
        bytes[..16].copy_from_slice(&id.stream.0);
        bytes[16..24].copy_from_slice(&id.seq.to_be_bytes());
        bytes[24..].copy_from_slice(&id.ord.to_be_bytes());
        self.bytes(key, &bytes)
    }

    /// Adds any value.
    pub fn value(&mut self, key: Key, value: &Value) -> &mut Self {
        self.key(key);
        cbor::encode(&mut self.out, value);
        self
    }

    /// Copies a field that is already encoded.
    pub fn raw(&mut self, key: Key, item: &[u8]) -> &mut Self {
        self.key(key);
        self.out.extend_from_slice(item);
        self
    }

    /// The body's bytes.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.out.push(0xff);
        self.out
    }
}

/// A decoded body: fields in stored order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Body {
    /// The fields that this build knows.
    pub fields: Vec<(Key, Value)>,
    /// How many fields it does not know; they are kept on disk and skipped here.
    pub unknown: usize,
}

impl Body {
    fn decode(kind: Kind, bytes: &[u8]) -> Result<Body, Invalid> {
        let malformed = |cause| Invalid::Body { kind, cause };
        let mut body = Body::default();
        let mut decoder = Decoder::new(bytes);
        decoder.open_map().map_err(malformed)?;
        while !decoder.closes() {
            let code = decoder.value().map_err(malformed)?;
            let value = decoder.value().map_err(malformed)?;
            let Some(code) = code.as_uint() else {
                return Err(Invalid::Field { kind, field: "body", why: "a key that is no integer".into() });
            };
            let Some(key) = Key::from_code(code) else {
                body.unknown += 1;
                continue;
            };
            if body.get(key).is_some() {
                return Err(Invalid::Field { kind, field: key.name(), why: "stands twice".into() });
            }
            check_shape(kind, key, &value)?;
            body.fields.push((key, value));
        }
        if decoder.position() != bytes.len() {
            return Err(malformed(cbor::Malformed { at: decoder.position(), why: "bytes behind the body" }));
        }
        Ok(body)
    }

    /// The value of a field.
    #[must_use]
    pub fn get(&self, key: Key) -> Option<&Value> {
        self.fields.iter().find(|(k, _)| *k == key).map(|(_, v)| v)
    }

    /// A text field.
    #[must_use]
    pub fn text(&self, key: Key) -> Option<&str> {
        self.get(key)?.as_text()
    }

    /// An integer field.
    #[must_use]
    pub fn uint(&self, key: Key) -> Option<u64> {
        self.get(key)?.as_uint()
    }

    /// A byte field.
    #[must_use]
    pub fn bytes(&self, key: Key) -> Option<&[u8]> {
        self.get(key)?.as_bytes()
    }

    /// Whether a truth value stands and is true.
    #[must_use]
    pub fn is(&self, key: Key) -> bool {
        self.get(key) == Some(&Value::Bool(true))
    }

    /// A stream field.
    #[must_use]
    pub fn stream(&self, key: Key) -> Option<StreamId> {
        Some(StreamId(self.bytes(key)?.try_into().ok()?))
    }

    /// A slot field.
    #[must_use]
    pub fn slot(&self, key: Key) -> Option<super::digest::Slot> {
        super::slot::decode(self.get(key)?)
    }

    /// An id field.
    #[must_use]
    pub fn id(&self, key: Key) -> Option<Id> {
        Id::from_bytes(self.bytes(key)?)
    }
}

/// Whether a value has the shape that its key asks for.
fn check_shape(kind: Kind, key: Key, value: &Value) -> Result<(), Invalid> {
    let fits = match (key.shape(), value) {
        (Shape::Text, Value::Text(_))
        | (Shape::Uint, Value::Uint(_))
        | (Shape::Bytes, Value::Bytes(_))
        | (Shape::Bool, Value::Bool(_))
        | (Shape::List, Value::Array(_)) => true,
        (Shape::Map, Value::Map(pairs)) => pairs.iter().all(|(k, _)| k.as_text().is_some()),
        (Shape::Id, Value::Bytes(bytes)) => bytes.len() == 28,
        (Shape::Slot, value) => super::slot::decode(value).is_some(),
        _ => false,
    };
    if fits { Ok(()) } else { Err(Invalid::Field { kind, field: key.name(), why: format!("is no {}", key.shape()) }) }
}

/// A whole record.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The fixed part.
    pub header: Header,
    /// The fields.
    pub body: Body,
}

impl Record {
    /// Reads and checks a record: known version and kind, known codes, required fields present, shapes right, and the
    /// status matrix of node states and runs.
    ///
    /// # Errors
    /// [`Invalid`], naming record and field.
    pub fn decode(bytes: &[u8]) -> Result<Record, Invalid> {
        let header = Header::decode(bytes)?;
        let body = Body::decode(header.kind, &bytes[HEADER..])?;
        let record = Record { header, body };
        super::check::check(&record)?;
        Ok(record)
    }

    /// The id of what this record created or is about.
    #[must_use]
    pub fn subject(&self, stream: StreamId) -> Id {
        self.header.subject.some().unwrap_or(Id::new(stream, self.header.seq))
    }
}
