//! Why a value has no canonical form: a stable code and a path, never a value.

use std::fmt;

use crate::model::status::coded;

coded! {
    /// The cause of a refusal. The numbers, never 0, and the names are part of the record format: they are never reused.
    DigestErrorCode {
        /// A NaN: JSON has no such number.
        NotANumber = 1 "not_a_number",
        /// An infinity: JSON has no such number.
        Infinite = 2 "infinite",
        /// An integer beyond 2^53 that would round when read as a double.
        IntegerRounds = 3 "integer_rounds",
        /// Two entries of one object share a key.
        DuplicateKey = 4 "duplicate_key",
        /// A map key that is not a string (an integer, a bool, a sequence, …).
        KeyNotAString = 5 "key_not_a_string",
        /// More than [`MAX_DEPTH`](super::MAX_DEPTH) nested arrays and objects.
        TooDeep = 6 "too_deep",
        /// The value's own `Serialize` or `AuditDigest` returned an error.
        SerializeFailed = 7 "serialize_failed",
        /// The value's own `Serialize` or `AuditDigest` panicked.
        SerializePanicked = 8 "serialize_panicked",
        /// The value wrote no JSON value, more than one, or a key without a value.
        Malformed = 9 "malformed",
        /// The canonical form exceeds 4 GiB.
        TooLarge = 10 "too_large",
        /// Pre-rendered JSON text (`RawValue`), whose spelling is not canonical.
        RawJson = 11 "raw_json",
        /// A keyed field, and no key at hand.
        KeyMissing = 12 "key_missing",
        /// A path or an OS string that is not UTF-8.
        NotUtf8 = 13 "not_utf8",
        /// A cell that is borrowed for writing, or a lock that is poisoned.
        Unreadable = 14 "unreadable",
    }
}

impl DigestErrorCode {
    const fn sentence(self) -> &'static str {
        match self {
            Self::NotANumber => "NaN is not a JSON number; digest an Option or a text instead",
            Self::Infinite => "an infinity is not a JSON number; digest an Option or a text instead",
            Self::IntegerRounds => "an integer beyond 2^53 would round; digest it as text",
            Self::DuplicateKey => "two entries of one object share a key",
            Self::KeyNotAString => "a map key is not a string; turn it into one",
            Self::TooDeep => "more than 64 arrays and objects are nested",
            Self::SerializeFailed => "the value's own serialisation returned an error",
            Self::SerializePanicked => "the value's own serialisation panicked",
            Self::Malformed => "the value's own serialisation wrote something other than one JSON value",
            Self::TooLarge => "the canonical form exceeds 4 GiB; digest the bytes instead",
            Self::RawJson => "pre-rendered JSON text has no canonical spelling; parse it first",
            Self::KeyMissing => "a keyed field needs a digest key, and none is configured",
            Self::NotUtf8 => "a path or OS string is not UTF-8",
            Self::Unreadable => "a cell is borrowed for writing, or a lock is poisoned",
        }
    }
}

/// A value that has no canonical form.
///
/// It names the cause and the way to the offending place (`$.rows[3].price`). Keys of maps are data, so a map entry
/// is named by its position (`$.totals{2}`); a message that the value's own serialisation gave is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct CanonicalError {
    inner: Box<Inner>,
}

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    code: DigestErrorCode,
    /// Innermost first: each level adds itself while the error travels outwards.
    reversed: Vec<Segment>,
}

/// One step from a value to a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    Field(&'static str),
    Item(usize),
    Entry(usize),
}

impl CanonicalError {
    /// An error at the place where the value stands.
    #[must_use]
    pub fn new(code: DigestErrorCode) -> Self {
        Self { inner: Box::new(Inner { code, reversed: Vec::new() }) }
    }

    /// The cause, as records store it.
    #[must_use]
    pub fn code(&self) -> DigestErrorCode {
        self.inner.code
    }

    /// The way to the offending place, `$` for the value itself.
    #[must_use]
    pub fn path(&self) -> String {
        use fmt::Write as _;
        let mut path = String::from("$");
        for segment in self.inner.reversed.iter().rev() {
            // Writing to a String does not fail.
            let _ = match segment {
                Segment::Field(name) => write!(path, ".{name}"),
                Segment::Item(index) => write!(path, "[{index}]"),
                Segment::Entry(index) => write!(path, "{{{index}}}"),
            };
        }
        path
    }

    #[cold]
    pub(super) fn within(mut self, segment: Segment) -> Self {
        self.inner.reversed.push(segment);
        self
    }
}

impl fmt::Display for CanonicalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no canonical form at {}: {} ({})", self.path(), self.code().sentence(), self.code())
    }
}

impl fmt::Debug for CanonicalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CanonicalError({} at {})", self.code(), self.path())
    }
}

impl std::error::Error for CanonicalError {}

impl serde::ser::Error for CanonicalError {
    /// The message may quote the value, so it is not kept.
    fn custom<T: fmt::Display>(_message: T) -> Self {
        Self::new(DigestErrorCode::SerializeFailed)
    }
}
