//! Readers never write. A settled, caught-up index is opened immutable, under a share of its lock; otherwise a reader
//! projects into a private index of its own, starting from a consistent copy where there is one. No byte of the trail
//! changes, so a read-only copy of a trail answers as well.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::project::{self, Projection};
use super::store::{self, Failure, Store};
use crate::error::{Code, Error};
use crate::journal::Layout;

/// How an index was opened for reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// The trail's own index, which held everything.
    Settled,
    /// A private projection, begun from a copy of the trail's index.
    Copied,
    /// A private projection, made from the journal alone.
    Projected,
}

/// An index that answers questions and changes nothing.
#[derive(Debug)]
pub struct Index {
    pub(crate) store: Store,
    access: Access,
    lag: u64,
    _share: Option<fs::File>,
    _dir: Option<PrivateDir>,
}

impl Index {
    /// Opens the trail's index, or projects what is missing in private; `seen` hears how many records are done.
    ///
    /// # Errors
    /// `AUD0304` for an index of another schema; what SQLite or the journal's files say.
    pub fn open(layout: &Layout, seen: &mut dyn FnMut(u64)) -> Result<Index, Error> {
        Self::try_open(layout, seen).map_err(|failure| failure.named("reading the index"))
    }

    /// Projects the whole journal anew, whatever stands in the trail's index.
    ///
    /// # Errors
    /// What SQLite or the journal's files say.
    pub fn scan(layout: &Layout, seen: &mut dyn FnMut(u64)) -> Result<Index, Error> {
        Self::private(layout, false, seen).map_err(|failure| failure.named("scanning the journal"))
    }

    fn try_open(layout: &Layout, seen: &mut dyn FnMut(u64)) -> Result<Index, Failure> {
        if let Some(share) = share_of(layout) {
            match Store::immutable(&layout.index()) {
                Ok(store) => match project::is_current(&store.conn, layout) {
                    Ok(true) => {
                        let _share = Some(share);
                        return Ok(Index { store, access: Access::Settled, lag: 0, _share, _dir: None });
                    }
                    Ok(false) => {}
                    Err(failure) if failure.is_corrupt() => {}
                    Err(failure) => return Err(failure),
                },
                Err(failure) if failure.is_corrupt() => {}
                Err(failure) => return Err(failure),
            }
        }
        match Self::private(layout, true, seen) {
            Err(failure) if failure.is_corrupt() => Self::private(layout, false, seen),
            other => other,
        }
    }

    fn private(layout: &Layout, copy: bool, seen: &mut dyn FnMut(u64)) -> Result<Index, Failure> {
        let dir = PrivateDir::new().map_err(|cause| no_scratch(cause.to_string()))?;
        Self::private_in(dir, layout, copy, seen).map_err(|failure| match failure {
            Failure::Sql(cause) if store::lacks_room(&cause) => no_scratch(store::why(&cause)).into(),
            other => other,
        })
    }

    fn private_in(dir: PrivateDir, layout: &Layout, copy: bool, seen: &mut dyn FnMut(u64)) -> Result<Index, Failure> {
        let path = dir.path.join("index.sqlite");
        let copied = copy && copy_consistently(&layout.index(), &path);
        let mut work = Projection::new(Store::scratch(&path)?);
        work.as_of_now = true;
        let done = work.catch_up(layout, u64::MAX, seen)?;
        work.store.finish()?;
        let access = if copied { Access::Copied } else { Access::Projected };
        Ok(Index { store: work.store, access, lag: done.records, _share: None, _dir: Some(dir) })
    }

    /// How it was opened.
    #[must_use]
    pub fn access(&self) -> Access {
        self.access
    }

    /// How many records the trail's own index did not hold.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.lag
    }
}

/// The trail is sound and can be read; what is missing is a place of our own to work in.
fn no_scratch(cause: String) -> Error {
    Error::new(Code::NoScratch, "making a private index in the directory for temporary files").detail(cause)
}

/// A share of the index's lock, so that nobody starts to project while we read; `None` when somebody projects, when a
/// projector died and left side files, or when there is no index.
fn share_of(layout: &Layout) -> Option<fs::File> {
    let index = layout.index();
    if !index.exists() || is_filled(&side(&index, "-wal")) || is_filled(&side(&index, "-journal")) {
        return None;
    }
    match fs::File::open(layout.index_lock()) {
        Ok(lock) => flock(&lock, FlockOperation::NonBlockingLockShared).is_ok().then_some(lock),
        // A copy of a trail may come without its lock: then nobody projects it, and the index itself stands for it.
        Err(_) => fs::File::open(index).ok(),
    }
}

fn side(index: &Path, suffix: &str) -> PathBuf {
    let mut name = index.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn is_filled(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.len() > 0)
}

/// Copies an index that may be written meanwhile. Pages of the main file change only by checkpoints of the WAL, and only
/// a restarted WAL (another salt in its header) loses what a checkpoint moved: with the same head before and after, the
/// copied WAL covers every page that could be torn. In the rollback mode the main file's change counter tells the same.
fn copy_consistently(from: &Path, to: &Path) -> bool {
    let heads = || {
        let main = head(from, 100)?;
        let counter = main.get(24..28)?.to_vec();
        let versions = main.get(18..20)?.to_vec();
        let wal = head(&side(from, "-wal"), 32).unwrap_or_default();
        let is_wal = versions == [2, 2];
        let counter = if is_wal { Vec::new() } else { counter };
        (is_wal || !is_filled(&side(from, "-journal"))).then_some((versions, counter, wal))
    };
    let Some(before) = heads() else { return false };
    let copied = copy(from, to).is_ok()
        && (before.2.is_empty() || copy(&side(from, "-wal"), &side(to, "-wal")).is_ok())
        && heads().is_some_and(|after| after == before);
    if !copied {
        drop(fs::remove_file(to));
        drop(fs::remove_file(side(to, "-wal")));
    }
    copied
}

/// Copies what a file holds and not its permissions: what may only be read in the trail is written here.
fn copy(from: &Path, to: &Path) -> io::Result<u64> {
    let mut source = fs::File::open(from)?;
    let mut target = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    io::copy(&mut source, &mut target)
}

fn head(path: &Path, len: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    io::Read::take(fs::File::open(path).ok()?, len).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// A directory that only we can enter; removed when dropped.
#[derive(Debug)]
struct PrivateDir {
    path: PathBuf,
}

impl PrivateDir {
    fn new() -> io::Result<PrivateDir> {
        let mut random = [0u8; 8];
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
        let path = std::env::temp_dir().join(format!("audited-{:016x}", u64::from_le_bytes(random)));
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(PrivateDir { path })
    }
}

impl Drop for PrivateDir {
    fn drop(&mut self) {
        // Best effort: what stays behind is a copy in the directory for temporary files.
        drop(fs::remove_dir_all(&self.path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// An auditor's copy may only be read; what is made of its index has to be written.
    #[test]
    fn a_copy_of_an_index_that_may_only_be_read_can_be_written() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        for file in [from.clone(), side(&from, "-wal")] {
            let mut header = [0u8; 100];
            header[18..20].copy_from_slice(&[2, 2]);
            fs::write(&file, header).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
        }
        assert!(copy_consistently(&from, &to));
        for file in [to.clone(), side(&to, "-wal")] {
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{}", file.display());
        }
        assert_eq!(fs::read(&to).unwrap(), fs::read(&from).unwrap());
    }
}
