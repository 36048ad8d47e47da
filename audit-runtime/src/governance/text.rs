//! Texts on their way into records: scrubbed, and bounded.

use crate::model::cbor::Value;
use crate::model::scrub::{scrub, scrub_error_text};
use std::any::Any;

/// Longest label (a name, an id, a field name) in bytes.
const LABEL: usize = 256;

/// A short text, scrubbed and cut; `None` when nothing is left of it.
pub(super) fn label(text: &str) -> Option<String> {
    let mut end = text.len().min(4 * LABEL);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut label = scrub(text[..end].trim()).into_owned();
    let mut end = label.len().min(LABEL);
    while !label.is_char_boundary(end) {
        end -= 1;
    }
    label.truncate(end);
    (!label.is_empty()).then_some(label)
}

/// A label that is never blank.
pub(super) fn name(text: &str) -> String {
    label(text).unwrap_or_else(|| "(blank)".to_owned())
}

/// A message for people, at most 1 KiB, never blank.
pub(super) fn message(text: &str) -> String {
    if text.trim().is_empty() { "(no message)".to_owned() } else { scrub_error_text(text) }
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
