//! Credentials: by their own look, by the name in front of them, or by their place in a connection string.

use super::Found;

/// The letters that a credential with a look of its own can start with.
pub(super) const WORD_STARTS: &[u8] = b"sprAgxehndbBSG";

/// Prefix, and how many characters must follow at least.
pub(super) const PREFIXES: [(&[u8], usize); 20] = [
    (b"ghp_", 8),
    (b"gho_", 8),
    (b"ghu_", 8),
    (b"ghs_", 8),
    (b"ghr_", 8),
    (b"github_pat_", 8),
    (b"glpat-", 8),
    (b"xoxa-", 8),
    (b"xoxb-", 8),
    (b"xoxe-", 8),
    (b"xoxp-", 8),
    (b"xoxr-", 8),
    (b"xoxs-", 8),
    (b"sk_live_", 8),
    (b"sk_test_", 8),
    (b"rk_live_", 8),
    (b"pk_live_", 8),
    (b"AIza", 30),
    (b"npm_", 20),
    (b"dop_v1_", 20),
];

/// Names whose value is a secret, by the end of the name without `_`, `-` and `.`.
const NAMES: [&[u8]; 22] = [
    b"password",
    b"passwd",
    b"passphrase",
    b"passcode",
    b"pwd",
    b"secret",
    b"token",
    b"apikey",
    b"accesskey",
    b"secretkey",
    b"privatekey",
    b"accountkey",
    b"signingkey",
    b"encryptionkey",
    b"masterkey",
    b"authorization",
    b"credential",
    b"credentials",
    b"sessionid",
    b"cookie",
    b"cvv",
    b"cvc",
];

const fn in_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn run(bytes: &[u8], from: usize, part: impl Fn(u8) -> bool) -> usize {
    from + bytes[from..].iter().take_while(|byte| part(**byte)).count()
}

/// A credential that starts here by its look.
pub(super) fn word(bytes: &[u8], at: usize) -> Option<Found> {
    let before = if at == 0 { b' ' } else { bytes[at - 1] };
    match bytes[at] {
        b'e' => jwt(bytes, at, before),
        b'b' | b'B' => scheme(bytes, at),
        b'A' => aws(bytes, at).or_else(|| prefixed(bytes, at)),
        b's' => dashed(bytes, at).or_else(|| prefixed(bytes, at)),
        _ => prefixed(bytes, at),
    }
}

fn prefixed(bytes: &[u8], at: usize) -> Option<Found> {
    let rest = &bytes[at..];
    // Two letters tell nearly every ordinary word from a prefix.
    let pairs = [b"gh", b"gi", b"gl", b"xo", b"sk", b"rk", b"pk", b"AI", b"np", b"do"];
    if !rest.first_chunk::<2>().is_some_and(|pair| pairs.contains(&pair)) {
        return None;
    }
    let (prefix, least) = PREFIXES.iter().find(|(prefix, _)| rest.starts_with(prefix))?;
    let end = run(bytes, at + prefix.len(), in_token);
    (end - at - prefix.len() >= *least).then_some(Found { range: at..end, mark: "[key]" })
}

/// `sk-…`: the prefix is short, so the rest must look like a key and not like a word.
fn dashed(bytes: &[u8], at: usize) -> Option<Found> {
    if !bytes[at..].starts_with(b"sk-") {
        return None;
    }
    let end = run(bytes, at + 3, in_token);
    let rest = &bytes[at + 3..end];
    let key = rest.len() >= 20 || (rest.len() >= 8 && rest.iter().any(u8::is_ascii_digit));
    key.then_some(Found { range: at..end, mark: "[key]" })
}

fn aws(bytes: &[u8], at: usize) -> Option<Found> {
    let id = bytes.get(at..at + 20)?;
    let known = [b"AKIA", b"ASIA", b"AROA", b"AIDA"].iter().any(|prefix| id.starts_with(*prefix));
    let plain = id.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    (known && plain).then(|| Found { range: at..run(bytes, at + 20, in_token), mark: "[key]" })
}

/// Base64 of `{"…`, with at least one dot in the run. A run is looked at from its start only.
fn jwt(bytes: &[u8], at: usize, before: u8) -> Option<Found> {
    if !bytes[at..].starts_with(b"eyJ") || in_token(before) || before == b'.' {
        return None;
    }
    let end = run(bytes, at, |byte| in_token(byte) || byte == b'.');
    let end = end - bytes[at..end].iter().rev().take_while(|byte| **byte == b'.').count();
    let long = end - at >= 16 && bytes[at..end].contains(&b'.');
    long.then_some(Found { range: at..end, mark: "[jwt]" })
}

/// `Bearer …`, `Basic …`.
fn scheme(bytes: &[u8], at: usize) -> Option<Found> {
    let is = |name: &[u8]| bytes.get(at..at + name.len()).is_some_and(|word| word.eq_ignore_ascii_case(name));
    let (bearer, after) = if is(b"bearer ") {
        (true, at + 7)
    } else if is(b"basic ") {
        (false, at + 6)
    } else {
        return None;
    };
    let start = run(bytes, after, |byte| byte == b' ');
    let end = run(bytes, start, |byte| byte.is_ascii_alphanumeric() || b"._~+/=-".contains(&byte));
    let token = &bytes[start..end];
    // "basic understanding" is no credential; "bearer something" is taken for one.
    let encoded = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_uppercase() || *byte == b'=';
    let found = if bearer { token.len() >= 6 } else { token.len() >= 8 && token[1..].iter().any(encoded) };
    found.then_some(Found { range: start..end, mark: "[token]" })
}

/// A private key in PEM: everything to its end mark, or to the end of the text.
pub(super) fn pem(bytes: &[u8], at: usize) -> Option<Found> {
    let head = bytes[at..].strip_prefix(b"-----BEGIN ")?;
    let title = head.iter().take(64).position(|byte| *byte == b'-')?;
    if !head[..title].ends_with(b"PRIVATE KEY") {
        return None;
    }
    const END: &[u8] = b"-----END ";
    let tail = bytes[at..].windows(END.len()).position(|window| window == END);
    let end = match tail {
        Some(offset) => {
            let label = run(bytes, at + offset + END.len(), |byte| byte != b'-');
            run(bytes, label, |byte| byte == b'-')
        }
        None => bytes.len(),
    };
    Some(Found { range: at..end, mark: "[key]" })
}

/// The password in `scheme://user:password@host`, found from the colon of `://`.
pub(super) fn dsn_password(bytes: &[u8], at: usize) -> Option<Found> {
    let rest = bytes[at..].strip_prefix(b"://")?;
    let start = at + 3;
    let outside = |byte: u8| byte.is_ascii_whitespace() || b"\"'<>`".contains(&byte);
    let authority = run(bytes, start, |byte| !outside(byte) && !b"/?#".contains(&byte)) - start;
    let colon = rest[..authority].iter().position(|byte| *byte == b':')?;
    let at_sign = rest[..authority].iter().rposition(|byte| *byte == b'@').or_else(|| {
        // A password with an unescaped slash: what stands before the slash is then no port.
        let port = rest[colon + 1..authority].iter().all(u8::is_ascii_digit);
        let reach = rest.iter().take(256).take_while(|byte| !outside(**byte)).count();
        if port { None } else { rest[..reach].iter().rposition(|byte| *byte == b'@') }
    })?;
    let password = start + colon + 1..start + at_sign;
    (colon < at_sign && !password.is_empty()).then_some(Found { range: password, mark: "[password]" })
}

/// The value behind `name=` or `name:` when the name says that it is secret.
pub(super) fn named_value(bytes: &[u8], at: usize, copied: usize) -> Option<Found> {
    let path = bytes[at] == b':' && (bytes.get(at + 1) == Some(&b':') || (at > 0 && bytes[at - 1] == b':'));
    if path || !secret_name(&bytes[copied..at]) {
        return None;
    }
    let mut start = at + 1;
    if matches!(bytes.get(start), Some(b'=' | b'>')) {
        start += 1;
    }
    start = run(bytes, start, |byte| byte == b' ' || byte == b'\t');
    let range = value(bytes, start);
    (!range.is_empty()).then_some(Found { range, mark: "[secret]" })
}

/// Whether the text ends with a secret's name, perhaps quoted, perhaps followed by a few blanks.
fn secret_name(before: &[u8]) -> bool {
    let blanks = before.iter().rev().take(4).take_while(|byte| **byte == b' ').count();
    let before = &before[..before.len() - blanks];
    let quotes = before.iter().rev().take(2).take_while(|byte| b"\"'\\]`".contains(byte)).count();
    let before = &before[..before.len() - quotes];
    let ends_with = |name: &[u8]| {
        let mut letters =
            before.iter().rev().take(40).filter(|byte| !b"_-.".contains(byte)).map(u8::to_ascii_lowercase);
        name.iter().rev().all(|letter| letters.next() == Some(*letter))
    };
    NAMES.iter().any(|name| ends_with(name))
}

/// Where the value that starts here lies: inside its quotes, or up to what usually follows a value.
fn value(bytes: &[u8], start: usize) -> std::ops::Range<usize> {
    let quoted = |quote: u8| b"\"'`".contains(&quote);
    match bytes.get(start..) {
        Some([b'\\', quote, inside @ ..]) if quoted(*quote) => {
            let end = inside.windows(2).position(|pair| pair == [b'\\', *quote]).unwrap_or(inside.len());
            start + 2..start + 2 + end
        }
        Some([quote, ..]) if quoted(*quote) => {
            let close = closing_quote(bytes, start);
            let end = if close < bytes.len() && !ends_value(bytes, close + 1) { bare(bytes, start) } else { close };
            let from = if end == close { start + 1 } else { start };
            from..end
        }
        Some(_) => start..with_scheme(bytes, start),
        None => start..start,
    }
}

/// An `Authorization: Bearer …` has its secret in the second word.
fn with_scheme(bytes: &[u8], start: usize) -> usize {
    let end = bare(bytes, start);
    let schemes: [&[u8]; 4] = [b"bearer", b"basic", b"digest", b"token"];
    let scheme = schemes.iter().any(|name| bytes[start..end].eq_ignore_ascii_case(name));
    let next = run(bytes, end, |byte| byte == b' ');
    if scheme && next > end && next < bytes.len() { bare(bytes, next) } else { end }
}

/// The index of the closing quote, or the length of the text.
fn closing_quote(bytes: &[u8], open: usize) -> usize {
    let mut at = open + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 2,
            byte if *byte == bytes[open] => return at,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn ends_value(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_none_or(|byte| byte.is_ascii_whitespace() || b",;&)}]".contains(byte))
}

/// A value without quotes around it; quoted pieces inside belong to it (`Some("…")`).
fn bare(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b';' | b'&' => break,
            b',' if at > start && ends_at_comma(bytes, at) => break,
            b'"' => at = (closing_quote(bytes, at) + 1).min(bytes.len()),
            byte if byte.is_ascii_whitespace() => break,
            _ => at += 1,
        }
    }
    at
}

/// A comma ends a value when nothing, a blank, a quote or the next `name=` follows.
fn ends_at_comma(bytes: &[u8], comma: usize) -> bool {
    let end = run(bytes, comma + 1, in_token);
    match bytes.get(comma + 1) {
        None => true,
        Some(byte) if byte.is_ascii_whitespace() || b"\"'".contains(byte) => true,
        Some(_) => matches!(bytes.get(end), Some(b'=' | b':')),
    }
}
