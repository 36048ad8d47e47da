//! Takes secrets and personal data out of texts before they reach a record.
//!
//! | what | mark |
//! |---|---|
//! | e-mail address, also with `%40` | `[email]` |
//! | telephone number, international or written in groups | `[phone]` |
//! | card number: 13 to 19 digits that pass Luhn | `[card]` |
//! | US social security number | `[ssn]` |
//! | JSON web token | `[jwt]` |
//! | credential after `Bearer` or `Basic` | `[token]` |
//! | API key by its prefix (`sk-`, `AKIA`, `ghp_`, `xoxb-`, …), private key in PEM | `[key]` |
//! | value of `password=`, `token:`, `"api_key": ` and the like | `[secret]` |
//! | password in `scheme://user:password@host` | `[password]` |
//!
//! The scanner passes over the text once; each look-around is bounded or ends where the next one starts, so the time
//! is linear in the length whatever the text. It prefers to take too much: a mark in place of an innocent number is a
//! nuisance, a card number in an audit trail is a breach. It is a net under careful code and no licence to log secrets.

mod number;
mod secret;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

/// Error texts in records are at most this long, in bytes.
pub const ERROR_TEXT_LIMIT: usize = 1024;

/// What ends a text that was cut.
pub const CUT_MARK: &str = "… [cut]";

/// Texts are cut to this before they are scrubbed: what follows cannot reach a record.
const SCANNED_AT_MOST: usize = 64 * ERROR_TEXT_LIMIT;

/// A stretch of the text to be replaced.
struct Found {
    range: Range<usize>,
    mark: &'static str,
}

/// What a byte may be the key to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trigger {
    None,
    Number,
    At,
    Percent,
    Separator,
    Word,
    Dash,
}

const TRIGGERS: [Trigger; 256] = {
    let mut table = [Trigger::None; 256];
    let mut digit = b'0';
    while digit <= b'9' {
        table[digit as usize] = Trigger::Number;
        digit += 1;
    }
    table[b'+' as usize] = Trigger::Number;
    table[b'(' as usize] = Trigger::Number;
    table[b'@' as usize] = Trigger::At;
    table[b'%' as usize] = Trigger::Percent;
    table[b'=' as usize] = Trigger::Separator;
    table[b':' as usize] = Trigger::Separator;
    table[b'-' as usize] = Trigger::Dash;
    let starts = secret::WORD_STARTS;
    let mut at = 0;
    while at < starts.len() {
        table[starts[at] as usize] = Trigger::Word;
        at += 1;
    }
    table
};

/// Replaces what the table above lists. A text without any of it is given back as it is.
///
/// ```
/// # use audit_runtime::model::scrub::scrub;
/// assert_eq!(scrub("no route for jane@example.org"), "no route for [email]");
/// assert_eq!(scrub("postgres://app:hunter2@db/main refused"), "postgres://app:[password]@db/main refused");
/// ```
#[must_use]
pub fn scrub(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut out = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let trigger = TRIGGERS[usize::from(*byte)];
        // Most bytes of most texts end here: a word and a number are looked at from their start only.
        let from_start = matches!(trigger, Trigger::Word | Trigger::Number);
        if trigger == Trigger::None || (from_start && at > 0 && bytes[at - 1].is_ascii_alphanumeric()) {
            at += 1;
            continue;
        }
        match find(bytes, at, copied, trigger) {
            Some(found) => {
                out.push_str(&text[copied..found.range.start]);
                out.push_str(found.mark);
                copied = found.range.end;
                at = copied.max(at + 1);
            }
            None => at += 1,
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// Scrubs an error text, then cuts it to [`ERROR_TEXT_LIMIT`] bytes, [`CUT_MARK`] included.
#[must_use]
pub fn scrub_error_text(text: &str) -> String {
    let scrubbed = scrub(&text[..char_boundary(text, SCANNED_AT_MOST)]);
    if scrubbed.len() <= ERROR_TEXT_LIMIT && text.len() <= SCANNED_AT_MOST {
        return scrubbed.into_owned();
    }
    let mut cut = scrubbed.into_owned();
    cut.truncate(char_boundary(&cut, ERROR_TEXT_LIMIT - CUT_MARK.len()));
    cut.push_str(CUT_MARK);
    cut
}

/// The last character boundary that is not beyond the limit.
/// Longest label (a name, an id, a field name) in bytes.
const LABEL: usize = 256;

/// A short text, scrubbed and cut; `None` when nothing is left of it.
#[must_use]
pub fn label(text: &str) -> Option<String> {
    let mut label = scrub(text[..char_boundary(text, 4 * LABEL)].trim()).into_owned();
    label.truncate(char_boundary(&label, LABEL));
    (!label.is_empty()).then_some(label)
}

/// A message for people, at most 1 KiB, never blank.
#[must_use]
pub fn message(text: &str) -> String {
    if text.trim().is_empty() { "(no message)".to_owned() } else { scrub_error_text(text) }
}

fn char_boundary(text: &str, limit: usize) -> usize {
    if text.len() <= limit {
        return text.len();
    }
    (0..=limit).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

fn find(bytes: &[u8], at: usize, copied: usize, trigger: Trigger) -> Option<Found> {
    match trigger {
        Trigger::None => None,
        Trigger::Number => number::number(bytes, at),
        Trigger::At => email(bytes, at, 1, copied),
        Trigger::Percent if bytes[at..].starts_with(b"%40") => email(bytes, at, 3, copied),
        Trigger::Percent => None,
        Trigger::Separator => secret::dsn_password(bytes, at).or_else(|| secret::named_value(bytes, at, copied)),
        Trigger::Word => secret::word(bytes, at),
        Trigger::Dash => secret::pem(bytes, at),
    }
}

/// An address around its at-sign, which is `width` bytes long.
fn email(bytes: &[u8], at: usize, width: usize, copied: usize) -> Option<Found> {
    let local = |byte: &u8| byte.is_ascii_alphanumeric() || !byte.is_ascii() || b"._+-~'".contains(byte);
    // No at-sign is part of a local part, so two of them never look at the same bytes.
    let before = &bytes[copied..at];
    let length = before.iter().rev().take_while(|byte| local(byte)).count();
    // A quote in front belongs to the text around the address.
    let quotes = bytes[at - length..at].iter().take_while(|byte| **byte == b'\'').count();
    let start = at - length + quotes;
    let domain_from = at + width;
    let label = |byte: &&u8| byte.is_ascii_alphanumeric() || !byte.is_ascii() || b".-".contains(byte);
    let length = bytes[domain_from..].iter().take_while(label).count();
    let domain = &bytes[domain_from..domain_from + length];
    let domain = &domain[..domain.len() - domain.iter().rev().take_while(|byte| b".-".contains(byte)).count()];
    let dot = domain.iter().rposition(|byte| *byte == b'.')?;
    let top = &domain[dot + 1..];
    let plausible = start < at && dot > 0 && top.len() >= 2 && top.iter().all(|byte| !byte.is_ascii_digit());
    plausible.then(|| Found { range: start..domain_from + domain.len(), mark: "[email]" })
}
