//! Who writes a stream, and whether that process lives. A lock that is free proves death; a lock that is held proves
//! nothing by itself, since a forked child can keep a dead owner's lock, so the head's boot id, pid and start time of
//! the process are asked too.

use super::frame::{self, Found};
use super::layout::Layout;
use crate::error::{Code, Error};
use crate::model::{Body, Key, StreamId};
use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The first record ends well before this offset.
const HEAD_PIECE: u64 = 64 * 1024;

/// What identifies a living process on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The kernel's boot id.
    pub boot_id: String,
    /// The process id.
    pub pid: u32,
    /// Its start in clock ticks since boot: tells a process from a later one with the same id.
    pub start: u64,
    /// The namespace in which the process id counts (containers that share a volume); `None` where the system has none.
    pub space: Option<u64>,
}

impl Owner {
    /// This process.
    #[must_use]
    pub fn this() -> Owner {
        let pid = std::process::id();
        Owner { boot_id: boot_id(), pid, start: process_start(pid).unwrap_or(0), space: pid_space() }
    }

    /// What a stream's head says.
    #[must_use]
    pub fn of_head(body: &Body) -> Option<Owner> {
        Some(Owner {
            boot_id: body.text(Key::BootId)?.to_owned(),
            pid: u32::try_from(body.uint(Key::Pid)?).ok()?,
            start: body.uint(Key::ProcessStart)?,
            space: body.uint(Key::PidSpace),
        })
    }

    /// Whether that process still lives, as far as can be told from here. One of another namespace cannot be seen: while
    /// somebody holds its lock it is taken for alive, because closing what a living process has open is the worse error.
    #[must_use]
    pub fn lives(&self) -> bool {
        let unseen = self.space.is_some() && self.space != pid_space();
        self.boot_id == boot_id() && (unseen || process_start(self.pid) == Some(self.start))
    }
}

/// The kernel's boot id; empty where the system has none.
#[must_use]
pub fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

/// The kernel's number of this process's pid namespace.
fn pid_space() -> Option<u64> {
    std::fs::metadata("/proc/self/ns/pid").ok().map(|space| std::os::unix::fs::MetadataExt::ino(&space))
}

/// Field 22 of `/proc/<pid>/stat`; `None` for a process that is gone or a zombie.
fn process_start(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold spaces and parentheses: fields are counted behind the last one.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// A lock that lives as long as this value.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock; `None` when another holds it.
    ///
    /// # Errors
    /// What the file system says.
    pub fn take(path: &Path) -> io::Result<Option<Lock>> {
        Self::with(path, FlockOperation::NonBlockingLockExclusive)
    }

    /// Takes a share of the lock; `None` when another holds it whole.
    ///
    /// # Errors
    /// What the file system says.
    pub fn share(path: &Path) -> io::Result<Option<Lock>> {
        Self::with(path, FlockOperation::NonBlockingLockShared)
    }

    fn with(path: &Path, how: FlockOperation) -> io::Result<Option<Lock>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        match flock(&file, how) {
            Ok(()) => Ok(Some(Lock { file })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Leaves a word for people in the lock's file.
    ///
    /// # Errors
    /// What the file system says.
    pub fn note(&self, text: &str) -> io::Result<()> {
        self.file.set_len(0)?;
        io::Write::write_all(&mut &self.file, text.as_bytes())?;
        self.file.sync_data()
    }

    /// Gives it back; dropping does the same.
    pub fn release(self) {
        drop(self.file);
    }
}

/// Whether a lock file is held by somebody; opens it read-only and changes nothing.
#[must_use]
pub fn is_held(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    matches!(flock(&file, FlockOperation::NonBlockingLockShared), Err(rustix::io::Errno::WOULDBLOCK))
}

/// A name that nobody else's probe has: not another thread's, nor a process with the same id in another container, which
/// would take our lock for the file system's.
fn probe_name() -> String {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!(".locks-{}-{:?}-{nanos:x}", std::process::id(), std::thread::current().id())
}

/// Refuses a file system whose locks exclude nobody.
///
/// # Errors
/// `AUD0104`, naming the file system.
pub fn check_locks(dir: &Path) -> Result<(), Error> {
    let what = || "trying the file system's locks".to_owned();
    let probe = dir.join(probe_name());
    let first = Lock::take(&probe).map_err(|cause| Error::io(Code::NoLocks, what(), cause))?;
    let second = Lock::take(&probe);
    drop(std::fs::remove_file(&probe));
    match (first, second) {
        (Some(_held), Ok(None)) => Ok(()),
        _ => {
            let magic = rustix::fs::statfs(dir).map(|fs| fs.f_type as u64).unwrap_or(0);
            Err(Error::new(Code::NoLocks, what()).detail(format!("file system type {magic:#x}")))
        }
    }
}

/// Whether the stream's writer lives: its lock is held and its head names a living process. A stream without a readable
/// head lives as long as its lock is held.
#[must_use]
pub fn is_alive(layout: &Layout, stream: StreamId) -> bool {
    if !is_held(&layout.stream_lock(stream)) {
        return false;
    }
    match head(layout, stream) {
        Some(owner) => owner.lives(),
        None => true,
    }
}

/// The owner that a stream's first record names.
#[must_use]
pub fn head(layout: &Layout, stream: StreamId) -> Option<Owner> {
    // The head is the first record and small: a piece of the segment is enough.
    let mut piece = Vec::new();
    let file = File::open(layout.segment(stream, 0)).ok()?;
    io::Read::read_to_end(&mut io::Read::take(file, HEAD_PIECE), &mut piece).ok()?;
    let Found::Record(bytes) = frame::read(&piece, frame::SEGMENT_HEADER, frame::seed(stream, 0)) else { return None };
    Owner::of_head(&crate::model::Record::decode(bytes).ok()?.body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn j3_a_process_that_cannot_be_seen_from_here_is_taken_for_alive() {
        let gone = Owner { start: 1, ..Owner::this() };
        assert!(Owner::this().lives() && !gone.lives());
        assert!(Owner { space: Some(1), ..gone.clone() }.lives());
        assert!(!Owner { boot_id: "another boot".to_owned(), space: Some(1), ..gone }.lives());
    }

    #[test]
    fn d15_a_probe_of_a_process_with_our_id_in_another_container_is_not_taken_for_ours() {
        let dir = tempfile::tempdir().expect("a directory");
        // What it holds while it tries the locks: the same process id, the same thread.
        let held: Vec<Lock> =
            (0..8).map(|_| Lock::take(&dir.path().join(probe_name())).unwrap().expect("its own")).collect();
        check_locks(dir.path()).expect("the locks work");
        drop(held);
        // The control: one name for both is what a file system without locks looks like.
        let name = dir.path().join("one name");
        let (first, second) = (Lock::take(&name).unwrap(), Lock::take(&name).unwrap());
        assert!(first.is_some() && second.is_none());
    }
}
