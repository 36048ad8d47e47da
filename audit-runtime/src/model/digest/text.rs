//! Strings and numbers as RFC 8785 spells them.

use super::error::{CanonicalError, DigestErrorCode};

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

#[inline]
pub(super) fn needs_escape(bytes: &[u8]) -> bool {
    if let Some(last) = bytes.last_chunk::<8>() {
        let mut found = word_needs_escape(u64::from_le_bytes(*last));
        for chunk in bytes.as_chunks::<8>().0 {
            found |= word_needs_escape(u64::from_le_bytes(*chunk));
        }
        found
    } else {
        bytes.iter().any(|byte| ESCAPE[usize::from(*byte)] != 0)
    }
}

/// Appends `"text"`; true when an escape was needed.
#[inline]
pub(super) fn push_string(out: &mut Vec<u8>, text: &str) -> bool {
    let bytes = text.as_bytes();
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    let escaped = needs_escape(bytes);
    if escaped {
        push_escaped(out, bytes);
    } else {
        out.extend_from_slice(bytes);
    }
    out.push(b'"');
    escaped
}

/// Appends the inside of a string, for texts that arrive in pieces.
pub(super) fn push_escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut clean_from = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let escape = ESCAPE[usize::from(*byte)];
        if escape == 0 {
            continue;
        }
        out.extend_from_slice(&bytes[clean_from..at]);
        out.extend_from_slice(&[b'\\', escape]);
        if escape == b'u' {
            let (high, low) = (HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]);
            out.extend_from_slice(&[b'0', b'0', high, low]);
        }
        clean_from = at + 1;
    }
    out.extend_from_slice(&bytes[clean_from..]);
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

/// Appends the decimal digits of an integer that is exact as a double and below 2^53 + 1.
#[inline]
fn push_digits(out: &mut Vec<u8>, mut value: u64, negative: bool) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    while value >= 100 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[(value % 100) as usize]);
        value /= 100;
    }
    if value >= 10 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[value as usize]);
    } else {
        at -= 1;
        digits[at] = b'0' + value as u8;
    }
    if negative {
        at -= 1;
        digits[at] = b'-';
    }
    out.extend_from_slice(&digits[at..]);
}

#[inline]
pub(super) fn push_u64(out: &mut Vec<u8>, value: u64) -> Result<(), CanonicalError> {
    if value <= EXACT {
        push_digits(out, value, false);
        return Ok(());
    }
    push_large(out, u128::from(value), false)
}

#[inline]
pub(super) fn push_i64(out: &mut Vec<u8>, value: i64) -> Result<(), CanonicalError> {
    if value.unsigned_abs() <= EXACT {
        push_digits(out, value.unsigned_abs(), value < 0);
        return Ok(());
    }
    push_large(out, u128::from(value.unsigned_abs()), value < 0)
}

pub(super) fn push_u128(out: &mut Vec<u8>, value: u128) -> Result<(), CanonicalError> {
    match u64::try_from(value) {
        Ok(small) => push_u64(out, small),
        Err(_) => push_large(out, value, false),
    }
}

pub(super) fn push_i128(out: &mut Vec<u8>, value: i128) -> Result<(), CanonicalError> {
    match i64::try_from(value) {
        Ok(small) => push_i64(out, small),
        Err(_) => push_large(out, value.unsigned_abs(), value < 0),
    }
}

/// An integer beyond 2^53 is written as the double that it is, or refused when it is none.
#[cold]
fn push_large(out: &mut Vec<u8>, magnitude: u128, negative: bool) -> Result<(), CanonicalError> {
    let double = magnitude as f64;
    // The cast back saturates at u128::MAX, which is odd and therefore no double: compare below it only.
    if magnitude == u128::MAX || double as u128 != magnitude {
        return Err(CanonicalError::new(DigestErrorCode::IntegerRounds));
    }
    push_f64(out, if negative { -double } else { double })
}

#[inline]
pub(super) fn push_f64(out: &mut Vec<u8>, value: f64) -> Result<(), CanonicalError> {
    // Whole numbers are common (counts, amounts in cents) and need no shortest-digits search.
    let whole = value as i64;
    if whole as f64 == value && whole.unsigned_abs() <= EXACT {
        push_digits(out, whole.unsigned_abs(), whole < 0);
        return Ok(());
    }
    check_finite(value.is_nan(), value.is_infinite())?;
    out.extend_from_slice(ryu_js::Buffer::new().format_finite(value).as_bytes());
    Ok(())
}

/// A single is written by its own shortest digits (`0.1`), not by those of the double next to it.
#[inline]
pub(super) fn push_f32(out: &mut Vec<u8>, value: f32) -> Result<(), CanonicalError> {
    let whole = value as i64;
    // Below 2^24 the shortest digits of a whole single are its digits.
    if whole as f32 == value && whole.unsigned_abs() <= 1 << 24 {
        push_digits(out, whole.unsigned_abs(), whole < 0);
        return Ok(());
    }
    check_finite(value.is_nan(), value.is_infinite())?;
    out.extend_from_slice(ryu_js::Buffer::new().format_finite(value).as_bytes());
    Ok(())
}

#[inline]
fn check_finite(nan: bool, infinite: bool) -> Result<(), CanonicalError> {
    if nan {
        return Err(CanonicalError::new(DigestErrorCode::NotANumber));
    }
    if infinite {
        return Err(CanonicalError::new(DigestErrorCode::Infinite));
    }
    Ok(())
}

/// A number that arrives as text (serde_json with `arbitrary_precision`): integers by the rule for integers,
/// everything else as the nearest double.
pub(super) fn push_number_text(out: &mut Vec<u8>, text: &str) -> Result<(), CanonicalError> {
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
