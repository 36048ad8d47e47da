//! A value that no text, digest or record ever shows.

use std::fmt;

use serde::Serialize;

use super::error::CanonicalError;
use super::writer::{AuditDigest, CanonicalWriter, REDACTED};

/// Wraps a value so that `Debug`, `Display`, serde, digests and panic texts show `[redacted]` in its place. It is a
/// fence against accidents: whoever calls [`expose`](Self::expose) has the value.
///
/// ```
/// # use audit_runtime::model::digest::Redacted;
/// let card = Redacted::new("4111 1111 1111 1111");
/// assert_eq!(format!("{card} {card:?}"), "[redacted] [redacted]");
/// assert_eq!(card.expose().len(), 19);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Redacted<T>(T);

impl<T> Redacted<T> {
    /// Hides a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value; the name is there to be searched for.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// The value, taken out.
    pub fn into_exposed(self) -> T {
        self.0
    }
}

impl<T> From<T> for Redacted<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> fmt::Debug for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl<T> fmt::Display for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl<T: std::error::Error> std::error::Error for Redacted<T> {}

impl<T> Serialize for Redacted<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}

impl<T> AuditDigest for Redacted<T> {
    fn audit_digest(&self, out: &mut CanonicalWriter<'_>) -> Result<(), CanonicalError> {
        out.redacted()
    }
}
