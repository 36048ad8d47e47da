//! The subset of CBOR (RFC 8949) that bodies use: integers, byte and text strings, arrays, maps, booleans, null and
//! doubles; only the outermost map has indefinite length, because its writer does not know its size in advance.

/// Nesting beyond this is refused on reading: a body is flat by design.
const MAX_DEPTH: usize = 16;

/// One decoded item.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A non-negative integer.
    Uint(u64),
    /// A negative integer.
    Int(i64),
    /// A byte string.
    Bytes(Vec<u8>),
    /// A UTF-8 text.
    Text(String),
    /// A list.
    Array(Vec<Value>),
    /// Pairs in stored order.
    Map(Vec<(Value, Value)>),
    /// A truth value.
    Bool(bool),
    /// No value.
    Null,
    /// A double.
    Float(f64),
}

impl Value {
    /// The text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        if let Value::Text(text) = self { Some(text) } else { None }
    }

    /// The non-negative integer, if it is one.
    #[must_use]
    pub fn as_uint(&self) -> Option<u64> {
        if let Value::Uint(n) = self { Some(*n) } else { None }
    }

    /// The bytes, if they are some.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        if let Value::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    /// The list, if it is one.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Value]> {
        if let Value::Array(items) = self { Some(items) } else { None }
    }

    /// The pairs, if it is a map.
    #[must_use]
    pub fn as_map(&self) -> Option<&[(Value, Value)]> {
        if let Value::Map(pairs) = self { Some(pairs) } else { None }
    }
}

/// Why bytes are no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Where decoding stopped, from the start of the body.
    pub at: usize,
    /// What was wrong there.
    pub why: &'static str,
}

/// Appends the head of an item: major type and argument in its shortest form.
pub fn head(out: &mut Vec<u8>, major: u8, n: u64) {
    let major = major << 5;
    match n {
        0..=23 => out.push(major | n as u8),
        24..=0xff => out.extend_from_slice(&[major | 24, n as u8]),
        0x100..=0xffff => {
            out.push(major | 25);
            out.extend_from_slice(&(n as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(major | 26);
            out.extend_from_slice(&(n as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&n.to_be_bytes());
        }
    }
}

/// Appends one value.
pub fn encode(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Uint(n) => head(out, 0, *n),
        Value::Int(n) if *n >= 0 => head(out, 0, *n as u64),
        Value::Int(n) => head(out, 1, !(*n as u64)),
        Value::Bytes(bytes) => {
            head(out, 2, bytes.len() as u64);
            out.extend_from_slice(bytes);
        }
        Value::Text(text) => {
            head(out, 3, text.len() as u64);
            out.extend_from_slice(text.as_bytes());
        }
        Value::Array(items) => {
            head(out, 4, items.len() as u64);
            items.iter().for_each(|item| encode(out, item));
        }
        Value::Map(pairs) => {
            head(out, 5, pairs.len() as u64);
            for (key, value) in pairs {
                encode(out, key);
                encode(out, value);
            }
        }
        Value::Bool(b) => out.push(0xf4 + u8::from(*b)),
        Value::Null => out.push(0xf6),
        Value::Float(x) => {
            out.push(0xfb);
            out.extend_from_slice(&x.to_be_bytes());
        }
    }
}

/// Reads values one after the other from a slice; never reads past it, never allocates more than it holds.
pub struct Decoder<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Decoder<'a> {
    /// Starts at the first byte.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Decoder { bytes, at: 0 }
    }

    /// Bytes read so far.
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }

    fn fail<T>(&self, why: &'static str) -> Result<T, Malformed> {
        Err(Malformed { at: self.at, why })
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], Malformed> {
        match self.bytes.get(self.at..).and_then(|rest| rest.get(..n)) {
            Some(slice) => {
                self.at += n;
                Ok(slice)
            }
            None => self.fail("the body ends inside an item"),
        }
    }

    fn argument(&mut self, info: u8) -> Result<u64, Malformed> {
        let mut wide = [0u8; 8];
        let len = match info {
            0..=23 => return Ok(u64::from(info)),
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            _ => return self.fail("an item of indefinite length inside the body"),
        };
        wide[8 - len..].copy_from_slice(self.take(len)?);
        Ok(u64::from_be_bytes(wide))
    }

    fn length(&mut self, info: u8) -> Result<usize, Malformed> {
        let n = self.argument(info)?;
        match usize::try_from(n) {
            Ok(n) if n <= self.bytes.len() => Ok(n),
            _ => self.fail("a length beyond the end of the body"),
        }
    }

    /// Opens the outermost map.
    ///
    /// # Errors
    /// [`Malformed`] when the body does not begin with a map of indefinite length.
    pub fn open_map(&mut self) -> Result<(), Malformed> {
        if self.take(1)? == [0xbf] { Ok(()) } else { self.fail("the body does not begin with a map") }
    }

    /// Whether the outermost map ends here; consumes its end.
    pub fn closes(&mut self) -> bool {
        let ends = self.bytes.get(self.at) == Some(&0xff);
        self.at += usize::from(ends);
        ends
    }

    /// The next value.
    ///
    /// # Errors
    /// [`Malformed`] with the position and the reason.
    pub fn value(&mut self) -> Result<Value, Malformed> {
        self.value_at(0)
    }

    fn value_at(&mut self, depth: usize) -> Result<Value, Malformed> {
        if depth > MAX_DEPTH {
            return self.fail("nested too deep");
        }
        let first = self.take(1)?[0];
        let (major, info) = (first >> 5, first & 31);
        Ok(match major {
            0 => Value::Uint(self.argument(info)?),
            1 => match i64::try_from(self.argument(info)?) {
                Ok(n) => Value::Int(!n),
                Err(_) => return self.fail("a negative integer beyond 64 bits"),
            },
            2 => {
                let n = self.length(info)?;
                Value::Bytes(self.take(n)?.to_vec())
            }
            3 => {
                let n = self.length(info)?;
                match std::str::from_utf8(self.take(n)?) {
                    Ok(text) => Value::Text(text.to_owned()),
                    Err(_) => return self.fail("a text that is not UTF-8"),
                }
            }
            4 => {
                let n = self.length(info)?;
                let items: Result<Vec<_>, _> = (0..n).map(|_| self.value_at(depth + 1)).collect();
                Value::Array(items?)
            }
            5 => {
                let n = self.length(info)?;
                let pairs: Result<Vec<_>, _> =
                    (0..n).map(|_| Ok((self.value_at(depth + 1)?, self.value_at(depth + 1)?))).collect();
                Value::Map(pairs?)
            }
            7 => match info {
                20 => Value::Bool(false),
                21 => Value::Bool(true),
                22 => Value::Null,
                27 => {
                    let mut bits = [0u8; 8];
                    bits.copy_from_slice(self.take(8)?);
                    Value::Float(f64::from_be_bytes(bits))
                }
                _ => return self.fail("a simple value that bodies do not use"),
            },
            _ => return self.fail("a tag, which bodies do not use"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<u64>().prop_map(Value::Uint),
            (i64::MIN..0).prop_map(Value::Int),
            any::<Vec<u8>>().prop_map(Value::Bytes),
            ".*".prop_map(Value::Text),
            any::<bool>().prop_map(Value::Bool),
            Just(Value::Null),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
                prop::collection::vec((inner.clone(), inner), 0..4).prop_map(Value::Map),
            ]
        })
    }

    proptest! {
        #[test]
        fn values_survive_their_bytes(value in any_value()) {
            let mut bytes = Vec::new();
            encode(&mut bytes, &value);
            prop_assert_eq!(Decoder::new(&bytes).value(), Ok(value));
        }

        #[test]
        fn j12_arbitrary_bytes_never_panic(bytes in any::<Vec<u8>>()) {
            drop(Decoder::new(&bytes).value());
        }
    }

    #[test]
    fn a_length_beyond_the_end_allocates_nothing() {
        let bytes = [0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        assert!(Decoder::new(&bytes).value().is_err());
    }
}
