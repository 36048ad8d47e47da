//! The buffer that canonical bytes are written to, and the one place where objects are put in order.
//!
//! An object is streamed in the order in which its entries come. Each entry leaves a small note: the first bytes of
//! its key and where it starts. Entries that came in order cost nothing more. Otherwise the notes are sorted and the
//! entries copied once through a scratch buffer, so that no tree of values is ever built.

use std::cmp::Ordering;

use super::error::{CanonicalError, DigestErrorCode};
use super::out::Out;
use super::text;

/// Arrays and objects may nest this deep.
pub const MAX_DEPTH: u8 = 64;

#[derive(Default)]
pub(super) struct Buffer {
    pub(super) out: Out,
    entries: Vec<Entry>,
    /// Keys whose written form differs from their text, unescaped, for comparisons.
    unescaped: Vec<u8>,
    scratch: Out,
    depth: u8,
    /// The first refusal. It stands even when a value's own serialisation swallows the error.
    refused: Option<DigestErrorCode>,
}

#[derive(Clone, Copy)]
struct Entry {
    /// The first eight bytes of the key, ranked: most comparisons end here.
    rank: u64,
    start: u32,
    end: u32,
    key_len: u32,
    /// Where the key stands in `unescaped`; [`AS_WRITTEN`] when it stands in `out` right after the quote.
    key_at: u32,
}

const AS_WRITTEN: u32 = u32::MAX;

/// An object that is being written.
pub(super) struct Object {
    start: usize,
    first_entry: usize,
    first_unescaped: usize,
    ordered: bool,
    last_rank: u64,
}

impl Buffer {
    pub(super) fn clear(&mut self) {
        self.out.clear();
        self.sanitise(false);
        self.entries.clear();
        self.unescaped.clear();
        self.depth = 0;
        self.refused = None;
    }

    /// Whether what JSON has no number for is written as a text. Sorting swaps the two runs, so both know.
    pub(super) fn sanitise(&mut self, yes: bool) {
        self.out.sanitise(yes);
        self.scratch.sanitise(yes);
    }

    pub(super) fn capacity(&self) -> usize {
        self.out.capacity()
            + self.scratch.capacity()
            + self.unescaped.capacity()
            + self.entries.capacity() * size_of::<Entry>()
    }

    /// Remembers a refusal; the error goes on to the caller.
    #[cold]
    pub(super) fn refuse(&mut self, error: CanonicalError) -> CanonicalError {
        self.refused.get_or_insert(error.code());
        error
    }

    /// The canonical bytes, or the refusal that somebody swallowed on the way.
    pub(super) fn finish(&self) -> Result<&[u8], CanonicalError> {
        match self.refused {
            Some(code) => Err(CanonicalError::new(code)),
            None if self.out.len() == 0 => Err(CanonicalError::new(DigestErrorCode::Malformed)),
            None => Ok(self.out.as_slice()),
        }
    }

    #[inline]
    pub(super) fn enter(&mut self) -> Result<(), CanonicalError> {
        if self.depth == MAX_DEPTH {
            return Err(self.refuse(CanonicalError::new(DigestErrorCode::TooDeep)));
        }
        self.depth += 1;
        Ok(())
    }

    #[inline]
    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    #[inline]
    pub(super) fn open_object(&mut self) -> Result<Object, CanonicalError> {
        self.enter()?;
        let start = self.out.len();
        self.out.push(b'{');
        Ok(Object {
            start,
            first_entry: self.entries.len(),
            first_unescaped: self.unescaped.len(),
            ordered: true,
            last_rank: 0,
        })
    }

    /// Writes `"key":` and notes the entry.
    pub(super) fn key(&mut self, object: &mut Object, key: &str) {
        let start = self.next_entry(object);
        let escaped = text::push_key(&mut self.out, key);
        let key_at = if escaped { self.keep_unescaped(key) } else { AS_WRITTEN };
        self.note(object, rank(key.as_bytes()), start, key.len(), key_at);
    }

    /// The comma between entries; where the coming entry starts.
    #[inline]
    pub(super) fn next_entry(&mut self, object: &Object) -> usize {
        if self.entries.len() != object.first_entry {
            self.out.push(b',');
        }
        self.out.len()
    }

    #[cold]
    pub(super) fn keep_unescaped(&mut self, key: &str) -> u32 {
        let at = self.unescaped.len() as u32;
        self.unescaped.extend_from_slice(key.as_bytes());
        at
    }

    #[inline]
    fn note(&mut self, object: &mut Object, rank: u64, start: usize, key_len: usize, key_at: u32) {
        let entry = Entry { rank, start: start as u32, end: 0, key_len: key_len as u32, key_at };
        // The first bytes nearly always tell; the keys are looked at only when they are equal there.
        if object.ordered && rank <= object.last_rank && self.entries.len() != object.first_entry {
            object.ordered = rank == object.last_rank && self.follows_last(&entry);
        }
        object.last_rank = rank;
        self.entries.push(entry);
    }

    fn follows_last(&self, entry: &Entry) -> bool {
        self.entries.last().is_none_or(|last| self.order(last, entry) == Ordering::Less)
    }

    fn order(&self, a: &Entry, b: &Entry) -> Ordering {
        a.rank.cmp(&b.rank).then_with(|| compare_keys(self.key_of(a), self.key_of(b)))
    }

    fn key_of(&self, entry: &Entry) -> &[u8] {
        let (bytes, at) = match entry.key_at {
            AS_WRITTEN => (self.out.as_slice(), entry.start as usize + 1),
            at => (self.unescaped.as_slice(), at as usize),
        };
        &bytes[at..at + entry.key_len as usize]
    }

    pub(super) fn close_object(&mut self, object: &Object) -> Result<(), CanonicalError> {
        self.depth -= 1;
        if !object.ordered {
            self.sort(object)?;
        }
        self.entries.truncate(object.first_entry);
        self.unescaped.truncate(object.first_unescaped);
        self.out.push(b'}');
        self.check_size()
    }

    #[inline]
    pub(super) fn check_size(&mut self) -> Result<(), CanonicalError> {
        // Notes hold 32-bit offsets.
        if self.out.len() >= u32::MAX as usize {
            return Err(self.refuse(CanonicalError::new(DigestErrorCode::TooLarge)));
        }
        Ok(())
    }

    #[inline(never)]
    fn sort(&mut self, object: &Object) -> Result<(), CanonicalError> {
        self.check_size()?;
        let mut entries = std::mem::take(&mut self.entries);
        let mine = &mut entries[object.first_entry..];
        let mut end = self.out.len() as u32;
        for entry in mine.iter_mut().rev() {
            entry.end = end;
            end = entry.start - 1;
        }
        let distinct = self.put_in_order(mine);
        self.scratch.clear();
        self.scratch.push(b'{');
        for entry in mine.iter() {
            self.scratch.extend_from(&self.out, entry.start as usize, entry.end as usize);
            self.scratch.push(b',');
        }
        self.entries = entries;
        if !distinct {
            return Err(self.refuse(CanonicalError::new(DigestErrorCode::DuplicateKey)));
        }
        let length = self.scratch.len() - 1;
        if object.start == 0 {
            std::mem::swap(&mut self.out, &mut self.scratch);
            self.out.truncate(length);
        } else {
            self.out.truncate(object.start);
            self.out.extend_from(&self.scratch, 0, length);
        }
        Ok(())
    }
}

impl Buffer {
    /// Sorts the notes of one object; false when two keys are equal.
    fn put_in_order(&self, entries: &mut [Entry]) -> bool {
        if entries.len() > 32 {
            entries.sort_unstable_by(|a, b| self.order(a, b));
            return entries.windows(2).all(|pair| self.order(&pair[0], &pair[1]) == Ordering::Less);
        }
        // Structs have few fields: insertion meets every pair of neighbours anyway, so it also sees the equal ones.
        let mut distinct = true;
        for end in 1..entries.len() {
            let entry = entries[end];
            let mut place = end;
            while place > 0 {
                match self.order(&entries[place - 1], &entry) {
                    Ordering::Less => break,
                    Ordering::Equal => {
                        distinct = false;
                        break;
                    }
                    Ordering::Greater => entries[place] = entries[place - 1],
                }
                place -= 1;
            }
            entries[place] = entry;
        }
        distinct
    }
}

/// A byte of UTF-8, re-ranked so that comparing bytes compares UTF-16 code units: characters beyond the BMP (lead
/// bytes F0 to F4) are written with surrogates and so come before U+E000 to U+FFFF (lead bytes EE and EF).
const fn utf16_rank(byte: u8) -> u8 {
    match byte {
        0xee | 0xef => byte + 5,
        0xf0..=0xf4 => byte - 2,
        _ => byte,
    }
}

pub(super) fn compare_keys(a: &[u8], b: &[u8]) -> Ordering {
    a.iter().map(|byte| utf16_rank(*byte)).cmp(b.iter().map(|byte| utf16_rank(*byte)))
}

/// The first eight bytes of a key as one number that orders like the key; equal numbers decide nothing.
#[inline]
pub(super) fn rank(key: &[u8]) -> u64 {
    let word = text::head(key);
    if word & 0x8080_8080_8080_8080 == 0 {
        return word;
    }
    u64::from_be_bytes(word.to_be_bytes().map(utf16_rank))
}
