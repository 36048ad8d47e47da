//! Keys of maps: strings, or values that serde writes as a string. Anything else is refused, because `1` and `"1"`
//! would become one key.

use std::fmt;

use serde::Serialize;
use serde::ser::{self, Impossible};

use super::buffer::{Buffer, Object};
use super::error::{CanonicalError, DigestErrorCode};

type Done = Result<(), CanonicalError>;
type Never = Impossible<(), CanonicalError>;

pub(super) struct KeySerializer<'b> {
    pub(super) buffer: &'b mut Buffer,
    pub(super) object: &'b mut Object,
}

#[cold]
fn refused() -> CanonicalError {
    CanonicalError::new(DigestErrorCode::KeyNotAString)
}

macro_rules! refuse_scalars {
    ($($method:ident($type:ty))*) => {$(
        fn $method(self, _value: $type) -> Done {
            Err(refused())
        }
    )*};
}

impl ser::Serializer for KeySerializer<'_> {
    type Ok = ();
    type Error = CanonicalError;
    type SerializeSeq = Never;
    type SerializeTuple = Never;
    type SerializeTupleStruct = Never;
    type SerializeTupleVariant = Never;
    type SerializeMap = Never;
    type SerializeStruct = Never;
    type SerializeStructVariant = Never;

    refuse_scalars! {
        serialize_bool(bool)
        serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64) serialize_i128(i128)
        serialize_u8(u8) serialize_u16(u16) serialize_u32(u32) serialize_u64(u64) serialize_u128(u128)
        serialize_f32(f32) serialize_f64(f64)
        serialize_bytes(&[u8])
        serialize_unit_struct(&'static str)
    }

    #[inline]
    fn serialize_str(self, v: &str) -> Done {
        self.buffer.key(self.object, v);
        Ok(())
    }

    fn serialize_char(self, v: char) -> Done {
        self.serialize_str(v.encode_utf8(&mut [0; 4]))
    }

    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Done {
        self.serialize_str(variant)
    }

    fn collect_str<T: ?Sized + fmt::Display>(self, value: &T) -> Done {
        let mut key = String::new();
        if fmt::write(&mut key, format_args!("{value}")).is_err() {
            return Err(CanonicalError::new(DigestErrorCode::SerializeFailed));
        }
        self.serialize_str(&key)
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(self, _name: &'static str, value: &T) -> Done {
        value.serialize(self)
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Done {
        value.serialize(self)
    }

    fn serialize_none(self) -> Done {
        Err(refused())
    }

    fn serialize_unit(self) -> Done {
        Err(refused())
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _value: &T,
    ) -> Done {
        Err(refused())
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Never, CanonicalError> {
        Err(refused())
    }

    fn serialize_tuple(self, _len: usize) -> Result<Never, CanonicalError> {
        Err(refused())
    }

    fn serialize_tuple_struct(self, _name: &'static str, _len: usize) -> Result<Never, CanonicalError> {
        Err(refused())
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<Never, CanonicalError> {
        Err(refused())
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Never, CanonicalError> {
        Err(refused())
    }

    fn serialize_struct(self, _name: &'static str, _len: usize) -> Result<Never, CanonicalError> {
        Err(refused())
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<Never, CanonicalError> {
        Err(refused())
    }
}
