//! The few file operations that writing a stream needs. Faults are injected by wrapping these two traits.

use super::map::Map;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Makes segment files.
pub trait Storage: Send + Sync + std::fmt::Debug {
    /// Creates a segment file of `size` zero bytes, written and not merely reserved, synced with its directory.
    ///
    /// # Errors
    /// What the file system says; nothing of the file counts then.
    fn create_segment(&self, path: &Path, size: u64) -> io::Result<Arc<dyn SegmentFile>>;

    /// Removes a segment that was prepared and never used.
    ///
    /// # Errors
    /// What the file system says.
    fn remove_segment(&self, path: &Path) -> io::Result<()>;

    /// Whether what is written outlives the process; if not, the stream's head says so.
    fn is_durable(&self) -> bool {
        true
    }
}

/// One segment file of a living writer.
pub trait SegmentFile: Send + Sync + std::fmt::Debug {
    /// Writes some of the bytes; may be short.
    ///
    /// # Errors
    /// What the file system says.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;
    /// Reads some bytes back; 0 at the end of the file.
    ///
    /// # Errors
    /// What the file system says.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Returns when everything written is on the device.
    ///
    /// # Errors
    /// What the device says. After an error the file is never trusted again.
    fn sync(&self) -> io::Result<()>;
    /// Cuts the file behind the last record, at a clean close.
    ///
    /// # Errors
    /// What the file system says.
    fn truncate(&self, len: u64) -> io::Result<()>;
    /// Maps the file for the kill-safe tier; `None` where that cannot be, and then records go by `write_at`.
    fn map(&self, len: u64) -> Option<Map>;
    /// Whether the file still stands under its name with at least `size` bytes.
    ///
    /// # Errors
    /// What the file system says.
    fn is_intact(&self, size: u64) -> io::Result<bool>;
}

/// The file system.
#[derive(Debug, Default)]
pub struct DiskStorage;

/// Zeros are written in pieces of this size, each of which is on the device before the next: a whole segment at once would
/// hold the device, and with it everybody who waits for a record to get there.
const FILL: usize = 256 * 1024;

impl Storage for DiskStorage {
    fn create_segment(&self, path: &Path, size: u64) -> io::Result<Arc<dyn SegmentFile>> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
        let made = fill(&file, size).and_then(|()| sync_parent(path));
        if let Err(cause) = made {
            // A half-filled segment holds no record; removing it gives its space back to the terminals.
            drop(std::fs::remove_file(path));
            return Err(cause);
        }
        let same_file = look::open(&file)?;
        Ok(Arc::new(DiskSegment { file, path: path.to_owned(), same_file }))
    }

    fn remove_segment(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }
}

fn fill(file: &File, size: u64) -> io::Result<()> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Fsize).current;
    if limit.is_some_and(|limit| size > limit) && !crate::seeded::is("file_limit_ignored") {
        // Writing past the limit would raise SIGXFSZ in the user's program.
        return Err(io::Error::from(io::ErrorKind::FileTooLarge));
    }
    let zeros = vec![0u8; FILL.min(usize::try_from(size).unwrap_or(FILL))];
    let mut at = 0;
    while at < size {
        let piece = zeros.len().min(usize::try_from(size - at).unwrap_or(zeros.len()));
        file.write_all_at(&zeros[..piece], at)?;
        at += piece as u64;
        file.sync_all()?;
    }
    Ok(())
}

/// Syncs the directory that holds `path`, so that the name survives a power cut.
///
/// # Errors
/// What the file system says.
pub fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(dir) => File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

#[derive(Debug)]
struct DiskSegment {
    file: File,
    path: PathBuf,
    /// Device and inode. As long as the file is open, no other one has them.
    same_file: (u64, u64),
}

impl SegmentFile for DiskSegment {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.file.write_at(bytes, offset)
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(into, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)?;
        self.file.sync_all()
    }

    fn map(&self, len: u64) -> Option<Map> {
        Map::new(&self.file, usize::try_from(len).ok()?).ok()
    }

    fn is_intact(&self, size: u64) -> io::Result<bool> {
        match look::named(&self.path) {
            Ok(named) => Ok(named.same_file == self.same_file && named.len >= size),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(cause) => Err(cause),
        }
    }
}

/// What a file is, without its times. A kernel with fine-grained timestamps gives a file a time of its own once somebody
/// has asked for the last one; that makes every later write dirty the inode, and every sync write it as well: a third
/// dearer, measured. So the times are not asked for where the system lets us choose.
mod look {
    use std::fs::{File, Metadata};
    use std::io;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    pub(super) struct Seen {
        pub(super) len: u64,
        pub(super) same_file: (u64, u64),
    }

    fn of_metadata(seen: &Metadata) -> Seen {
        Seen { len: seen.len(), same_file: (seen.dev(), seen.ino()) }
    }

    #[cfg(target_os = "linux")]
    fn without_times(dir: std::os::fd::BorrowedFd<'_>, path: &Path) -> Option<io::Result<Seen>> {
        use rustix::fs::{AtFlags, StatxFlags};
        let mask = StatxFlags::INO | StatxFlags::SIZE;
        let seen = rustix::fs::statx(dir, path, AtFlags::EMPTY_PATH, mask);
        match seen {
            Ok(seen) => Some(Ok(Seen {
                len: seen.stx_size,
                same_file: (u64::from(seen.stx_dev_major) << 32 | u64::from(seen.stx_dev_minor), seen.stx_ino),
            })),
            // Too old a kernel, or a sandbox that does not know the call.
            Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => None,
            Err(errno) => Some(Err(errno.into())),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn without_times(_: std::os::fd::BorrowedFd<'_>, _: &Path) -> Option<io::Result<Seen>> {
        None
    }

    /// Device and inode of an open file.
    pub(super) fn open(file: &File) -> io::Result<(u64, u64)> {
        use std::os::fd::AsFd;
        let seen = without_times(file.as_fd(), Path::new(""));
        Ok(seen.unwrap_or_else(|| file.metadata().map(|seen| of_metadata(&seen)))?.same_file)
    }

    pub(super) fn named(path: &Path) -> io::Result<Seen> {
        without_times(rustix::fs::CWD, path).unwrap_or_else(|| std::fs::metadata(path).map(|seen| of_metadata(&seen)))
    }
}
