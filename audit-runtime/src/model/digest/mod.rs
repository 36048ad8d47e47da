//! Digests: what enters the trail in the place of a value.
//!
//! A value becomes canonical JSON (RFC 8785), the bytes are hashed, and the record names what was hashed and how. The
//! rules are strict: what has no canonical form is refused with a typed reason, and nothing falls back to an empty
//! text, `null` or `Debug`. One canonicaliser serves every stream, so one value has one digest wherever it is met.
//! `docs/digests.md` has the table of forms.

mod buffer;
mod canonical;
mod error;
mod hash;
mod impls;
mod keys;
mod out;
#[doc(hidden)]
pub mod probe;
mod redacted;
mod serializer;
mod text;
mod value;
mod writer;

#[cfg(test)]
mod tests;

pub use buffer::MAX_DEPTH;
pub use canonical::{
    ArgsDigest, canonical_json, canonical_value, catching, digest_args, digest_of, digest_value, keyed_digest_of,
    keyed_digest_value, sanitised_value,
};
pub use error::{CanonicalError, DigestErrorCode};
pub use hash::{DigestKey, digest_bytes, digest_reader, keyed_digest_bytes, keyed_digest_reader};
pub use redacted::Redacted;
pub use value::{Absence, Algorithm, CANONICAL_VERSION, Digest, KeyId, ParseDigestError, Scope, Slot};
pub use writer::{ArrayWriter, AsText, AuditDigest, CanonicalWriter, ObjectWriter, REDACTED, SerdeValue};
