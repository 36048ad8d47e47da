//! Strings and numbers as RFC 8785 spells them.

use super::error::{CanonicalError, DigestErrorCode};
use super::out::{Out, copy};

/// 2^53: every integer up to it in magnitude is exact as a double.
const EXACT: u64 = 1 << 53;

/// What a byte of a string needs: 0 nothing, `u` a `\u00xx`, anything else a backslash and that character.
const ESCAPE: [u8; 256] = {
    let mut table = [0; 256];
    let mut control = 0;
    while control < 0x20 {
        table[control] = b'u';
        control += 1;
    }
    table[0x08] = b'b';
    table[0x09] = b't';
    table[0x0a] = b'n';
    table[0x0c] = b'f';
    table[0x0d] = b'r';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table
};

const fn every(byte: u8) -> u64 {
    0x0101_0101_0101_0101 * byte as u64
}

/// True when one of eight bytes needs an escape. A borrow can only raise a false alarm above a true one.
#[inline]
const fn word_needs_escape(word: u64) -> bool {
    let quote = word ^ every(b'"');
    let backslash = word ^ every(b'\\');
    let control = word.wrapping_sub(every(0x20)) & !word;
    let quote = quote.wrapping_sub(every(1)) & !quote;
    let backslash = backslash.wrapping_sub(every(1)) & !backslash;
    (control | quote | backslash) & every(0x80) != 0
}

/// The first eight bytes as a big-endian number, zeros behind a shorter text.
#[inline]
pub(super) fn head(bytes: &[u8]) -> u64 {
    if let Some(first) = bytes.first_chunk::<8>() {
        return u64::from_be_bytes(*first);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        // The two overlap, and agree where they do.
        let (first, last) = (u32::from_be_bytes(*first), u32::from_be_bytes(*last));
        return u64::from(first) << 32 | u64::from(last) << (64 - 8 * bytes.len());
    }
    bytes.iter().zip([56, 48, 40]).fold(0, |word, (byte, shift)| word | u64::from(*byte) << shift)
}

#[inline]
fn needs_escape(bytes: &[u8]) -> bool {
    if let Some(last) = bytes.last_chunk::<8>() {
        let mut found = word_needs_escape(u64::from_le_bytes(*last));
        for chunk in bytes.as_chunks::<8>().0 {
            found |= word_needs_escape(u64::from_le_bytes(*chunk));
        }
        return found;
    }
    // Blanks behind a shorter text, which need no escape.
    word_needs_escape(head(bytes) | every(b' ') >> (8 * bytes.len()))
}

/// Appends `"text"`; true when an escape was needed.
pub(super) fn push_string(out: &mut Out, text: &str) -> bool {
    let bytes = text.as_bytes();
    if needs_escape(bytes) {
        out.push(b'"');
        push_escaped(out, bytes);
        out.push(b'"');
        return true;
    }
    let room = out.room(bytes.len() + 2);
    room[0] = b'"';
    copy(&mut room[1..], bytes);
    room[bytes.len() + 1] = b'"';
    out.advance(bytes.len() + 2);
    false
}

/// Appends `"key":`; true when an escape was needed.
pub(super) fn push_key(out: &mut Out, key: &str) -> bool {
    let bytes = key.as_bytes();
    if needs_escape(bytes) {
        push_string(out, key);
        out.push(b':');
        return true;
    }
    let room = out.room(bytes.len() + 3);
    room[0] = b'"';
    copy(&mut room[1..], bytes);
    room[bytes.len() + 1..bytes.len() + 3].copy_from_slice(b"\":");
    out.advance(bytes.len() + 3);
    false
}

/// Appends the inside of a string, for texts that arrive in pieces.
#[inline(never)]
pub(super) fn push_escaped(out: &mut Out, bytes: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut clean_from = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let escape = ESCAPE[usize::from(*byte)];
        if escape == 0 {
            continue;
        }
        out.extend(&bytes[clean_from..at]);
        out.extend(&[b'\\', escape]);
        if escape == b'u' {
            let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
            out.extend(&[b'0', b'0', high, low]);
        }
        clean_from = at + 1;
    }
    out.extend(&bytes[clean_from..]);
}

const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut value = 0;
    while value < 100 {
        pairs[value] = [b'0' + (value / 10) as u8, b'0' + (value % 10) as u8];
        value += 1;
    }
    pairs
};

/// Appends the decimal digits of an integer up to 2^53.
#[inline]
fn push_digits(out: &mut Out, value: u64, negative: bool) {
    let room = out.room(24);
    room[0] = b'-';
    let length = usize::from(negative) + digits(&mut room[usize::from(negative)..], value);
    out.advance(length);
}

/// Writes decimal digits to the front of a slice of at least 20 bytes; how many.
#[inline]
fn digits(to: &mut [u8], mut value: u64) -> usize {
    if value < 10 {
        to[0] = b'0' + value as u8;
        return 1;
    }
    let length = value.ilog10() as usize + 1;
    let to = &mut to[..length];
    let mut at = length;
    while at >= 2 {
        at -= 2;
        to[at..at + 2].copy_from_slice(&PAIRS[(value % 100) as usize]);
        value /= 100;
    }
    if at == 1 {
        to[0] = b'0' + value as u8;
    }
    length
}

pub(super) fn push_u64(out: &mut Out, value: u64) -> Result<(), CanonicalError> {
    if value <= EXACT {
        push_digits(out, value, false);
        return Ok(());
    }
    push_large(out, u128::from(value), false)
}

pub(super) fn push_i64(out: &mut Out, value: i64) -> Result<(), CanonicalError> {
    if value.unsigned_abs() <= EXACT {
        push_digits(out, value.unsigned_abs(), value < 0);
        return Ok(());
    }
    push_large(out, u128::from(value.unsigned_abs()), value < 0)
}

pub(super) fn push_u128(out: &mut Out, value: u128) -> Result<(), CanonicalError> {
    match u64::try_from(value) {
        Ok(small) => push_u64(out, small),
        Err(_) => push_large(out, value, false),
    }
}

pub(super) fn push_i128(out: &mut Out, value: i128) -> Result<(), CanonicalError> {
    match i64::try_from(value) {
        Ok(small) => push_i64(out, small),
        Err(_) => push_large(out, value.unsigned_abs(), value < 0),
    }
}

/// An integer beyond 2^53 is written as the double that it is, or refused when it is none.
#[cold]
fn push_large(out: &mut Out, magnitude: u128, negative: bool) -> Result<(), CanonicalError> {
    let double = magnitude as f64;
    // The cast back saturates at u128::MAX, which is odd and therefore no double: compare below it only.
    if magnitude == u128::MAX || double as u128 != magnitude {
        if !out.sanitises() {
            return Err(CanonicalError::new(DigestErrorCode::IntegerRounds));
        }
        out.extend(format!("\"{}{magnitude}\"", if negative { "-" } else { "" }).as_bytes());
        return Ok(());
    }
    push_f64(out, if negative { -double } else { double })
}

pub(super) fn push_f64(out: &mut Out, value: f64) -> Result<(), CanonicalError> {
    // Whole numbers are common (counts, amounts in cents) and need no shortest-digits search.
    let whole = value as i64;
    if whole as f64 == value && whole.unsigned_abs() <= EXACT {
        push_digits(out, whole.unsigned_abs(), whole < 0);
        return Ok(());
    }
    if push_short_decimal(out, value) {
        return Ok(());
    }
    if !value.is_finite() {
        return not_finite(out, value);
    }
    out.extend(ryu_js::Buffer::new().format_finite(value).as_bytes());
    Ok(())
}

/// Appends a double that is a decimal of at most six places and fifteen digits: prices, rates, coordinates.
///
/// Doubles tell all decimals of fifteen digits apart, and division rounds correctly: when `scaled / 10^6` is the value,
/// this decimal is the only one so short that reads back as it, and so the shortest.
#[inline]
fn push_short_decimal(out: &mut Out, value: f64) -> bool {
    const PLACES: u64 = 1_000_000;
    let scaled = (value.abs() * PLACES as f64).round();
    if !(1.0..1e15).contains(&scaled) || scaled / PLACES as f64 != value.abs() {
        return false;
    }
    let scaled = scaled as u64;
    let room = out.room(32);
    room[0] = b'-';
    let mut length = usize::from(value < 0.0);
    length += digits(&mut room[length..], scaled / PLACES);
    room[length] = b'.';
    let mut places = scaled % PLACES;
    let fraction = &mut room[length + 1..length + 7];
    for pair in [4, 2, 0] {
        fraction[pair..pair + 2].copy_from_slice(&PAIRS[(places % 100) as usize]);
        places /= 100;
    }
    let zeros = fraction.iter().rev().take_while(|digit| **digit == b'0').count();
    out.advance(length + 7 - zeros);
    true
}

/// A single is written by its own shortest digits (`0.1`), not by those of the double next to it.
pub(super) fn push_f32(out: &mut Out, value: f32) -> Result<(), CanonicalError> {
    let whole = value as i64;
    // Below 2^24 the shortest digits of a whole single are its digits.
    if whole as f32 == value && whole.unsigned_abs() <= 1 << 24 {
        push_digits(out, whole.unsigned_abs(), whole < 0);
        return Ok(());
    }
    if !value.is_finite() {
        return not_finite(out, f64::from(value));
    }
    out.extend(ryu_js::Buffer::new().format_finite(value).as_bytes());
    Ok(())
}

/// A number that JSON does not have: a text in a sanitised form, else refused.
#[cold]
fn not_finite(out: &mut Out, value: f64) -> Result<(), CanonicalError> {
    let (text, code) = match (value.is_nan(), value < 0.0) {
        (true, _) => ("\"NaN\"", DigestErrorCode::NotANumber),
        (_, false) => ("\"Infinity\"", DigestErrorCode::Infinite),
        (_, true) => ("\"-Infinity\"", DigestErrorCode::Infinite),
    };
    if !out.sanitises() {
        return Err(CanonicalError::new(code));
    }
    out.extend(text.as_bytes());
    Ok(())
}

/// A number that arrives as text (serde_json with `arbitrary_precision`): integers by the rule for integers,
/// everything else as the nearest double.
pub(super) fn push_number_text(out: &mut Out, text: &str) -> Result<(), CanonicalError> {
    let integer = !text.is_empty() && !text.contains(['.', 'e', 'E']);
    if integer {
        if let Ok(value) = text.parse::<i128>() {
            return push_i128(out, value);
        }
        return Err(CanonicalError::new(DigestErrorCode::IntegerRounds));
    }
    match text.parse::<f64>() {
        Ok(value) => push_f64(out, value),
        Err(_) => Err(CanonicalError::new(DigestErrorCode::Malformed)),
    }
}
