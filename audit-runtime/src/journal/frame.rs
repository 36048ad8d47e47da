//! A record's bytes on disk, and a segment's header.
//!
//! ```text
//! segment  0  magic "AUDITSEG"      8  format version u16, 0 u16    12 number u32     16 stream id (16)
//!          32 first sequence u64    40 wall ns i64                  48 zeros (12)     60 CRC-32C of bytes 0..60
//!          64 frames …              zeros to the end
//! frame    0  length of the record u32     4  CRC-32C u32     8  record     zeros to a multiple of 8
//! ```
//! The frame's checksum covers stream id, segment number, length and record, so that bytes of another stream or of a
//! recycled segment never parse. All integers are little-endian. A length of 0 ends the segment.

use crate::model::StreamId;
use crate::model::record::{HEADER, MAX_RECORD};

/// Size of a segment's header.
pub const SEGMENT_HEADER: usize = 64;
/// Length and checksum.
pub const FRAME_HEAD: usize = 8;
/// What segments begin with.
pub const MAGIC: &[u8; 8] = b"AUDITSEG";
/// The layout that this build writes.
pub const FORMAT: u16 = 1;
/// Number under which spooled frames are checksummed: no segment reaches it.
pub const SPOOL_SEGMENT: u32 = u32::MAX;

/// Bytes that a record of `len` bytes takes in a segment.
#[must_use]
pub const fn framed(len: usize) -> usize {
    (FRAME_HEAD + len).next_multiple_of(8)
}

/// Checksum over what every frame of this segment has in common.
#[must_use]
pub fn seed(stream: StreamId, segment: u32) -> u32 {
    let mut common = [0u8; 20];
    common[..16].copy_from_slice(&stream.0);
    common[16..].copy_from_slice(&segment.to_le_bytes());
    crc32c::crc32c(&common)
}

/// The frame's checksum.
#[must_use]
pub fn checksum(seed: u32, record: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(seed, &(record.len() as u32).to_le_bytes()), record)
}

/// Appends a frame whose record is `header` then `body`.
pub fn write(out: &mut Vec<u8>, seed: u32, header: &[u8], body: &[u8]) {
    let len = (header.len() + body.len()) as u32;
    let mut crc = crc32c::crc32c_append(seed, &len.to_le_bytes());
    crc = crc32c::crc32c_append(crc, header);
    crc = crc32c::crc32c_append(crc, body);
    let start = out.len();
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(header);
    out.extend_from_slice(body);
    out.resize(start + framed(len as usize), 0);
}

/// What stands at a place in a segment.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// A whole frame; the record's bytes.
    Record(&'a [u8]),
    /// A length of 0, or too few bytes for a length: the segment ends.
    Nothing,
    /// A length that no record has, or that reaches behind the segment.
    BadLength(u32),
    /// Length and bytes do not fit the checksum.
    BadChecksum,
    /// The bytes between the record and the next frame are not zero.
    BadPadding,
}

/// Reads the frame at `at`.
#[must_use]
pub fn read(segment: &[u8], at: usize, seed: u32) -> Found<'_> {
    let Some(head) = segment.get(at..at + FRAME_HEAD) else {
        return Found::Nothing;
    };
    let len = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
    let crc = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    if len == 0 {
        return Found::Nothing;
    }
    let size = len as usize;
    if !(HEADER..=MAX_RECORD).contains(&size) {
        return Found::BadLength(len);
    }
    let Some(record) = segment.get(at + FRAME_HEAD..at + FRAME_HEAD + size) else {
        return Found::BadLength(len);
    };
    if checksum(seed, record) != crc && !crate::seeded::is("torn_frame_accepted") {
        return Found::BadChecksum;
    }
    let padding = segment.get(at + FRAME_HEAD + size..at + framed(size)).unwrap_or(&[]);
    if padding.iter().any(|b| *b != 0) {
        return Found::BadPadding;
    }
    Found::Record(record)
}

/// A segment's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The stream it belongs to.
    pub stream: StreamId,
    /// Its number, from 0.
    pub number: u32,
    /// Sequence of its first record.
    pub first_seq: u64,
    /// When it was taken into use.
    pub wall_ns: i64,
}

/// Why a segment's header is none of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadHeader {
    /// All zeros: prepared, never used.
    Unused,
    /// Written by another format version.
    Version(u16),
    /// No segment of ours, or damaged.
    Damaged,
}

impl SegmentHeader {
    /// The 64 bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; SEGMENT_HEADER] {
        let mut out = [0u8; SEGMENT_HEADER];
        out[..8].copy_from_slice(MAGIC);
        out[8..10].copy_from_slice(&FORMAT.to_le_bytes());
        out[12..16].copy_from_slice(&self.number.to_le_bytes());
        out[16..32].copy_from_slice(&self.stream.0);
        out[32..40].copy_from_slice(&self.first_seq.to_le_bytes());
        out[40..48].copy_from_slice(&self.wall_ns.to_le_bytes());
        let crc = crc32c::crc32c(&out[..60]);
        out[60..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads the 64 bytes.
    ///
    /// # Errors
    /// [`BadHeader`] says what they are instead.
    pub fn decode(bytes: &[u8]) -> Result<SegmentHeader, BadHeader> {
        let Some(h) = bytes.get(..SEGMENT_HEADER) else {
            return Err(if bytes.iter().all(|b| *b == 0) { BadHeader::Unused } else { BadHeader::Damaged });
        };
        if h.iter().all(|b| *b == 0) {
            return Err(BadHeader::Unused);
        }
        if &h[..8] != MAGIC || crc32c::crc32c(&h[..60]).to_le_bytes() != h[60..] {
            return Err(BadHeader::Damaged);
        }
        let version = u16::from_le_bytes([h[8], h[9]]);
        if version != FORMAT {
            return Err(BadHeader::Version(version));
        }
        let mut stream = [0u8; 16];
        stream.copy_from_slice(&h[16..32]);
        let word = |at: usize| {
            let mut n = [0u8; 8];
            n.copy_from_slice(&h[at..at + 8]);
            u64::from_le_bytes(n)
        };
        Ok(SegmentHeader {
            stream: StreamId(stream),
            number: u32::from_le_bytes([h[12], h[13], h[14], h[15]]),
            first_seq: word(32),
            wall_ns: word(40) as i64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_another_stream_or_segment_does_not_parse() {
        let stream = StreamId([9; 16]);
        let mut bytes = Vec::new();
        write(&mut bytes, seed(stream, 3), &[1; HEADER], b"body");
        assert_eq!(read(&bytes, 0, seed(stream, 3)), Found::Record(&[&[1u8; HEADER][..], b"body"].concat()[..]));
        assert_eq!(read(&bytes, 0, seed(stream, 4)), Found::BadChecksum);
        assert_eq!(read(&bytes, 0, seed(StreamId([8; 16]), 3)), Found::BadChecksum);
    }

    #[test]
    fn every_flipped_bit_of_a_frame_is_seen() {
        let common = seed(StreamId([9; 16]), 0);
        let mut bytes = Vec::new();
        write(&mut bytes, common, &[7; HEADER], b"xyz");
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(!matches!(read(&flipped, 0, common), Found::Record(_)), "bit {bit}");
        }
    }

    #[test]
    fn a_header_knows_unused_from_damaged() {
        let header = SegmentHeader { stream: StreamId([9; 16]), number: 1, first_seq: 5, wall_ns: -3 };
        let bytes = header.encode();
        assert_eq!(SegmentHeader::decode(&bytes), Ok(header));
        assert_eq!(SegmentHeader::decode(&[0; 64]), Err(BadHeader::Unused));
        for at in 0..64 {
            let mut damaged = bytes;
            damaged[at] ^= 1;
            assert!(SegmentHeader::decode(&damaged).is_err());
        }
    }
}
