//! Ids are places: a stream, a sequence in it, and the ordinal within the record. No generator, no collisions.

use std::fmt;

/// Crockford's alphabet in lower case: no `i`, `l`, `o`, `u`, so that an id survives being read aloud.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Characters of a whole stream id: 128 bits, five a character, the last one carries three.
const STREAM_CHARS: usize = 26;
/// The shortest prefix that is ever printed.
pub const MIN_PREFIX: usize = 6;

/// The journal of one process: 128 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct StreamId(pub [u8; 16]);

impl StreamId {
    /// No stream; stands in a header where there is nothing to refer to.
    pub const NONE: StreamId = StreamId([0; 16]);

    /// Whether this is [`StreamId::NONE`].
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// All 26 characters.
    #[must_use]
    pub fn text(self) -> String {
        let bits = u128::from_be_bytes(self.0);
        (0..STREAM_CHARS)
            .map(|i| {
                let shift = 123 - 5 * i as i32;
                let digit = if shift >= 0 { bits >> shift } else { bits << -shift };
                char::from(ALPHABET[(digit & 31) as usize])
            })
            .collect()
    }

    /// The first `chars` characters, at least [`MIN_PREFIX`].
    #[must_use]
    pub fn prefix(self, chars: usize) -> String {
        let mut text = self.text();
        text.truncate(chars.clamp(MIN_PREFIX, STREAM_CHARS));
        text
    }

    /// Reads a whole id of 26 characters; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<StreamId> {
        if text.len() != STREAM_CHARS {
            return None;
        }
        let mut bits: u128 = 0;
        for (i, c) in text.bytes().enumerate() {
            let digit = ALPHABET.iter().position(|a| *a == c.to_ascii_lowercase())? as u128;
            let shift = 123 - 5 * i as i32;
            if shift >= 0 {
                bits |= digit << shift;
            } else if digit & 3 == 0 {
                bits |= digit >> -shift;
            } else {
                return None;
            }
        }
        Some(StreamId(bits.to_be_bytes()))
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.prefix(if f.alternate() { STREAM_CHARS } else { MIN_PREFIX }))
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// An entity: the place of the record that created it. Printed `7k3q9d-1041`, or `7k3q9d-1041.2` for the second child
/// that one record made (ordinal 0 is the record's own entity); the alternate form (`{:#}`) prints the whole stream id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Id {
    /// The stream whose record created the entity.
    pub stream: StreamId,
    /// Position of that record in its stream, from 0.
    pub seq: u64,
    /// Which of the record's entities, from 0.
    pub ord: u32,
}

impl Id {
    /// Refers to nothing.
    pub const NONE: Id = Id { stream: StreamId::NONE, seq: 0, ord: 0 };

    /// The first entity of record `seq` of `stream`.
    #[must_use]
    pub const fn new(stream: StreamId, seq: u64) -> Id {
        Id { stream, seq, ord: 0 }
    }

    /// Reads the 28 bytes that stand for an id in a body.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Id> {
        Some(Id {
            stream: StreamId(bytes.get(..16)?.try_into().ok()?),
            seq: u64::from_be_bytes(bytes.get(16..24)?.try_into().ok()?),
            ord: u32::from_be_bytes(bytes.get(24..28)?.try_into().ok()?),
        })
    }

    /// Whether this refers to nothing.
    #[must_use]
    pub fn is_none(self) -> bool {
        self.stream.is_none()
    }

    /// `Some(self)` unless it refers to nothing.
    #[must_use]
    pub fn some(self) -> Option<Id> {
        (!self.is_none()).then_some(self)
    }

    /// With `chars` characters of the stream id.
    #[must_use]
    pub fn text(self, chars: usize) -> String {
        let stream = self.stream.prefix(chars);
        match self.ord {
            0 => format!("{stream}-{}", self.seq),
            ord => format!("{stream}-{}.{ord}", self.seq),
        }
    }

    /// Reads an id with a whole stream id; prefixes are resolved by the trail, which knows its streams.
    #[must_use]
    pub fn parse(text: &str) -> Option<Id> {
        let (stream, seq, ord) = split(text)?;
        Some(Id { stream: StreamId::parse(stream)?, seq, ord })
    }
}

/// The parts of a printed id: stream or prefix of it, sequence, ordinal.
#[must_use]
pub fn split(text: &str) -> Option<(&str, u64, u32)> {
    let (stream, place) = text.split_once('-')?;
    let (seq, ord) = match place.split_once('.') {
        Some((seq, ord)) => (seq, ord.parse().ok()?),
        None => (place, 0),
    };
    Some((stream, seq.parse().ok()?, ord))
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(if f.alternate() { STREAM_CHARS } else { MIN_PREFIX }))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(STREAM_CHARS))
    }
}

/// A run, by the place of its `RUN_STARTED` record.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct RunId(pub Id);

impl RunId {
    /// Work that belongs to no run.
    pub const NONE: RunId = RunId(Id::NONE);
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_id_survives_its_text() {
        for bytes in [[0xff; 16], [7; 16], [0; 16]] {
            let id = StreamId(bytes);
            assert_eq!(StreamId::parse(&id.text()), Some(id));
        }
        assert_eq!(StreamId([0xff; 16]).text().len(), 26);
    }

    #[test]
    fn a_character_that_carries_no_bits_is_refused() {
        let mut text = StreamId([0; 16]).text();
        text.replace_range(25.., "1");
        assert_eq!(StreamId::parse(&text), None);
    }

    #[test]
    fn ordinal_zero_is_not_printed() {
        let id = Id::new(StreamId([7; 16]), 1041);
        assert!(id.to_string().ends_with("-1041"));
        assert!(Id { ord: 2, ..id }.to_string().ends_with("-1041.2"));
        assert_eq!(Id::parse(&format!("{id:#}")), Some(id));
    }
}
