//! File operations of a payload store that fail as planned, and what a power cut leaves of the store.

use audit_runtime::payload::{DiskFiles, Files};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a payload store asks of its file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PayloadStep {
    /// A directory is made.
    MakeDir,
    /// A file is made and written.
    Write,
    /// A file's bytes are put on the device.
    Sync,
    /// A file gets its name.
    Rename,
    /// Names are put on the device.
    SyncDir,
    /// A file is read.
    Read,
    /// A file is removed.
    Remove,
}

impl PayloadStep {
    /// Every step.
    pub const ALL: [PayloadStep; 7] = [
        PayloadStep::MakeDir,
        PayloadStep::Write,
        PayloadStep::Sync,
        PayloadStep::Rename,
        PayloadStep::SyncDir,
        PayloadStep::Read,
        PayloadStep::Remove,
    ];
}

/// File operations that fail as planned. Clones share plan, log and device.
#[derive(Clone, Debug, Default)]
pub struct FaultyFiles {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    plan: Vec<(PayloadStep, usize, io::ErrorKind, bool)>,
    pretended: BTreeSet<PayloadStep>,
    fired: usize,
    counts: HashMap<PayloadStep, usize>,
    device: Device,
}

/// Files and directories as the device has them.
#[derive(Debug, Default)]
struct Device {
    /// Bytes that were synced, by the name that the kernel shows.
    synced: BTreeMap<PathBuf, Vec<u8>>,
    /// Files whose bytes and name are on the device.
    files: BTreeMap<PathBuf, Vec<u8>>,
    /// Directories whose name is.
    dirs: BTreeSet<PathBuf>,
}

impl FaultyFiles {
    /// File operations that work.
    #[must_use]
    pub fn new() -> FaultyFiles {
        FaultyFiles::default()
    }

    /// Plans a failure of the nth step of this sort, from 1: nothing happens, or, when `kept`, all of it does.
    pub fn fail(&self, step: PayloadStep, nth: usize, kind: io::ErrorKind, kept: bool) {
        self.state().plan.push((step, nth, kind, kept));
    }

    /// From now on every step of this sort is a lie, to prove that a check would catch it: success is reported, and the
    /// device has learned nothing.
    pub fn pretend(&self, step: PayloadStep) {
        self.state().pretended.insert(step);
    }

    /// How many steps have failed as planned.
    #[must_use]
    pub fn fired(&self) -> usize {
        self.state().fired
    }

    /// How many steps of this sort were asked for.
    #[must_use]
    pub fn count(&self, step: PayloadStep) -> usize {
        self.state().counts.get(&step).copied().unwrap_or(0)
    }

    /// Replaces the payload store of `image`, a copy of `trail`, by what a power cut would have left of it.
    ///
    /// # Errors
    /// What the file system says.
    pub fn image(&self, trail: &Path, image: &Path) -> io::Result<()> {
        match fs::remove_dir_all(image.join("payloads")) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
            _ => {}
        }
        let state = self.state();
        let named = |path: &Path| {
            let above = path.ancestors().skip(1).take_while(|dir| *dir != trail);
            above.into_iter().all(|dir| state.device.dirs.contains(dir))
        };
        for (path, bytes) in state.device.files.iter().filter(|(path, _)| named(path)) {
            let Ok(inside) = path.strip_prefix(trail) else { continue };
            let to = image.join(inside);
            if let Some(dir) = to.parent() {
                fs::create_dir_all(dir)?;
            }
            fs::write(to, bytes)?;
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn step<R>(
        &self,
        step: PayloadStep,
        act: impl FnOnce() -> io::Result<R>,
        seen: impl FnOnce(&mut Device),
    ) -> io::Result<R> {
        let mut state = self.state();
        let nth = state.counts.entry(step).or_default();
        *nth += 1;
        let nth = *nth;
        let planned =
            state.plan.iter().find(|(of, at, ..)| *of == step && *at == nth).map(|(.., kind, kept)| (*kind, *kept));
        state.fired += usize::from(planned.is_some());
        if let Some((kind, false)) = planned {
            return Err(kind.into());
        }
        let done = act()?;
        if !state.pretended.contains(&step) {
            seen(&mut state.device);
        }
        planned.map_or(Ok(done), |(kind, _)| Err(kind.into()))
    }
}

impl Files for FaultyFiles {
    fn make_dir(&self, path: &Path) -> io::Result<()> {
        self.step(PayloadStep::MakeDir, || DiskFiles.make_dir(path), |_| {})
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.step(PayloadStep::Write, || DiskFiles.write(path, bytes), |_| {})
    }

    fn sync(&self, path: &Path) -> io::Result<()> {
        let bytes = DiskFiles.read(path)?.unwrap_or_default();
        self.step(
            PayloadStep::Sync,
            || DiskFiles.sync(path),
            |device| drop(device.synced.insert(path.to_owned(), bytes)),
        )
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(
            PayloadStep::Rename,
            || DiskFiles.rename(from, to),
            |device| {
                let synced = device.synced.remove(from);
                device.synced.extend(synced.map(|bytes| (to.to_owned(), bytes)));
            },
        )
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.step(
            PayloadStep::SyncDir,
            || DiskFiles.sync_dir(path),
            |device| {
                device.files.retain(|file, _| file.parent() != Some(path) || file.exists());
                let inside = device.synced.iter().filter(|(file, _)| file.parent() == Some(path) && file.exists());
                device.files.extend(inside.map(|(file, bytes)| (file.clone(), bytes.clone())));
                let dirs = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
                device.dirs.extend(dirs.filter(|dir| dir.is_dir()));
            },
        )
    }

    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        self.step(PayloadStep::Read, || DiskFiles.read(path), |_| {})
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step(PayloadStep::Remove, || DiskFiles.remove(path), |_| {})
    }
}
