//! The storage and its files.

use super::device::{Pages, Unsynced};
use super::fault::{Effect, Fault, Operation};
use audit_runtime::journal::{SegmentFile, Storage};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Segment files with what is in them, by their paths.
pub type Segments = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// A storage whose operations fail as planned. Clones share plan, log and device.
#[derive(Clone, Debug, Default)]
pub struct FaultyStorage {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    released: Condvar,
}

#[derive(Debug, Default)]
struct State {
    plan: Vec<Fault>,
    fired: usize,
    counts: HashMap<Operation, usize>,
    log: Vec<(Operation, PathBuf)>,
    held: HashSet<Operation>,
    hanging: usize,
    /// How often everything that hung was let go.
    releases: usize,
    device: BTreeMap<PathBuf, Pages>,
}

impl FaultyStorage {
    /// A storage that works.
    #[must_use]
    pub fn new() -> FaultyStorage {
        FaultyStorage::default()
    }

    /// A storage with this failure.
    #[must_use]
    pub fn with(fault: Fault) -> FaultyStorage {
        let storage = FaultyStorage::new();
        storage.plan(fault);
        storage
    }

    /// Plans one more failure.
    pub fn plan(&self, fault: Fault) {
        self.state().plan.push(fault);
    }

    /// Takes every planned failure back.
    pub fn mend(&self) {
        self.state().plan.clear();
        self.release();
    }

    /// How many operations have failed as planned.
    #[must_use]
    pub fn fired(&self) -> usize {
        self.state().fired
    }

    /// How many operations of this sort were asked for.
    #[must_use]
    pub fn count(&self, operation: Operation) -> usize {
        self.state().counts.get(&operation).copied().unwrap_or(0)
    }

    /// Every operation in order, with its file.
    #[must_use]
    pub fn log(&self) -> Vec<(Operation, PathBuf)> {
        self.state().log.clone()
    }

    /// From now on no such operation answers, until [`release`](Self::release).
    pub fn hold(&self, operation: Operation) {
        self.state().held.insert(operation);
    }

    /// Lets go of all that is held or hangs.
    pub fn release(&self) {
        let mut state = self.state();
        state.held.clear();
        state.releases += 1;
        self.shared.released.notify_all();
    }

    /// Operations that hang now.
    #[must_use]
    pub fn hanging(&self) -> usize {
        self.state().hanging
    }

    /// Writes what a power cut would have left of `trail` into `into`, which is made: segments as the device holds them,
    /// everything else as it stands.
    ///
    /// # Errors
    /// What the file system says.
    pub fn image(&self, trail: &Path, into: &Path, unsynced: Unsynced) -> io::Result<()> {
        Self::place(trail, into, &self.segments(unsynced))
    }

    /// The segments that this storage made, as a power cut would leave them; `None` for one that has no name then.
    #[must_use]
    pub fn segments(&self, unsynced: Unsynced) -> Segments {
        let state = self.state();
        let left = |pages: &Pages| pages.named.then(|| pages.after_power_cut(unsynced));
        state.device.iter().map(|(path, pages)| (path.clone(), left(pages))).collect()
    }

    /// Copies `trail` to `into` with these segments in place of its own.
    ///
    /// # Errors
    /// What the file system says.
    pub fn place(trail: &Path, into: &Path, segments: &Segments) -> io::Result<()> {
        // Segments that no faulty storage made are older than it, and stay as they are.
        copy_tree(trail, into, &|path| segments.contains_key(path))?;
        for (path, bytes) in segments {
            if let (Ok(inside), Some(bytes)) = (path.strip_prefix(trail), bytes) {
                fs::write(into.join(inside), bytes)?;
            }
        }
        Ok(())
    }

    /// Copies a trail as the kernel shows it now: what the death of the process alone would leave.
    ///
    /// # Errors
    /// What the file system says.
    pub fn copy(trail: &Path, into: &Path) -> io::Result<()> {
        copy_tree(trail, into, &|_| false)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an operation and says how it fails; waits where it hangs.
    fn ask(&self, operation: Operation, path: &Path) -> Option<Effect> {
        let mut state = self.state();
        let nth = state.counts.entry(operation).or_default();
        *nth += 1;
        let nth = *nth;
        state.log.push((operation, path.to_owned()));
        let planned = state.plan.iter().find(|fault| fault.hits(operation, nth)).map(|fault| fault.effect);
        state.fired += usize::from(planned.is_some());
        if state.held.contains(&operation) || planned == Some(Effect::Hangs) {
            let before = state.releases;
            state.hanging += 1;
            while state.releases == before {
                state = self.shared.released.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            state.hanging -= 1;
        }
        drop(state);
        if let Some(Effect::Slow(time)) = planned {
            std::thread::sleep(time);
        }
        planned.filter(|effect| !matches!(effect, Effect::Slow(_) | Effect::Hangs))
    }

    fn device<R>(&self, path: &Path, with: impl FnOnce(&mut Pages) -> R) -> R {
        with(self.state().device.entry(path.to_owned()).or_default())
    }
}

fn copy_tree(from: &Path, into: &Path, skip: &dyn Fn(&Path) -> bool) -> io::Result<()> {
    fs::create_dir_all(into)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let Some(name) = path.file_name() else { continue };
        if path.is_dir() {
            copy_tree(&path, &into.join(name), skip)?;
        } else if !skip(&path) {
            fs::copy(&path, into.join(name))?;
        }
    }
    Ok(())
}

/// Does what an effect leaves of an operation: `act` happens whole or not at all.
fn under<R>(effect: Option<Effect>, act: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
    match effect {
        Some(Effect::Failed(kind) | Effect::FailedHalfway(kind)) => Err(kind.into()),
        Some(Effect::FailedButKept(kind)) => act().and_then(|_| Err(kind.into())),
        _ => act(),
    }
}

impl Storage for FaultyStorage {
    fn create_segment(&self, path: &Path, size: u64) -> io::Result<Arc<dyn SegmentFile>> {
        let effect = self.ask(Operation::Create, path);
        under(effect, || {
            let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
            file.set_len(size)?;
            let named = effect != Some(Effect::Pretended);
            self.device(path, |pages| *pages = Pages::zeros(usize::try_from(size).unwrap_or(0), named));
            Ok(Arc::new(FaultyFile { storage: self.clone(), file, path: path.to_owned() }) as Arc<dyn SegmentFile>)
        })
    }

    fn remove_segment(&self, path: &Path) -> io::Result<()> {
        let effect = self.ask(Operation::Remove, path);
        under(effect, || {
            self.state().device.remove(path);
            fs::remove_file(path)
        })
    }
}

#[derive(Debug)]
struct FaultyFile {
    storage: FaultyStorage,
    file: File,
    path: PathBuf,
}

impl FaultyFile {
    fn write(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.file.write_all_at(bytes, offset)?;
        self.storage.device(&self.path, |pages| pages.write(offset, bytes));
        Ok(bytes.len())
    }
}

impl SegmentFile for FaultyFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let half = &bytes[..bytes.len().div_ceil(2)];
        match self.storage.ask(Operation::Write, &self.path) {
            Some(Effect::Short) => self.write(half, offset),
            Some(Effect::Pretended) => self.write(half, offset).map(|_| bytes.len()),
            Some(Effect::FailedHalfway(kind)) => self.write(half, offset).and_then(|_| Err(kind.into())),
            effect => under(effect, || self.write(bytes, offset)),
        }
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let effect = self.storage.ask(Operation::Read, &self.path);
        let len = if effect == Some(Effect::Short) { into.len().div_ceil(2) } else { into.len() };
        under(effect, || self.file.read_at(&mut into[..len], offset))
    }

    fn sync(&self) -> io::Result<()> {
        let effect = self.storage.ask(Operation::Sync, &self.path);
        if matches!(effect, Some(Effect::Failed(_) | Effect::FailedHalfway(_))) {
            self.storage.device(&self.path, Pages::lose);
        }
        under(effect, || {
            if effect != Some(Effect::Pretended) {
                self.storage.device(&self.path, Pages::sync);
            }
            Ok(())
        })
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        let effect = self.storage.ask(Operation::Truncate, &self.path);
        under(effect, || {
            self.file.set_len(len)?;
            self.storage.device(&self.path, |pages| pages.truncate(len));
            Ok(())
        })
    }

    fn map(&self, _: u64) -> Option<audit_runtime::journal::Map> {
        // A store into a mapping cannot fail on demand: every record goes by `write_at` here.
        None
    }

    fn is_intact(&self, size: u64) -> io::Result<bool> {
        let effect = self.storage.ask(Operation::Look, &self.path);
        under(effect, || {
            let ours = self.file.metadata()?;
            let named = match fs::metadata(&self.path) {
                Ok(named) => named.ino() == ours.ino() && named.dev() == ours.dev(),
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => false,
                Err(cause) => return Err(cause),
            };
            Ok(named && ours.len() >= size && ours.nlink() > 0)
        })
    }
}
