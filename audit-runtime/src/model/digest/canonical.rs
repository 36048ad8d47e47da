//! The doors: a value in, canonical bytes or a digest out.

use std::cell::Cell;
use std::sync::Arc;

use serde::Serialize;

use super::buffer::Buffer;
use super::error::{CanonicalError, DigestErrorCode};
use super::hash::{DigestKey, digest_bytes, keyed_digest_bytes};
use super::serializer::Serializer;
use super::value::{Digest, Scope};
use super::writer::{AuditDigest, CanonicalWriter, ObjectWriter};

/// A buffer that grew beyond this is given back instead of being kept for the thread's next digest.
const KEEP_AT_MOST: usize = 1 << 20;

thread_local! {
    static SPARE: Cell<Option<Box<Buffer>>> = const { Cell::new(None) };
}

/// Lends the thread's buffer. While it is lent (a value that digests another one inside its `Serialize`), when a
/// panic took it along, and while the thread is being torn down, a fresh one is made.
fn with_buffer<R>(use_it: impl FnOnce(&mut Buffer) -> R) -> R {
    let mut buffer = borrow_buffer();
    let result = use_it(&mut buffer);
    give_back(buffer);
    result
}

fn borrow_buffer() -> Box<Buffer> {
    let mut buffer = SPARE.try_with(Cell::take).ok().flatten().unwrap_or_default();
    buffer.clear();
    buffer
}

fn give_back(buffer: Box<Buffer>) {
    if buffer.capacity() <= KEEP_AT_MOST {
        // A failure means that the thread is ending, and its buffer with it.
        let _ = SPARE.try_with(|spare| spare.set(Some(buffer)));
    }
}

fn with_serde<T, R>(value: &T, read: impl FnOnce(&[u8]) -> R) -> Result<R, CanonicalError>
where
    T: Serialize + ?Sized,
{
    with_buffer(|buffer| {
        value.serialize(Serializer { buffer })?;
        buffer.finish().map(read)
    })
}

fn with_audit<T, R>(key: Option<&DigestKey>, value: &T, read: impl FnOnce(&[u8]) -> R) -> Result<R, CanonicalError>
where
    T: AuditDigest + ?Sized,
{
    with_buffer(|buffer| {
        CanonicalWriter::new(buffer, key).one(value)?;
        buffer.finish().map(read)
    })
}

/// The RFC 8785 form of a serde value.
///
/// ```
/// # use audit_runtime::model::digest::canonical_json;
/// #[derive(serde::Serialize)]
/// struct Order { id: u32, amount: f64 }
///
/// let bytes = canonical_json(&Order { id: 7, amount: 1.50 }).unwrap();
/// assert_eq!(bytes, br#"{"amount":1.5,"id":7}"#);
/// ```
///
/// # Errors
/// [`CanonicalError`] for what has no canonical form. A panic in the value's own `Serialize` passes through and
/// leaves nothing broken.
pub fn canonical_json<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    with_serde(value, <[u8]>::to_vec)
}

/// The RFC 8785 form of a value that describes itself by [`AuditDigest`]; keyed fields need the key.
///
/// # Errors
/// As [`canonical_json`].
pub fn canonical_value<T: AuditDigest + ?Sized>(key: Option<&DigestKey>, value: &T) -> Result<Vec<u8>, CanonicalError> {
    with_audit(key, value, <[u8]>::to_vec)
}

/// The sanitised form of a value that has no canonical one: NaN, infinities and integers that would round stand as texts.
/// It belongs under [`Scope::Sanitised`] and nowhere else, since a text and the number it stands for look alike in it.
///
/// # Errors
/// As [`canonical_json`], for what texts cannot cure: duplicate keys, depth, a panicking `Serialize`.
pub fn sanitised_value<T: AuditDigest + ?Sized>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    with_buffer(|buffer| {
        buffer.sanitise(true);
        CanonicalWriter::new(buffer, None).one(value)?;
        buffer.finish().map(<[u8]>::to_vec)
    })
}

/// The digest of a serde value. In the steady state it allocates nothing.
///
/// # Errors
/// As [`canonical_json`].
pub fn digest_of<T: Serialize + ?Sized>(scope: Scope, value: &T) -> Result<Digest, CanonicalError> {
    with_serde(value, |bytes| digest_bytes(scope, bytes))
}

/// The keyed digest of a serde value, for values that could be guessed.
///
/// # Errors
/// As [`canonical_json`].
pub fn keyed_digest_of<T: Serialize + ?Sized>(
    scope: Scope,
    key: &DigestKey,
    value: &T,
) -> Result<Digest, CanonicalError> {
    with_serde(value, |bytes| keyed_digest_bytes(scope, key, bytes))
}

/// The digest of a value that describes itself by [`AuditDigest`]. The key serves its keyed fields only.
///
/// # Errors
/// As [`canonical_json`]; `key_missing` for a keyed field without a key.
pub fn digest_value<T>(scope: Scope, key: Option<&DigestKey>, value: &T) -> Result<Digest, CanonicalError>
where
    T: AuditDigest + ?Sized,
{
    with_audit(key, value, |bytes| digest_bytes(scope, bytes))
}

/// The keyed digest of a whole value that describes itself by [`AuditDigest`].
///
/// # Errors
/// As [`canonical_json`].
pub fn keyed_digest_value<T>(scope: Scope, key: &DigestKey, value: &T) -> Result<Digest, CanonicalError>
where
    T: AuditDigest + ?Sized,
{
    with_audit(Some(key), value, |bytes| keyed_digest_bytes(scope, key, bytes))
}

/// The digest, under scope `args`, of the object that the named values form. Names may come in any order; names
/// already in order cost least.
///
/// # Errors
/// As [`digest_value`]; the path starts with the argument's name.
pub fn digest_args(
    key: Option<&DigestKey>,
    args: &[(&'static str, &dyn AuditDigest)],
) -> Result<Digest, CanonicalError> {
    with_buffer(|buffer| {
        let mut writer = CanonicalWriter::new(buffer, key);
        writer.object(|object| args.iter().try_for_each(|(name, value)| object.field(name, *value)))?;
        buffer.finish().map(|bytes| digest_bytes(Scope::Args, bytes))
    })
}

/// The arguments of one call, added one by one: each is written when it is added, so a later change of the value
/// does not change the digest.
///
/// The first refusal is kept and given by [`finish`](Self::finish).
pub struct ArgsDigest<'k> {
    key: Keyed<'k>,
    buffer: Box<Buffer>,
    object: Option<super::buffer::Object>,
    refusal: Option<CanonicalError>,
}

/// What a key is good for.
enum Keyed<'k> {
    /// For keyed fields.
    Fields(Option<&'k DigestKey>),
    /// For keyed fields and for the digest as a whole.
    Whole(Arc<DigestKey>),
}

impl Keyed<'_> {
    fn key(&self) -> Option<&DigestKey> {
        match self {
            Keyed::Fields(key) => *key,
            Keyed::Whole(key) => Some(key),
        }
    }
}

impl<'k> ArgsDigest<'k> {
    /// An empty object. The key serves keyed fields.
    #[must_use]
    pub fn new(key: Option<&'k DigestKey>) -> Self {
        Self::with(Keyed::Fields(key))
    }

    /// An empty object whose digest will be keyed.
    #[must_use]
    pub fn keyed(key: Arc<DigestKey>) -> ArgsDigest<'static> {
        ArgsDigest::with(Keyed::Whole(key))
    }

    fn with(key: Keyed<'k>) -> Self {
        let mut buffer = borrow_buffer();
        let object = buffer.open_object().ok();
        Self { key, buffer, object, refusal: None }
    }

    /// Writes one argument.
    pub fn arg<T: AuditDigest + ?Sized>(&mut self, name: &'static str, value: &T) -> &mut Self {
        if self.refusal.is_none()
            && let Some(object) = &mut self.object
            && let Err(error) = ObjectWriter::new(&mut self.buffer, self.key.key(), object).field(name, value)
        {
            self.refusal = Some(error);
        }
        self
    }

    /// Writes one argument through serde.
    pub fn serde_arg<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> &mut Self {
        self.arg(name, &super::writer::SerdeValue(value))
    }

    /// Writes one argument as its `Display` text, for 64-bit ids and nanoseconds.
    pub fn text_arg<T: std::fmt::Display + ?Sized>(&mut self, name: &'static str, value: &T) -> &mut Self {
        self.arg(name, &super::writer::AsText(value))
    }

    /// The digest under scope `args`.
    ///
    /// # Errors
    /// The first refusal, its path starting with the argument's name.
    pub fn finish(mut self) -> Result<Digest, CanonicalError> {
        if let Some(error) = self.refusal {
            return Err(error);
        }
        let Some(object) = self.object else {
            return Err(CanonicalError::new(DigestErrorCode::Malformed));
        };
        self.buffer.close_object(&object)?;
        let digest = self.buffer.finish().map(|bytes| match &self.key {
            Keyed::Fields(_) => digest_bytes(Scope::Args, bytes),
            Keyed::Whole(key) => keyed_digest_bytes(Scope::Args, key, bytes),
        });
        give_back(self.buffer);
        digest
    }
}

/// Runs the writing of a value and turns a panic inside it into a refusal with code `serialize_panicked`, for
/// callers that must go on. The panic payload is given back beside the refusal.
///
/// # Errors
/// What `write` returned, or the refusal and the payload of its panic.
pub fn catching<R>(
    write: impl FnOnce() -> Result<R, CanonicalError>,
) -> Result<R, (CanonicalError, Option<Box<dyn std::any::Any + Send>>)> {
    // The buffer that a panic interrupts is dropped with the stack, so nothing half-written is seen again.
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(write)) {
        Ok(outcome) => outcome.map_err(|error| (error, None)),
        Err(payload) => Err((CanonicalError::new(DigestErrorCode::SerializePanicked), Some(payload))),
    }
}
