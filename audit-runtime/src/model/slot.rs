//! Digest slots as they stand in a body: `[1, scope, 32 bytes]`, `[2, scope, 32 bytes, key id]`, or `[0, absence,
//! reason]` where there is no digest.

use super::cbor::{Value, head};
use super::digest::{Absence, Algorithm, Digest, KeyId, Scope, Slot};

/// Appends a slot.
pub fn encode(out: &mut Vec<u8>, slot: &Slot) {
    match slot {
        Slot::Absent(absence) => {
            let (kind, reason) = absence.codes();
            head(out, 4, 3);
            head(out, 0, 0);
            head(out, 0, u64::from(kind));
            head(out, 0, u64::from(reason));
        }
        Slot::Digest(digest) => {
            let key = digest.key_id();
            head(out, 4, if key.is_some() { 4 } else { 3 });
            head(out, 0, u64::from(digest.algorithm().code()));
            head(out, 0, u64::from(digest.scope().code()));
            head(out, 2, 32);
            out.extend_from_slice(digest.bytes());
            if let Some(key) = key {
                head(out, 3, key.as_str().len() as u64);
                out.extend_from_slice(key.as_str().as_bytes());
            }
        }
    }
}

/// Reads a slot; `None` for anything that no release has written.
#[must_use]
pub fn decode(value: &Value) -> Option<Slot> {
    let code = |n: &u64| u8::try_from(*n).ok();
    match value.as_array()? {
        [Value::Uint(0), Value::Uint(kind), Value::Uint(reason)] => {
            Some(Slot::Absent(Absence::from_codes(code(kind)?, code(reason)?)?))
        }
        [Value::Uint(algorithm), Value::Uint(scope), Value::Bytes(hash), key @ ..] => {
            let scope = Scope::from_code(code(scope)?)?;
            let bytes: [u8; 32] = hash.as_slice().try_into().ok()?;
            match (Algorithm::from_code(code(algorithm)?)?, key) {
                (Algorithm::Sha256, []) => Some(Slot::Digest(Digest::sha256(scope, bytes))),
                (Algorithm::HmacSha256, [Value::Text(id)]) => {
                    Some(Slot::Digest(Digest::hmac_sha256(scope, KeyId::new(id)?, bytes)))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::cbor::Decoder;
    use super::*;
    use crate::model::digest::DigestErrorCode;

    #[test]
    fn slots_survive_their_bytes_and_nothing_else_is_one() {
        let key = KeyId::new("k1").map(|key| Digest::hmac_sha256(Scope::Output, key, [3; 32]));
        let mut slots: Vec<Slot> = key.into_iter().map(Slot::Digest).collect();
        slots.push(Digest::sha256(Scope::Args, [7; 32]).into());
        slots.extend(DigestErrorCode::ALL.iter().map(|code| Slot::Absent(Absence::NotSerialisable(*code))));
        slots.push(Slot::NOT_REQUESTED);
        for slot in slots {
            let mut bytes = Vec::new();
            encode(&mut bytes, &slot);
            assert_eq!(Decoder::new(&bytes).value().ok().as_ref().and_then(decode), Some(slot));
        }
        assert_eq!(decode(&Value::Array(vec![Value::Uint(0), Value::Uint(9), Value::Uint(0)])), None);
        assert_eq!(decode(&Value::Text(String::new())), None);
    }
}
