//! What stands where in a trail's directory.
//!
//! ```text
//! <trail>/format                    "audit-trail 1\n"
//! <trail>/streams/<stream>/lock     held by the stream's living writer
//! <trail>/streams/<stream>/*.seg    segments
//! <trail>/streams/<stream>/ended    how it ended: a hint that saves reading it at every open, never evidence
//! <trail>/spool/                    second sink
//! <trail>/runs/<id>.lock            a run's seat, held by every process that works on it
//! <trail>/index.sqlite, index.lock  projection
//! <trail>/payloads/                 opted-in payloads, content-addressed; made when the first one is kept
//! <trail>/seals/                    signed heads
//! ```

use crate::error::{Code, Error};
use crate::model::{RunId, StreamId};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Content of the `format` file that this build writes.
pub const FORMAT_LINE: &str = "audit-trail 1\n";

/// The directory of a trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    root: PathBuf,
}

/// Makes a directory that only its owner can enter; an existing one is left as it is.
fn make_dir(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).recursive(true).create(path) {
        Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => Err(cause),
        _ => Ok(()),
    }
}

impl Layout {
    /// The trail at this path; nothing is looked at yet.
    pub fn at(path: impl AsRef<Path>) -> Layout {
        Layout { root: path.as_ref().to_owned() }
    }

    /// The trail's directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where streams stand.
    #[must_use]
    pub fn streams_dir(&self) -> PathBuf {
        self.root.join("streams")
    }

    /// Where one stream stands.
    #[must_use]
    pub fn stream_dir(&self, stream: StreamId) -> PathBuf {
        self.streams_dir().join(stream.text())
    }

    /// A segment of a stream.
    #[must_use]
    pub fn segment(&self, stream: StreamId, number: u32) -> PathBuf {
        self.stream_dir(stream).join(format!("{number:08}.seg"))
    }

    /// The lock of a stream.
    #[must_use]
    pub fn stream_lock(&self, stream: StreamId) -> PathBuf {
        self.stream_dir(stream).join("lock")
    }

    /// The hint that a stream has ended.
    #[must_use]
    pub fn ended(&self, stream: StreamId) -> PathBuf {
        self.stream_dir(stream).join("ended")
    }

    /// The second sink.
    #[must_use]
    pub fn spool_dir(&self) -> PathBuf {
        self.root.join("spool")
    }

    /// Where runs have their seats.
    #[must_use]
    pub fn runs_dir(&self) -> PathBuf {
        self.root.join("runs")
    }

    /// The seat of a run.
    #[must_use]
    pub fn run_lock(&self, run: RunId) -> PathBuf {
        self.runs_dir().join(format!("{:#}.lock", run))
    }

    /// The projection.
    #[must_use]
    pub fn index(&self) -> PathBuf {
        self.root.join("index.sqlite")
    }

    /// The projector's lock.
    #[must_use]
    pub fn index_lock(&self) -> PathBuf {
        self.root.join("index.lock")
    }

    /// Opted-in payloads.
    #[must_use]
    pub fn payloads_dir(&self) -> PathBuf {
        self.root.join("payloads")
    }

    /// Signed heads.
    #[must_use]
    pub fn seals_dir(&self) -> PathBuf {
        self.root.join("seals")
    }

    /// Whether this is a trail that this build can read. Writes nothing.
    ///
    /// # Errors
    /// `AUD0111` nothing there, `AUD0101` something else, `AUD0102` a newer format, `AUD0103` unreadable.
    pub fn check(&self) -> Result<(), Error> {
        const WHAT: &str = "reading the trail";
        match fs::read_to_string(self.root.join("format")) {
            Ok(line) if line == FORMAT_LINE => Ok(()),
            Ok(line) if line.starts_with("audit-trail ") => {
                Err(Error::new(Code::NewerFormat, WHAT).detail(format!("its format file says {:?}", line.trim_end())))
            }
            Ok(_) => Err(Error::new(Code::NotATrail, WHAT).detail("its format file is none of ours")),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                let staged = |name: std::ffi::OsString| name.to_string_lossy().starts_with(".format-");
                let occupied = fs::read_dir(&self.root)
                    .is_ok_and(|entries| entries.flatten().any(|entry| !staged(entry.file_name())));
                if occupied && self.root.join("format").exists() {
                    // Another process finished making the trail between the two looks.
                    return self.check();
                }
                Err(Error::new(if occupied { Code::NotATrail } else { Code::NotFound }, WHAT))
            }
            Err(cause) if cause.kind() == io::ErrorKind::InvalidData => {
                Err(Error::new(Code::NotATrail, WHAT).detail("its format file is no text"))
            }
            Err(cause) => Err(Error::io(Code::CannotOpen, WHAT, cause)),
        }
    }

    /// Makes the trail where there is none yet; several processes may do so at once.
    ///
    /// # Errors
    /// As [`check`](Layout::check), and `AUD0103` when the directory cannot be made.
    pub fn create(&self) -> Result<(), Error> {
        match self.check() {
            Err(error) if error.code() == Code::NotFound => {}
            other => return other.and_then(|()| self.make_dirs()),
        }
        const WHAT: &str = "creating the trail";
        make_dir(&self.root).map_err(|cause| Error::io(Code::CannotOpen, WHAT, cause))?;
        // The format file appears whole or not at all: a crash before the rename leaves an empty-looking directory with
        // a hidden file, which the next open removes by writing its own.
        // Its name is nobody else's: not another thread's, nor a process with the same id in another container.
        let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let thread = std::thread::current().id();
        let staged = self.root.join(format!(".format-{}-{thread:?}-{nanos:x}", std::process::id()));
        let written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&staged)
            .and_then(|mut file| {
                file.write_all(FORMAT_LINE.as_bytes())?;
                file.sync_all()
            })
            .and_then(|()| fs::rename(&staged, self.root.join("format")))
            .and_then(|()| File::open(&self.root)?.sync_all());
        written.map_err(|cause| {
            drop(fs::remove_file(&staged));
            Error::io(Code::CannotOpen, WHAT, cause)
        })?;
        self.make_dirs()
    }

    fn make_dirs(&self) -> Result<(), Error> {
        [self.streams_dir(), self.spool_dir(), self.runs_dir(), self.seals_dir()]
            .iter()
            .try_for_each(|dir| make_dir(dir))
            .and_then(|()| File::open(&self.root)?.sync_all())
            .map_err(|cause| Error::io(Code::CannotOpen, "creating the trail", cause))
    }

    /// Every stream, in order of id. Directories whose name is no stream id are left out.
    ///
    /// # Errors
    /// `AUD0103` when the directory cannot be read.
    pub fn streams(&self) -> Result<Vec<StreamId>, Error> {
        let fail = |cause| Error::io(Code::CannotOpen, "listing the streams", cause);
        let mut streams = Vec::new();
        for entry in fs::read_dir(self.streams_dir()).map_err(fail)? {
            let name = entry.map_err(fail)?.file_name();
            streams.extend(name.to_str().and_then(StreamId::parse));
        }
        streams.sort_unstable();
        Ok(streams)
    }

    /// Numbers of a stream's segment files, in order.
    ///
    /// # Errors
    /// What the file system says.
    pub fn segments(&self, stream: StreamId) -> io::Result<Vec<u32>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(self.stream_dir(stream))? {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|n| n.strip_suffix(".seg")).and_then(|n| n.parse::<u32>().ok());
            numbers.extend(number);
        }
        numbers.sort_unstable();
        Ok(numbers)
    }
}

/// Leaves the hint that a stream has ended, with how it did.
///
/// # Errors
/// What the file system says; the stream is then read again at the next open, and nothing else happens.
pub fn mark_ended(layout: &Layout, stream: StreamId, how: &str) -> io::Result<()> {
    let path = layout.ended(stream);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    file.write_all(how.as_bytes())?;
    file.sync_all()?;
    super::storage::sync_parent(&path)
}
