//! The few file operations that keeping a payload needs. Faults are injected by wrapping this trait.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// File operations of a payload store. None of their errors may name a path of the host.
pub trait Files: Send + Sync + std::fmt::Debug {
    /// Makes a directory that only its owner can enter; one that is there is left as it is.
    ///
    /// # Errors
    /// What the file system says.
    fn make_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes a file that only its owner can read, with these bytes; not durable yet.
    ///
    /// # Errors
    /// What the file system says.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Returns when the file's bytes are on the device.
    ///
    /// # Errors
    /// What the device says.
    fn sync(&self, path: &Path) -> io::Result<()>;
    /// Gives a file its name; not durable yet.
    ///
    /// # Errors
    /// What the file system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Returns when the names in a directory are on the device.
    ///
    /// # Errors
    /// What the device says.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// All bytes of a file; `None` when there is none.
    ///
    /// # Errors
    /// What the file system says.
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>>;
    /// Removes a file; one that is gone is no error.
    ///
    /// # Errors
    /// What the file system says.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// The file system.
#[derive(Debug, Default)]
pub struct DiskFiles;

impl Files for DiskFiles {
    fn make_dir(&self, path: &Path) -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(path) {
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => made,
        }
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize).current;
        if limit.is_some_and(|limit| bytes.len() as u64 > limit) {
            // Writing past the limit would raise SIGXFSZ in the user's program.
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(bytes)
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        match fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(cause),
        }
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
            gone => gone,
        }
    }
}
