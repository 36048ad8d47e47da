//! How a type describes itself to the digests: `AuditDigest`, and the writer that it gets.

use std::fmt;

use serde::Serialize;

use super::buffer::{Buffer, Object};
use super::error::{CanonicalError, DigestErrorCode, Segment};
use super::hash::{DigestKey, keyed_digest_bytes};
use super::out::Out;
use super::serializer::{Serializer, write_display};
use super::text;
use super::value::Scope;

type Done = Result<(), CanonicalError>;

/// What stands in the place of a redacted value, in digests as in every text.
pub const REDACTED: &str = "[redacted]";

/// A value that can be digested. Usually derived; the form is the one that serde_json would write.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be digested",
    label = "this value has no canonical form",
    note = "derive `AuditDigest` for it: `#[derive(audit_runtime::AuditDigest)]`",
    note = "or derive `serde::Serialize` for it",
    note = "or leave it out of `digest(..)`"
)]
pub trait AuditDigest {
    /// Writes this value as exactly one JSON value.
    ///
    /// # Errors
    /// [`CanonicalError`] for what has no canonical form; pass on what the writer returned.
    fn audit_digest(&self, out: &mut CanonicalWriter<'_>) -> Result<(), CanonicalError>;
}

/// The place for one JSON value. Writing none or a second one is refused as `malformed`.
pub struct CanonicalWriter<'b> {
    buffer: &'b mut Buffer,
    key: Option<&'b DigestKey>,
    written: bool,
}

impl<'b> CanonicalWriter<'b> {
    pub(super) fn new(buffer: &'b mut Buffer, key: Option<&'b DigestKey>) -> Self {
        Self { buffer, key, written: false }
    }

    /// Has the value written, and checks that it was.
    #[inline]
    pub(super) fn one<T: AuditDigest + ?Sized>(&mut self, value: &T) -> Done {
        self.one_by(|writer| value.audit_digest(writer))
    }

    #[inline]
    fn one_by(&mut self, write: impl FnOnce(&mut CanonicalWriter<'_>) -> Done) -> Done {
        let mut writer = CanonicalWriter { buffer: self.buffer, key: self.key, written: false };
        match write(&mut writer) {
            Ok(()) if writer.written => Ok(()),
            outcome => Err(writer.not_one(outcome)),
        }
    }

    /// Refuses what was written in one place: an error, or nothing.
    #[cold]
    fn not_one(&mut self, outcome: Done) -> CanonicalError {
        match outcome {
            Err(error) => self.buffer.refuse(error),
            Ok(()) => self.malformed(),
        }
    }

    #[cold]
    fn malformed(&mut self) -> CanonicalError {
        self.buffer.refuse(CanonicalError::new(DigestErrorCode::Malformed))
    }

    #[inline]
    fn begin(&mut self) -> Done {
        if self.written {
            return Err(self.malformed());
        }
        self.written = true;
        Ok(())
    }

    #[inline]
    fn number(&mut self, write: impl FnOnce(&mut Out) -> Done) -> Done {
        self.begin()?;
        write(&mut self.buffer.out).map_err(|error| self.buffer.refuse(error))
    }

    /// Writes `null`.
    ///
    /// # Errors
    /// `malformed` for a second value in one place, as everywhere in this type.
    #[inline]
    pub fn null(&mut self) -> Result<(), CanonicalError> {
        self.begin()?;
        self.buffer.out.extend(b"null");
        Ok(())
    }

    /// Writes `true` or `false`.
    ///
    /// # Errors
    /// `malformed`.
    #[inline]
    pub fn bool(&mut self, value: bool) -> Result<(), CanonicalError> {
        self.begin()?;
        self.buffer.out.extend(if value { b"true" } else { b"false" });
        Ok(())
    }

    /// Writes an unsigned integer of up to 64 bits.
    ///
    /// # Errors
    /// `integer_rounds` beyond 2^53 unless it is exact as a double.
    #[inline]
    pub fn u64(&mut self, value: u64) -> Result<(), CanonicalError> {
        self.number(|out| text::push_u64(out, value))
    }

    /// Writes a signed integer of up to 64 bits.
    ///
    /// # Errors
    /// `integer_rounds` beyond 2^53 unless it is exact as a double.
    #[inline]
    pub fn i64(&mut self, value: i64) -> Result<(), CanonicalError> {
        self.number(|out| text::push_i64(out, value))
    }

    /// Writes an unsigned integer of 128 bits.
    ///
    /// # Errors
    /// `integer_rounds` beyond 2^53 unless it is exact as a double.
    pub fn u128(&mut self, value: u128) -> Result<(), CanonicalError> {
        self.number(|out| text::push_u128(out, value))
    }

    /// Writes a signed integer of 128 bits.
    ///
    /// # Errors
    /// `integer_rounds` beyond 2^53 unless it is exact as a double.
    pub fn i128(&mut self, value: i128) -> Result<(), CanonicalError> {
        self.number(|out| text::push_i128(out, value))
    }

    /// Writes a double.
    ///
    /// # Errors
    /// `not_a_number`, `infinite`.
    #[inline]
    pub fn f64(&mut self, value: f64) -> Result<(), CanonicalError> {
        self.number(|out| text::push_f64(out, value))
    }

    /// Writes a single by its own shortest digits.
    ///
    /// # Errors
    /// `not_a_number`, `infinite`.
    #[inline]
    pub fn f32(&mut self, value: f32) -> Result<(), CanonicalError> {
        self.number(|out| text::push_f32(out, value))
    }

    /// Writes a string.
    ///
    /// # Errors
    /// `malformed`.
    #[inline]
    pub fn str(&mut self, value: &str) -> Result<(), CanonicalError> {
        self.begin()?;
        text::push_string(&mut self.buffer.out, value);
        Ok(())
    }

    /// Writes a character as a string.
    ///
    /// # Errors
    /// `malformed`.
    pub fn char(&mut self, value: char) -> Result<(), CanonicalError> {
        self.str(value.encode_utf8(&mut [0; 4]))
    }

    /// Writes the `Display` form as a string, without a temporary one.
    ///
    /// # Errors
    /// `serialize_failed` when the `Display` fails.
    pub fn display<T: fmt::Display + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
        self.begin()?;
        write_display(self.buffer, value)
    }

    /// Writes a value through serde.
    ///
    /// # Errors
    /// Whatever its form refuses.
    #[inline]
    pub fn serde<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
        self.begin()?;
        value.serialize(Serializer { buffer: self.buffer })
    }

    /// Writes the keyed digest of a value in its place, as a string.
    ///
    /// # Errors
    /// `key_missing` when no key was given to this digest.
    pub fn keyed<T: AuditDigest + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
        self.begin()?;
        let Some(key) = self.key else {
            return Err(self.buffer.refuse(CanonicalError::new(DigestErrorCode::KeyMissing)));
        };
        let start = self.buffer.out.len();
        self.one(value)?;
        let digest = keyed_digest_bytes(Scope::Payload, key, &self.buffer.out.as_slice()[start..]);
        self.buffer.out.truncate(start);
        text::push_string(&mut self.buffer.out, &digest.to_string());
        Ok(())
    }

    /// Writes the mark that stands for a redacted value.
    ///
    /// # Errors
    /// `malformed`.
    pub fn redacted(&mut self) -> Result<(), CanonicalError> {
        self.str(REDACTED)
    }

    /// Writes an object. Keys in the order of RFC 8785 cost least; others are put in order at its end.
    ///
    /// # Errors
    /// `duplicate_key`, `too_deep`, and whatever `fields` returns.
    #[inline]
    pub fn object<F>(&mut self, fields: F) -> Result<(), CanonicalError>
    where
        F: FnOnce(&mut ObjectWriter<'_>) -> Result<(), CanonicalError>,
    {
        self.begin()?;
        let mut object = self.buffer.open_object()?;
        fields(&mut ObjectWriter::new(self.buffer, self.key, &mut object))?;
        self.buffer.close_object(&object)
    }

    /// Writes an array.
    ///
    /// # Errors
    /// `too_deep`, and whatever `items` returns.
    #[inline]
    pub fn array<F>(&mut self, items: F) -> Result<(), CanonicalError>
    where
        F: FnOnce(&mut ArrayWriter<'_>) -> Result<(), CanonicalError>,
    {
        self.begin()?;
        self.buffer.enter()?;
        self.buffer.out.push(b'[');
        items(&mut ArrayWriter { buffer: self.buffer, key: self.key, index: 0 })?;
        self.buffer.leave();
        self.buffer.out.push(b']');
        Ok(())
    }

    /// Writes an enum variant that carries something: an object of one entry, as serde tags it.
    ///
    /// # Errors
    /// Whatever the content refuses.
    pub fn variant<F>(&mut self, name: &'static str, content: F) -> Result<(), CanonicalError>
    where
        F: FnOnce(&mut CanonicalWriter<'_>) -> Result<(), CanonicalError>,
    {
        self.object(|object| object.field_with(name, content))
    }
}

/// The entries of an object.
pub struct ObjectWriter<'b> {
    buffer: &'b mut Buffer,
    key: Option<&'b DigestKey>,
    object: &'b mut Object,
    index: usize,
}

impl<'b> ObjectWriter<'b> {
    pub(super) fn new(buffer: &'b mut Buffer, key: Option<&'b DigestKey>, object: &'b mut Object) -> Self {
        Self { buffer, key, object, index: 0 }
    }

    /// Writes a field.
    ///
    /// # Errors
    /// Whatever the value refuses, its path led on by the name.
    #[inline]
    pub fn field<T: AuditDigest + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), CanonicalError> {
        self.field_with(name, |writer| value.audit_digest(writer))
    }

    /// Writes a field whose value the closure writes.
    ///
    /// # Errors
    /// Whatever the closure returns, its path led on by the name.
    #[inline]
    pub fn field_with<F>(&mut self, name: &'static str, write: F) -> Result<(), CanonicalError>
    where
        F: FnOnce(&mut CanonicalWriter<'_>) -> Result<(), CanonicalError>,
    {
        self.buffer.key(self.object, name);
        let mut writer = CanonicalWriter { buffer: self.buffer, key: self.key, written: false };
        match write(&mut writer) {
            Ok(()) if writer.written => Ok(()),
            outcome => Err(writer.not_one(outcome).within(Segment::Field(name))),
        }
    }

    /// Writes a field as the keyed digest of its value.
    ///
    /// # Errors
    /// `key_missing`, and whatever the value refuses.
    pub fn keyed_field<T>(&mut self, name: &'static str, value: &T) -> Result<(), CanonicalError>
    where
        T: AuditDigest + ?Sized,
    {
        self.field_with(name, |writer| writer.keyed(value))
    }

    /// Writes a field as the mark of a redacted value.
    ///
    /// # Errors
    /// `malformed`.
    pub fn redacted_field(&mut self, name: &'static str) -> Result<(), CanonicalError> {
        self.field_with(name, |writer| writer.redacted())
    }

    /// Writes an entry whose key is data; error paths name it by its position.
    ///
    /// # Errors
    /// Whatever the value refuses.
    #[inline]
    pub fn entry<T: AuditDigest + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), CanonicalError> {
        self.buffer.key(self.object, key);
        let index = self.index;
        self.index += 1;
        CanonicalWriter::new(self.buffer, self.key).one(value).map_err(|error| error.within(Segment::Entry(index)))
    }
}

/// The items of an array.
pub struct ArrayWriter<'b> {
    buffer: &'b mut Buffer,
    key: Option<&'b DigestKey>,
    index: usize,
}

impl ArrayWriter<'_> {
    /// Writes an item.
    ///
    /// # Errors
    /// Whatever the value refuses, its path led on by the index.
    #[inline]
    pub fn item<T: AuditDigest + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
        self.item_with(|writer| value.audit_digest(writer))
    }

    /// Writes an item that the closure writes.
    ///
    /// # Errors
    /// Whatever the closure returns, its path led on by the index.
    #[inline]
    pub fn item_with<F>(&mut self, write: F) -> Result<(), CanonicalError>
    where
        F: FnOnce(&mut CanonicalWriter<'_>) -> Result<(), CanonicalError>,
    {
        if self.index != 0 {
            self.buffer.out.push(b',');
        }
        let index = self.index;
        self.index += 1;
        let mut writer = CanonicalWriter { buffer: self.buffer, key: self.key, written: false };
        match write(&mut writer) {
            Ok(()) if writer.written => Ok(()),
            outcome => Err(writer.not_one(outcome).within(Segment::Item(index))),
        }
    }
}

/// A serde value as an [`AuditDigest`].
#[derive(Debug)]
pub struct SerdeValue<'a, T: ?Sized>(pub &'a T);

impl<T: Serialize + ?Sized> AuditDigest for SerdeValue<'_, T> {
    #[inline]
    fn audit_digest(&self, out: &mut CanonicalWriter<'_>) -> Result<(), CanonicalError> {
        out.serde(self.0)
    }
}

/// A value as its `Display` text: for 64-bit ids and nanoseconds, which as JSON numbers would round.
#[derive(Debug)]
pub struct AsText<'a, T: ?Sized>(pub &'a T);

impl<T: fmt::Display + ?Sized> AuditDigest for AsText<'_, T> {
    fn audit_digest(&self, out: &mut CanonicalWriter<'_>) -> Result<(), CanonicalError> {
        out.display(self.0)
    }
}

impl<T: fmt::Display + ?Sized> Serialize for AsText<'_, T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}
