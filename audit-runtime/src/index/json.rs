//! JSON as we print and store it: members in the order in which they were put in, nothing coerced.

use std::fmt::{self, Write as _};

use crate::model::cbor::Value;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// No value.
    Null,
    /// A truth value.
    Bool(bool),
    /// An integer from 0.
    Uint(u64),
    /// An integer.
    Int(i64),
    /// A double; what JSON cannot hold becomes a text.
    Float(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// Members in order.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// An object of these members, without those that are null.
    #[must_use]
    pub fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
        let stated = members.into_iter().filter(|(_, value)| *value != Json::Null);
        Json::Object(stated.map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// The member of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Json> {
        match self {
            Json::Object(members) => members.iter().find(|(n, _)| n == name).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        if let Json::Text(text) = self { Some(text) } else { None }
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Json {
        Json::Text(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Json {
        Json::Text(text)
    }
}

impl From<u64> for Json {
    fn from(n: u64) -> Json {
        Json::Uint(n)
    }
}

impl From<u32> for Json {
    fn from(n: u32) -> Json {
        Json::Uint(u64::from(n))
    }
}

impl From<i64> for Json {
    fn from(n: i64) -> Json {
        Json::Int(n)
    }
}

impl From<bool> for Json {
    fn from(b: bool) -> Json {
        Json::Bool(b)
    }
}

impl<T: Into<Json>> From<Option<T>> for Json {
    fn from(value: Option<T>) -> Json {
        value.map_or(Json::Null, Into::into)
    }
}

impl<T: Into<Json>> From<Vec<T>> for Json {
    fn from(values: Vec<T>) -> Json {
        Json::List(values.into_iter().map(Into::into).collect())
    }
}

impl From<&Value> for Json {
    fn from(value: &Value) -> Json {
        match value {
            Value::Uint(n) => Json::Uint(*n),
            Value::Int(n) => Json::Int(*n),
            Value::Bytes(bytes) => Json::Text(hex(bytes)),
            Value::Text(text) => Json::Text(text.clone()),
            Value::Array(items) => Json::List(items.iter().map(Json::from).collect()),
            Value::Map(pairs) => Json::Object(pairs.iter().map(|(k, v)| (key_text(k), Json::from(v))).collect()),
            Value::Bool(b) => Json::Bool(*b),
            Value::Null => Json::Null,
            Value::Float(x) => Json::Float(*x),
        }
    }
}

fn key_text(key: &Value) -> String {
    match key {
        Value::Text(text) => text.clone(),
        other => Json::from(other).to_string(),
    }
}

/// Bytes as lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Json::Null => f.write_str("null"),
            Json::Bool(b) => write!(f, "{b}"),
            Json::Uint(n) => write!(f, "{n}"),
            Json::Int(n) => write!(f, "{n}"),
            Json::Float(x) if x.is_finite() => write!(f, "{x:?}"),
            Json::Float(x) => write!(f, "\"{x}\""),
            Json::Text(text) => quoted(f, text),
            Json::List(items) => {
                f.write_char('[')?;
                for (i, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if i == 0 { "" } else { "," })?;
                }
                f.write_char(']')
            }
            Json::Object(members) => {
                f.write_char('{')?;
                for (i, (name, value)) in members.iter().enumerate() {
                    f.write_str(if i == 0 { "" } else { "," })?;
                    quoted(f, name)?;
                    write!(f, ":{value}")?;
                }
                f.write_char('}')
            }
        }
    }
}

fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            // C1 controls and the line separators are legal in JSON, but a terminal would act on the former.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') => write!(f, "\\u{:04x}", c as u32)?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn q8_any_text_survives_a_json_parser(text in ".*") {
            let printed = Json::Text(text.clone()).to_string();
            prop_assert_eq!(serde_json::from_str::<String>(&printed).unwrap(), text);
        }

        #[test]
        fn q8_doubles_survive_a_json_parser(x in any::<f64>().prop_filter("finite", |x| x.is_finite())) {
            let printed = Json::Float(x).to_string();
            prop_assert_eq!(serde_json::from_str::<f64>(&printed).unwrap(), x);
        }
    }

    #[test]
    fn members_keep_their_order_and_nulls_are_left_out() {
        let json = Json::object([("b", 1u64.into()), ("a", Json::Null), ("c", vec!["x"].into())]);
        assert_eq!(json.to_string(), r#"{"b":1,"c":["x"]}"#);
    }
}
