//! A digest, and the slot that holds one or says why there is none.

use std::fmt;
use std::sync::Arc;

use super::error::{CanonicalError, DigestErrorCode};
use crate::model::status::coded;

/// The version of the rules by which a value becomes canonical bytes. It is stored with every run.
pub const CANONICAL_VERSION: u32 = 1;

coded! {
    /// How the bytes were hashed. Its number is never 0.
    Algorithm {
        /// SHA-256: anybody can recompute it from the value.
        Sha256 = 1 "sha256",
        /// HMAC-SHA-256: only a holder of the key can; destroying the key is erasure.
        HmacSha256 = 2 "hmac-sha256",
    }
}

coded! {
    /// What was hashed. Its number is never 0.
    Scope {
        /// The named arguments of a function, as one object.
        Args = 1 "args",
        /// The body of a request, a row, a message.
        Payload = 2 "payload",
        /// A payload together with its routing and identity.
        Envelope = 3 "envelope",
        /// What a function returned.
        Output = 4 "output",
        /// Raw bytes, hashed as they are.
        Bytes = 5 "bytes",
        /// A payload that had to be changed before it could be digested.
        Sanitised = 6 "sanitised",
        /// The reason of a decision or a routing.
        Reason = 7 "reason",
        /// A configuration, a policy, a profile.
        Config = 8 "config",
        /// An error text or an error result.
        Error = 9 "error",
        /// A durable thing that a sink produced.
        Artifact = 10 "artifact",
    }
}

/// The name of a digest key; the key itself is never stored with it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(Arc<str>);

impl KeyId {
    /// Accepts 1 to 64 of `A-Z a-z 0-9 . _ -`; `None` for anything else.
    #[must_use]
    pub fn new(id: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        ((1..=64).contains(&id.len()) && id.bytes().all(plain)).then(|| Self(id.into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A hash of canonical bytes, or of raw ones, together with what was hashed and how.
///
/// Its text is `sha256:` and 64 hex digits, or `hmac-sha256:`, the key's id, `:` and 64 hex digits. Two digests are
/// comparable when algorithm, key id and scope agree.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Digest {
    scope: Scope,
    key_id: Option<KeyId>,
    bytes: [u8; 32],
}

impl Digest {
    /// A SHA-256 that was computed elsewhere or read from a record.
    #[must_use]
    pub const fn sha256(scope: Scope, bytes: [u8; 32]) -> Self {
        Self { scope, key_id: None, bytes }
    }

    /// An HMAC-SHA-256 that was computed elsewhere or read from a record.
    #[must_use]
    pub const fn hmac_sha256(scope: Scope, key_id: KeyId, bytes: [u8; 32]) -> Self {
        Self { scope, key_id: Some(key_id), bytes }
    }

    /// How the bytes were hashed; keyed exactly when there is a key id.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self.key_id {
            None => Algorithm::Sha256,
            Some(_) => Algorithm::HmacSha256,
        }
    }

    /// What was hashed.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        self.scope
    }

    /// The key of a keyed digest.
    #[must_use]
    pub const fn key_id(&self) -> Option<&KeyId> {
        self.key_id.as_ref()
    }

    /// The 32 bytes of the hash.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// The hash as 64 lower-case hex digits, without its algorithm.
    #[must_use]
    pub fn hex(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digits = self.bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
    }

    /// Reads the text form back; the scope is not part of it.
    ///
    /// # Errors
    /// [`ParseDigestError`] when the text has another form, upper-case digits included.
    pub fn parse(scope: Scope, text: &str) -> Result<Self, ParseDigestError> {
        if let Some(hex) = text.strip_prefix("sha256:") {
            return Ok(Self::sha256(scope, parse_hex(hex)?));
        }
        let keyed = text.strip_prefix("hmac-sha256:").ok_or(ParseDigestError)?;
        let (key_id, hex) = keyed.split_once(':').ok_or(ParseDigestError)?;
        let key_id = KeyId::new(key_id).ok_or(ParseDigestError)?;
        Ok(Self::hmac_sha256(scope, key_id, parse_hex(hex)?))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = self.hex();
        match &self.key_id {
            None => write!(f, "sha256:{hex}"),
            Some(key_id) => write!(f, "hmac-sha256:{key_id}:{hex}"),
        }
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({} {self})", self.scope)
    }
}

/// A text that is not a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseDigestError;

impl fmt::Display for ParseDigestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a digest: expected sha256:<64 lower-case hex digits> or hmac-sha256:<key id>:<64 hex digits>")
    }
}

impl std::error::Error for ParseDigestError {}

fn parse_hex(hex: &str) -> Result<[u8; 32], ParseDigestError> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Ok(byte - b'0'),
        b'a'..=b'f' => Ok(byte - b'a' + 10),
        _ => Err(ParseDigestError),
    };
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    if pairs.len() != 32 || !rest.is_empty() {
        return Err(ParseDigestError);
    }
    let mut bytes = [0; 32];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Ok(bytes)
}

/// Why a slot holds no digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Absence {
    /// Nobody asked for a digest of this value.
    NotRequested,
    /// The value has no canonical form, for this reason.
    NotSerialisable(DigestErrorCode),
    /// The digest was removed on purpose, by a purge that left a record.
    Erased,
    /// There is no such value: the body did not return one.
    NoValue,
}

impl Absence {
    /// The stable name; the reason of `not_serialisable` is a name of its own ([`reason`](Self::reason)).
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotRequested => "not_requested",
            Self::NotSerialisable(_) => "not_serialisable",
            Self::Erased => "erased",
            Self::NoValue => "no_value",
        }
    }

    /// Why the value has no canonical form, where that is the cause.
    #[must_use]
    pub const fn reason(self) -> Option<DigestErrorCode> {
        match self {
            Self::NotSerialisable(code) => Some(code),
            Self::NotRequested | Self::Erased | Self::NoValue => None,
        }
    }

    /// The two numbers that records store: the kind of absence (never 0) and its reason (0 for none).
    #[must_use]
    pub const fn codes(self) -> (u8, u8) {
        match self {
            Self::NotRequested => (1, 0),
            Self::NotSerialisable(code) => (2, code.code()),
            Self::Erased => (3, 0),
            Self::NoValue => (4, 0),
        }
    }

    /// Reads the two stored numbers back; `None` for a pair that no release has written.
    #[must_use]
    pub fn from_codes(kind: u8, reason: u8) -> Option<Self> {
        match (kind, reason) {
            (1, 0) => Some(Self::NotRequested),
            (2, reason) => DigestErrorCode::from_code(reason).map(Self::NotSerialisable),
            (3, 0) => Some(Self::Erased),
            (4, 0) => Some(Self::NoValue),
            _ => None,
        }
    }
}

impl fmt::Display for Absence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason() {
            Some(reason) => write!(f, "{} ({reason})", self.name()),
            None => f.write_str(self.name()),
        }
    }
}

/// A place for a digest: filled, or saying why not. It has no empty form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    /// The digest.
    Digest(Digest),
    /// Why there is none.
    Absent(Absence),
}

impl Slot {
    /// The slot of a value that nobody asked to digest.
    pub const NOT_REQUESTED: Self = Self::Absent(Absence::NotRequested);

    /// The digest, where there is one.
    #[must_use]
    pub const fn digest(&self) -> Option<&Digest> {
        match self {
            Self::Digest(digest) => Some(digest),
            Self::Absent(_) => None,
        }
    }

    /// Why there is no digest, where there is none.
    #[must_use]
    pub const fn absence(&self) -> Option<Absence> {
        match self {
            Self::Digest(_) => None,
            Self::Absent(absence) => Some(*absence),
        }
    }
}

impl From<Digest> for Slot {
    fn from(digest: Digest) -> Self {
        Self::Digest(digest)
    }
}

impl From<Absence> for Slot {
    fn from(absence: Absence) -> Self {
        Self::Absent(absence)
    }
}

impl From<Result<Digest, CanonicalError>> for Slot {
    fn from(outcome: Result<Digest, CanonicalError>) -> Self {
        match outcome {
            Ok(digest) => Self::Digest(digest),
            Err(error) => Self::Absent(Absence::NotSerialisable(error.code())),
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digest(digest) => digest.fmt(f),
            Self::Absent(absence) => absence.fmt(f),
        }
    }
}
