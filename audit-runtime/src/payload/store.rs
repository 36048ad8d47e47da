//! Placing, reading and removing payloads.
//!
//! ```text
//! place: share of the lock ─ bytes in a file of their own ─ sync ─ rename to the digest ─ sync of the directories
//!          ─ (the caller writes the record that names it) ─ lock given back
//! purge: the whole lock ─ the purge's records, on the device ─ files removed
//! ```
//! Who stops before the rename leaves a file that nobody can take for a payload; who stops before the record leaves a
//! payload that nobody names. The next purge removes both.

use super::files::Files;
use crate::error::{Code, Error};
use crate::model::digest::{Digest, Scope, digest_bytes};
use parking_lot::Mutex;
use rustix::fs::{FlockOperation, flock};
use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often a held lock is asked for again.
const AGAIN: Duration = Duration::from_millis(2);

/// A payload store; clones are the same one.
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    files: Arc<dyn Files>,
    /// The longest wait for the lock.
    patience: Duration,
    number: AtomicU64,
    /// Directories that this process has made durable with their names.
    durable: Mutex<HashSet<PathBuf>>,
}

/// A lock of the store, while it lives.
#[derive(Debug)]
pub struct Held {
    _file: File,
}

/// A payload that is durable and waits for its record. Drop it once that stands: no purge runs meanwhile.
#[derive(Debug)]
#[must_use = "a purge may take the payload before its record stands"]
pub struct Placed {
    digest: Digest,
    _held: Held,
    /// A planted bug: the payload comes after its record.
    late: Option<(Store, Vec<u8>)>,
}

impl Placed {
    /// The digest that a record names the payload by.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.digest
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        if let Some((store, bytes)) = self.late.take() {
            drop(store.keep(self.digest.bytes(), &bytes));
        }
    }
}

/// A file of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The digest that it is kept under; `None` for what somebody who died had not finished.
    pub digest: Option<[u8; 32]>,
    /// Its size in bytes.
    pub bytes: u64,
    path: PathBuf,
}

impl Store {
    /// The store in this directory, which is made when the first payload comes.
    pub fn at(root: impl AsRef<Path>, files: Arc<dyn Files>, patience: Duration) -> Store {
        Store(Arc::new(Inner {
            root: root.as_ref().to_owned(),
            files,
            patience,
            number: AtomicU64::new(0),
            durable: Mutex::default(),
        }))
    }

    fn path(&self, hash: &[u8; 32]) -> [PathBuf; 3] {
        let name = Digest::sha256(Scope::Bytes, *hash).hex();
        let first = self.0.root.join(&name[..2]);
        let second = first.join(&name[2..4]);
        let file = second.join(&name);
        [first, second, file]
    }

    /// Keeps these bytes under their digest, which a record names with this scope; durable when this returns.
    ///
    /// # Errors
    /// `AUD0720` when the file system refuses; `AUD0722` when other bytes stand under the digest; `AUD0724` while a purge
    /// runs.
    pub fn place(&self, scope: Scope, bytes: Vec<u8>) -> Result<Placed, Error> {
        let digest = digest_bytes(scope, &bytes);
        self.make(&self.0.root).map_err(not_stored)?;
        let held = self.lock(FlockOperation::NonBlockingLockShared)?;
        if crate::seeded::is("payload_after_record") {
            return Ok(Placed { digest, _held: held, late: Some((self.clone(), bytes)) });
        }
        self.keep(digest.bytes(), &bytes)?;
        Ok(Placed { digest, _held: held, late: None })
    }

    fn keep(&self, hash: &[u8; 32], bytes: &[u8]) -> Result<(), Error> {
        let [first, second, file] = self.path(hash);
        let files = &*self.0.files;
        self.make(&first).and_then(|()| self.make(&second)).map_err(not_stored)?;
        match files.read(&file).map_err(not_stored)? {
            Some(there) if there != bytes => return Err(Error::new(Code::PayloadAltered, STORING)),
            // Whoever placed it may have died before it was durable.
            Some(_) => files.sync(&file).map_err(not_stored)?,
            None => self.write(&second, &file, bytes).map_err(not_stored)?,
        }
        files.sync_dir(&second).map_err(not_stored)
    }

    fn write(&self, dir: &Path, file: &Path, bytes: &[u8]) -> io::Result<()> {
        let files = &*self.0.files;
        let number = self.0.number.fetch_add(1, Ordering::Relaxed);
        let mut random = [0u8; 8];
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
        // Its name is nobody else's: not another store's of this process, nor a process's in another container.
        let staged = dir.join(format!(".{:016x}-{number}", u64::from_le_bytes(random)));
        let written =
            files.write(&staged, bytes).and_then(|()| files.sync(&staged)).and_then(|()| files.rename(&staged, file));
        if written.is_err() {
            // What stays behind is removed by the next purge.
            drop(files.remove(&staged));
        }
        written
    }

    /// Makes a directory, durable with its name.
    fn make(&self, dir: &Path) -> io::Result<()> {
        if self.0.durable.lock().contains(dir) {
            return Ok(());
        }
        self.0.files.make_dir(dir)?;
        if let Some(parent) = dir.parent() {
            self.0.files.sync_dir(parent)?;
        }
        self.0.durable.lock().insert(dir.to_owned());
        Ok(())
    }

    fn lock(&self, how: FlockOperation) -> Result<Held, Error> {
        let since = Instant::now();
        let path = self.0.root.join("lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(path).map_err(not_stored)?;
        loop {
            match flock(&file, how) {
                Ok(()) => return Ok(Held { _file: file }),
                Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) if since.elapsed() < self.0.patience => {
                    std::thread::sleep(AGAIN);
                }
                Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => {
                    return Err(Error::new(Code::PayloadsLocked, "locking the payload store"));
                }
                Err(errno) => return Err(not_stored(errno.into())),
            }
        }
    }

    /// Takes a share of the lock: no purge runs while it lives.
    ///
    /// # Errors
    /// `AUD0724` while a purge runs.
    pub fn share(&self) -> Result<Held, Error> {
        self.make(&self.0.root).map_err(not_stored)?;
        self.lock(FlockOperation::NonBlockingLockShared)
    }

    /// Takes the whole lock: nobody places a payload while it lives.
    ///
    /// # Errors
    /// `AUD0724` while others hold a share of it for longer than a caller waits.
    pub fn alone(&self) -> Result<Held, Error> {
        self.make(&self.0.root).map_err(not_stored)?;
        self.lock(FlockOperation::NonBlockingLockExclusive)
    }

    /// The bytes of a payload, verified; `None` when there are none.
    ///
    /// # Errors
    /// `AUD0722` when the bytes do not have this digest; `AUD0103` when they cannot be read.
    pub fn read(&self, hash: &[u8; 32]) -> Result<Option<Vec<u8>>, Error> {
        const READING: &str = "reading a payload";
        let [.., file] = self.path(hash);
        let Some(bytes) = self.0.files.read(&file).map_err(|cause| Error::io(Code::CannotOpen, READING, cause))? else {
            return Ok(None);
        };
        if digest_bytes(Scope::Bytes, &bytes).bytes() != hash && !crate::seeded::is("payload_believed") {
            return Err(Error::new(Code::PayloadAltered, READING));
        }
        Ok(Some(bytes))
    }

    /// Whether a file stands under this digest, whatever is in it.
    #[must_use]
    pub fn has(&self, hash: &[u8; 32]) -> bool {
        let [.., file] = self.path(hash);
        file.exists()
    }

    /// Every file of the store, in order of name.
    ///
    /// # Errors
    /// `AUD0103` when it cannot be read.
    pub fn files(&self) -> Result<Vec<Stored>, Error> {
        let mut found = Vec::new();
        walk(&self.0.root, 0, &mut found)
            .map_err(|cause| Error::io(Code::CannotOpen, "listing the payload store", cause))?;
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    /// Removes a file; the name is gone from the device when this returns.
    ///
    /// # Errors
    /// What the file system says.
    pub fn remove(&self, stored: &Stored) -> io::Result<()> {
        self.0.files.remove(&stored.path)?;
        stored.path.parent().map_or(Ok(()), |dir| self.0.files.sync_dir(dir))
    }
}

const STORING: &str = "storing a payload";

fn not_stored(cause: io::Error) -> Error {
    Error::io(Code::PayloadNotStored, STORING, cause)
}

/// Payloads stand two directories deep; the lock beside them is none.
fn walk(dir: &Path, depth: u32, found: &mut Vec<Stored>) -> io::Result<()> {
    let entries = match fs::read_dir(dir) {
        Err(cause) if depth == 0 && cause.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), depth + 1, found)?;
        } else if depth == 2 {
            let name = entry.file_name();
            let digest = name.to_str().and_then(|name| Digest::parse(Scope::Bytes, &format!("sha256:{name}")).ok());
            let digest = digest.map(|digest| *digest.bytes());
            found.push(Stored { digest, bytes: entry.metadata()?.len(), path: entry.path() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::files::DiskFiles;
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::at(dir.path().join("payloads"), Arc::new(DiskFiles), Duration::from_millis(20));
        (dir, store)
    }

    #[test]
    fn a_payload_stands_under_its_digest_and_nobody_else_may_read_it() {
        let (dir, store) = store();
        let placed = store.place(Scope::Payload, b"seven".to_vec()).unwrap();
        let hex = placed.digest().hex();
        let path = dir.path().join("payloads").join(&hex[..2]).join(&hex[2..4]).join(&hex);
        assert_eq!(fs::read(&path).unwrap(), b"seven");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (mode(&path), mode(path.parent().unwrap()), mode(&dir.path().join("payloads"))),
            (0o600, 0o700, 0o700)
        );
        assert_eq!(store.read(placed.digest().bytes()).unwrap().as_deref(), Some(&b"seven"[..]));
        assert_eq!(store.files().unwrap().len(), 1, "nothing but the payload");
    }

    #[test]
    fn p17_altered_bytes_are_an_integrity_error_and_never_kept_again() {
        let (_dir, store) = store();
        let digest = store.place(Scope::Payload, b"seven".to_vec()).unwrap().digest().clone();
        let [.., file] = store.path(digest.bytes());
        fs::write(&file, b"eight").unwrap();
        let read = store.read(digest.bytes()).unwrap_err();
        assert_eq!((read.code(), read.is_integrity()), (Code::PayloadAltered, true));
        assert_eq!(store.place(Scope::Payload, b"seven".to_vec()).unwrap_err().code(), Code::PayloadAltered);
        assert_eq!(store.read(&[0; 32]).unwrap(), None);
    }

    #[test]
    fn nobody_places_while_a_purge_runs_and_no_purge_runs_before_the_record_stands() {
        let (_dir, store) = store();
        let placed = store.place(Scope::Payload, b"seven".to_vec()).unwrap();
        assert_eq!(store.alone().unwrap_err().code(), Code::PayloadsLocked);
        drop(placed);
        let alone = store.alone().unwrap();
        let refused = store.place(Scope::Payload, b"eight".to_vec()).unwrap_err();
        assert_eq!((refused.code(), refused.is_refused()), (Code::PayloadsLocked, true));
        drop(alone);
        drop(store.place(Scope::Payload, b"eight".to_vec()).unwrap());
    }
}
