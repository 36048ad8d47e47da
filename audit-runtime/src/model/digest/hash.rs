//! From bytes to a digest, plain or keyed.

use std::fmt;
use std::io::{self, Read};

use sha2::{Digest as _, Sha256};

use super::value::{Digest, KeyId, Scope};

/// The block of SHA-256, which HMAC pads its key to.
const BLOCK: usize = 64;

/// A secret for keyed digests, with the id that records name it by.
///
/// Its bytes are shown by nothing and overwritten when the key is dropped, as far as safe code can promise that.
pub struct DigestKey {
    id: KeyId,
    block: Box<[u8; BLOCK]>,
}

impl DigestKey {
    /// The shortest secret that is accepted, in bytes.
    pub const MIN_SECRET: usize = 16;

    /// A key from its secret; `None` when the secret is shorter than [`MIN_SECRET`](Self::MIN_SECRET). The caller
    /// wipes its own copy.
    #[must_use]
    pub fn new(id: KeyId, secret: &[u8]) -> Option<Self> {
        if secret.len() < Self::MIN_SECRET {
            return None;
        }
        let mut block = Box::new([0; BLOCK]);
        if secret.len() <= BLOCK {
            block[..secret.len()].copy_from_slice(secret);
        } else {
            block[..32].copy_from_slice(&sha256(secret));
        }
        Some(Self { id, block })
    }

    /// The name of this key.
    #[must_use]
    pub const fn id(&self) -> &KeyId {
        &self.id
    }

    fn padded(&self, pad: u8) -> Sha256 {
        let mut hash = Sha256::new();
        hash.update(self.block.map(|byte| byte ^ pad));
        hash
    }

    /// RFC 2104. Written out because it is ten lines, and a crate for it would have to agree with the version of
    /// `sha2` that the user's lock file resolves.
    fn close(&self, inner: Sha256) -> [u8; 32] {
        let mut outer = self.padded(0x5c);
        outer.update(inner.finalize());
        outer.finalize().into()
    }

    fn open(&self) -> Sha256 {
        self.padded(0x36)
    }

    pub(super) fn authenticate(&self, bytes: &[u8]) -> [u8; 32] {
        let mut inner = self.open();
        inner.update(bytes);
        self.close(inner)
    }
}

impl Drop for DigestKey {
    fn drop(&mut self) {
        self.block.fill(0);
        // Keeps the optimiser from seeing that nobody reads the zeros.
        std::hint::black_box(&mut self.block);
    }
}

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DigestKey({}, secret not shown)", self.id)
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// Digests raw bytes as they are. For values use [`digest_of`](super::digest_of).
#[must_use]
pub fn digest_bytes(scope: Scope, bytes: &[u8]) -> Digest {
    Digest::sha256(scope, sha256(bytes))
}

/// Digests raw bytes under a key.
#[must_use]
pub fn keyed_digest_bytes(scope: Scope, key: &DigestKey, bytes: &[u8]) -> Digest {
    Digest::hmac_sha256(scope, key.id.clone(), key.authenticate(bytes))
}

/// Digests what a reader gives until its end, under scope `bytes`, in constant memory.
///
/// # Errors
/// The reader's own error; interrupted reads are repeated.
pub fn digest_reader(mut reader: impl Read) -> io::Result<Digest> {
    let mut hash = Sha256::new();
    feed(&mut reader, &mut hash)?;
    Ok(Digest::sha256(Scope::Bytes, hash.finalize().into()))
}

/// Digests what a reader gives until its end under a key, in constant memory.
///
/// # Errors
/// The reader's own error; interrupted reads are repeated.
pub fn keyed_digest_reader(key: &DigestKey, mut reader: impl Read) -> io::Result<Digest> {
    let mut inner = key.open();
    feed(&mut reader, &mut inner)?;
    Ok(Digest::hmac_sha256(Scope::Bytes, key.id.clone(), key.close(inner)))
}

fn feed(reader: &mut impl Read, hash: &mut Sha256) -> io::Result<()> {
    let mut chunk = [0; 8 * 1024];
    loop {
        match reader.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(read) => hash.update(&chunk[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
