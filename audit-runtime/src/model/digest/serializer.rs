//! A serde serializer that writes canonical bytes as the value is visited. The JSON is the one that serde_json would
//! write (enums externally tagged, bytes as an array of numbers), in the spelling and order of RFC 8785.

use std::fmt;

use serde::Serialize;
use serde::ser::{self, Error as _};

use super::buffer::{Buffer, Object};
use super::error::{CanonicalError, DigestErrorCode, Segment};
use super::out::Out;
use super::text;

/// The struct name by which serde_json hands over a number as text (its feature `arbitrary_precision`).
const NUMBER_TEXT: &str = "$serde_json::private::Number";
/// The struct name by which serde_json hands over text that is already JSON.
const RAW_JSON: &str = "$serde_json::private::RawValue";

type Done = Result<(), CanonicalError>;

pub(super) struct Serializer<'b> {
    pub(super) buffer: &'b mut Buffer,
}

impl Serializer<'_> {
    #[inline]
    fn number(self, write: impl FnOnce(&mut Out) -> Done) -> Done {
        write(&mut self.buffer.out).map_err(|error| self.buffer.refuse(error))
    }
}

impl<'b> ser::Serializer for Serializer<'b> {
    type Ok = ();
    type Error = CanonicalError;
    type SerializeSeq = Array<'b>;
    type SerializeTuple = Array<'b>;
    type SerializeTupleStruct = Array<'b>;
    type SerializeTupleVariant = Array<'b>;
    type SerializeMap = Map<'b>;
    type SerializeStruct = Struct<'b>;
    type SerializeStructVariant = Struct<'b>;

    #[inline]
    fn serialize_bool(self, v: bool) -> Done {
        self.buffer.out.extend(if v { b"true" } else { b"false" });
        Ok(())
    }

    #[inline]
    fn serialize_i8(self, v: i8) -> Done {
        self.serialize_i64(i64::from(v))
    }

    #[inline]
    fn serialize_i16(self, v: i16) -> Done {
        self.serialize_i64(i64::from(v))
    }

    #[inline]
    fn serialize_i32(self, v: i32) -> Done {
        self.serialize_i64(i64::from(v))
    }

    #[inline]
    fn serialize_i64(self, v: i64) -> Done {
        self.number(|out| text::push_i64(out, v))
    }

    fn serialize_i128(self, v: i128) -> Done {
        self.number(|out| text::push_i128(out, v))
    }

    #[inline]
    fn serialize_u8(self, v: u8) -> Done {
        self.serialize_u64(u64::from(v))
    }

    #[inline]
    fn serialize_u16(self, v: u16) -> Done {
        self.serialize_u64(u64::from(v))
    }

    #[inline]
    fn serialize_u32(self, v: u32) -> Done {
        self.serialize_u64(u64::from(v))
    }

    #[inline]
    fn serialize_u64(self, v: u64) -> Done {
        self.number(|out| text::push_u64(out, v))
    }

    fn serialize_u128(self, v: u128) -> Done {
        self.number(|out| text::push_u128(out, v))
    }

    #[inline]
    fn serialize_f32(self, v: f32) -> Done {
        self.number(|out| text::push_f32(out, v))
    }

    #[inline]
    fn serialize_f64(self, v: f64) -> Done {
        self.number(|out| text::push_f64(out, v))
    }

    fn serialize_char(self, v: char) -> Done {
        self.serialize_str(v.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, v: &str) -> Done {
        text::push_string(&mut self.buffer.out, v);
        Ok(())
    }

    fn serialize_bytes(self, v: &[u8]) -> Done {
        use ser::SerializeSeq as _;
        let mut array = Array::open(self.buffer, false)?;
        for byte in v {
            array.serialize_element(byte)?;
        }
        array.end()
    }

    #[inline]
    fn serialize_none(self) -> Done {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Done {
        value.serialize(self)
    }

    #[inline]
    fn serialize_unit(self) -> Done {
        self.buffer.out.extend(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Done {
        self.serialize_unit()
    }

    #[inline]
    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Done {
        self.serialize_str(variant)
    }

    #[inline]
    fn serialize_newtype_struct<T: ?Sized + Serialize>(self, _name: &'static str, value: &T) -> Done {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Done {
        open_variant(self.buffer, variant)?;
        value
            .serialize(Serializer { buffer: self.buffer })
            .map_err(|error| self.buffer.refuse(error).within(Segment::Field(variant)))?;
        close_variant(self.buffer);
        Ok(())
    }

    #[inline]
    fn serialize_seq(self, _len: Option<usize>) -> Result<Array<'b>, CanonicalError> {
        Array::open(self.buffer, false)
    }

    #[inline]
    fn serialize_tuple(self, _len: usize) -> Result<Array<'b>, CanonicalError> {
        Array::open(self.buffer, false)
    }

    fn serialize_tuple_struct(self, _name: &'static str, _len: usize) -> Result<Array<'b>, CanonicalError> {
        Array::open(self.buffer, false)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Array<'b>, CanonicalError> {
        open_variant(self.buffer, variant)?;
        Array::open(self.buffer, true)
    }

    #[inline]
    fn serialize_map(self, _len: Option<usize>) -> Result<Map<'b>, CanonicalError> {
        let object = self.buffer.open_object()?;
        Ok(Map { buffer: self.buffer, object, index: 0, value_due: false })
    }

    #[inline]
    fn serialize_struct(self, name: &'static str, _len: usize) -> Result<Struct<'b>, CanonicalError> {
        if name.starts_with("$serde_json::private::") {
            return Struct::of_serde_json(self.buffer, name);
        }
        let object = self.buffer.open_object()?;
        Ok(Struct { buffer: self.buffer, shape: Shape::Object { object, variant: false } })
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Struct<'b>, CanonicalError> {
        open_variant(self.buffer, variant)?;
        let object = self.buffer.open_object()?;
        Ok(Struct { buffer: self.buffer, shape: Shape::Object { object, variant: true } })
    }

    fn collect_str<T: ?Sized + fmt::Display>(self, value: &T) -> Done {
        write_display(self.buffer, value)
    }
}

/// Writes the `Display` form of a value as a string, without a temporary one.
pub(super) fn write_display<T: ?Sized + fmt::Display>(buffer: &mut Buffer, value: &T) -> Done {
    struct Escaping<'o>(&'o mut Out);
    impl fmt::Write for Escaping<'_> {
        fn write_str(&mut self, piece: &str) -> fmt::Result {
            text::push_escaped(self.0, piece.as_bytes());
            Ok(())
        }
    }
    buffer.out.push(b'"');
    if fmt::Write::write_fmt(&mut Escaping(&mut buffer.out), format_args!("{value}")).is_err() {
        return Err(buffer.refuse(CanonicalError::custom("")));
    }
    buffer.out.push(b'"');
    Ok(())
}

/// An externally tagged variant is an object of one entry.
fn open_variant(buffer: &mut Buffer, variant: &str) -> Done {
    buffer.enter()?;
    buffer.out.push(b'{');
    text::push_string(&mut buffer.out, variant);
    buffer.out.push(b':');
    Ok(())
}

fn close_variant(buffer: &mut Buffer) {
    buffer.leave();
    buffer.out.push(b'}');
}

pub(super) struct Array<'b> {
    buffer: &'b mut Buffer,
    index: usize,
    variant: bool,
}

impl<'b> Array<'b> {
    #[inline]
    fn open(buffer: &'b mut Buffer, variant: bool) -> Result<Self, CanonicalError> {
        buffer.enter()?;
        buffer.out.push(b'[');
        Ok(Self { buffer, index: 0, variant })
    }
}

impl ser::SerializeSeq for Array<'_> {
    type Ok = ();
    type Error = CanonicalError;

    #[inline]
    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Done {
        if self.index != 0 {
            self.buffer.out.push(b',');
        }
        value
            .serialize(Serializer { buffer: self.buffer })
            .map_err(|error| self.buffer.refuse(error).within(Segment::Item(self.index)))?;
        self.index += 1;
        Ok(())
    }

    #[inline]
    fn end(self) -> Done {
        self.buffer.leave();
        self.buffer.out.push(b']');
        if self.variant {
            close_variant(self.buffer);
        }
        Ok(())
    }
}

impl ser::SerializeTuple for Array<'_> {
    type Ok = ();
    type Error = CanonicalError;

    #[inline]
    fn serialize_element<T: ?Sized + Serialize>(&mut self, value: &T) -> Done {
        ser::SerializeSeq::serialize_element(self, value)
    }

    #[inline]
    fn end(self) -> Done {
        ser::SerializeSeq::end(self)
    }
}

impl ser::SerializeTupleStruct for Array<'_> {
    type Ok = ();
    type Error = CanonicalError;

    #[inline]
    fn serialize_field<T: ?Sized + Serialize>(&mut self, value: &T) -> Done {
        ser::SerializeSeq::serialize_element(self, value)
    }

    #[inline]
    fn end(self) -> Done {
        ser::SerializeSeq::end(self)
    }
}

impl ser::SerializeTupleVariant for Array<'_> {
    type Ok = ();
    type Error = CanonicalError;

    #[inline]
    fn serialize_field<T: ?Sized + Serialize>(&mut self, value: &T) -> Done {
        ser::SerializeSeq::serialize_element(self, value)
    }

    #[inline]
    fn end(self) -> Done {
        ser::SerializeSeq::end(self)
    }
}

pub(super) struct Map<'b> {
    buffer: &'b mut Buffer,
    object: Object,
    index: usize,
    value_due: bool,
}

impl Map<'_> {
    #[cold]
    fn malformed(&mut self) -> CanonicalError {
        self.buffer.refuse(CanonicalError::new(DigestErrorCode::Malformed))
    }
}

impl ser::SerializeMap for Map<'_> {
    type Ok = ();
    type Error = CanonicalError;

    #[inline]
    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Done {
        if self.value_due {
            return Err(self.malformed());
        }
        self.value_due = true;
        key.serialize(super::keys::KeySerializer { buffer: self.buffer, object: &mut self.object })
            .map_err(|error| self.buffer.refuse(error).within(Segment::Entry(self.index)))
    }

    #[inline]
    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Done {
        if !self.value_due {
            return Err(self.malformed());
        }
        self.value_due = false;
        value
            .serialize(Serializer { buffer: self.buffer })
            .map_err(|error| self.buffer.refuse(error).within(Segment::Entry(self.index)))?;
        self.index += 1;
        Ok(())
    }

    #[inline]
    fn end(mut self) -> Done {
        if self.value_due {
            return Err(self.malformed());
        }
        self.buffer.close_object(&self.object)
    }
}

pub(super) struct Struct<'b> {
    buffer: &'b mut Buffer,
    shape: Shape,
}

enum Shape {
    Object {
        object: Object,
        variant: bool,
    },
    /// One field whose text is a number; it starts here in the buffer.
    NumberText {
        start: usize,
    },
}

impl<'b> Struct<'b> {
    #[cold]
    fn of_serde_json(buffer: &'b mut Buffer, name: &str) -> Result<Self, CanonicalError> {
        match name {
            NUMBER_TEXT => {
                let start = buffer.out.len();
                Ok(Self { buffer, shape: Shape::NumberText { start } })
            }
            RAW_JSON => Err(buffer.refuse(CanonicalError::new(DigestErrorCode::RawJson))),
            _ => {
                let object = buffer.open_object()?;
                Ok(Self { buffer, shape: Shape::Object { object, variant: false } })
            }
        }
    }

    /// The field has been written as a string: its text becomes a number.
    #[cold]
    fn number_from_text(&mut self, start: usize) -> Done {
        let written = self.buffer.out.as_slice()[start..].to_vec();
        self.buffer.out.truncate(start);
        let text = std::str::from_utf8(&written).unwrap_or("").trim_matches('"');
        text::push_number_text(&mut self.buffer.out, text).map_err(|error| self.buffer.refuse(error))
    }
}

impl ser::SerializeStruct for Struct<'_> {
    type Ok = ();
    type Error = CanonicalError;

    #[inline]
    fn serialize_field<T: ?Sized + Serialize>(&mut self, key: &'static str, value: &T) -> Done {
        if let Shape::Object { object, .. } = &mut self.shape {
            self.buffer.key(object, key);
        }
        value
            .serialize(Serializer { buffer: self.buffer })
            .map_err(|error| self.buffer.refuse(error).within(Segment::Field(key)))
    }

    #[inline]
    fn end(mut self) -> Done {
        match self.shape {
            Shape::Object { object, variant } => {
                self.buffer.close_object(&object)?;
                if variant {
                    close_variant(self.buffer);
                }
                Ok(())
            }
            Shape::NumberText { start } => self.number_from_text(start),
        }
    }
}

impl ser::SerializeStructVariant for Struct<'_> {
    type Ok = ();
    type Error = CanonicalError;

    #[inline]
    fn serialize_field<T: ?Sized + Serialize>(&mut self, key: &'static str, value: &T) -> Done {
        ser::SerializeStruct::serialize_field(self, key, value)
    }

    #[inline]
    fn end(self) -> Done {
        ser::SerializeStruct::end(self)
    }
}
