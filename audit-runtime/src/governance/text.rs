//! Texts on their way into records: scrubbed, and bounded.

use crate::model::cbor::Value;
pub(super) use crate::model::scrub::{label, message};
use std::any::Any;

/// A label that is never blank.
pub(super) fn name(text: &str) -> String {
    label(text).unwrap_or_else(|| "(blank)".to_owned())
}

/// What a panic payload says, scrubbed.
pub(super) fn of_panic(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&'static str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    message(text.unwrap_or("(a panic payload that is no text)"))
}

pub(super) fn texts<S: AsRef<str>>(items: impl IntoIterator<Item = S>) -> Value {
    Value::Array(items.into_iter().map(|item| Value::Text(item.as_ref().to_owned())).collect())
}

pub(super) fn pair(name: &str, value: Value) -> (Value, Value) {
    (Value::Text(name.to_owned()), value)
}
