//! What is decided upon and executed: its canonical form, its digest, and whether it keeps within limits.

use crate::model::digest::{
    CanonicalError, Digest, DigestErrorCode, Scope, canonical_json, catching, digest_bytes, digest_of,
    keyed_digest_bytes, keyed_digest_of,
};
use crate::recorder::Recorder;
use serde::Serialize;

/// What a payload may be at most, measured on its canonical JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of canonical JSON.
    pub bytes: usize,
    /// Arrays and objects within each other.
    pub depth: usize,
    /// Items of one array.
    pub list: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { bytes: 1 << 20, depth: 32, list: 10_000 }
    }
}

/// A payload as it was seen once.
pub(super) struct Payload {
    pub(super) digest: Digest,
    size: Limits,
}

impl Payload {
    pub(super) fn of<T: Serialize + ?Sized>(recorder: &Recorder, value: &T) -> Result<Payload, CanonicalError> {
        let bytes = catching(|| canonical_json(value)).map_err(|(refusal, _)| refusal)?;
        let digest = match &recorder.0.digest_key {
            Some(key) => keyed_digest_bytes(Scope::Payload, key, &bytes),
            None => digest_bytes(Scope::Payload, &bytes),
        };
        Ok(Payload { digest, size: measure(&bytes) })
    }

    /// Which limit it goes beyond.
    pub(super) fn beyond(&self, limits: &Limits) -> Option<String> {
        let size = &self.size;
        [("bytes", size.bytes, limits.bytes), ("depth", size.depth, limits.depth), ("list", size.list, limits.list)]
            .into_iter()
            .find(|(_, is, limit)| is > limit)
            .map(|(name, is, limit)| format!("{name} {is}, at most {limit}"))
    }
}

/// The digest of what an execution brought about.
pub(super) fn output_digest<R: Serialize + ?Sized>(recorder: &Recorder, output: &R) -> Result<Digest, CanonicalError> {
    let digested = catching(|| match &recorder.0.digest_key {
        Some(key) => keyed_digest_of(Scope::Output, key, output),
        None => digest_of(Scope::Output, output),
    });
    digested.map_err(|(refusal, _)| refusal)
}

/// Whether a payload is refused for its size and not for what it is.
pub(super) fn is_too_big(refusal: &CanonicalError) -> bool {
    matches!(refusal.code(), DigestErrorCode::TooDeep | DigestErrorCode::TooLarge)
}

/// Size, depth and longest list of canonical JSON.
fn measure(json: &[u8]) -> Limits {
    let mut size = Limits { bytes: json.len(), depth: 0, list: 0 };
    // For each open array the items so far; objects have none to count.
    let mut open: Vec<Option<usize>> = Vec::new();
    let mut bytes = json.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => skip_text(&mut bytes),
            b'[' | b'{' => {
                let holds_something = json.get(at + 1) != Some(&b']');
                open.push((*byte == b'[').then_some(usize::from(holds_something)));
                size.depth = size.depth.max(open.len());
            }
            b',' => {
                if let Some(Some(items)) = open.last_mut() {
                    *items += 1;
                }
            }
            b']' | b'}' => {
                if let Some(Some(items)) = open.pop() {
                    size.list = size.list.max(items);
                }
            }
            _ => {}
        }
    }
    size
}

fn skip_text<'a>(bytes: &mut impl Iterator<Item = (usize, &'a u8)>) {
    while let Some((_, byte)) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'"' => return,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a3_size_is_measured_outside_texts() {
        let size = |json: &str| {
            let Limits { bytes, depth, list } = measure(json.as_bytes());
            (bytes, depth, list)
        };
        assert_eq!(size("7"), (1, 0, 0));
        assert_eq!(size("[]"), (2, 1, 0));
        assert_eq!(size(r#"{"a":[1,2,[3]]}"#), (15, 3, 3));
        assert_eq!(size(r#"["[[[,\"[,","x"]"#), (16, 1, 2));
        assert_eq!(size(r#"[{"a":1,"b":2,"c":3}]"#), (21, 2, 1));
    }
}
