//! The child's side of the kill lane: it arms the one case that its environment names, inside its own lab, and dies of it.
//! A child that comes to its end was not killed, which its parent reports.

use super::build::Matrix;
use crate::case::Case;
use crate::lab::{Lab, STRUCK, Setup, die, plain};
use audit_runtime::journal::{DiskStorage, Map, SegmentFile, Storage};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Where a child finds its case.
pub(super) const CASE: &str = "AUDIT_CASE";
/// Where a child finds its directory; a process without it is no child.
pub(super) const PLACE: &str = "AUDIT_CASE_IN";

/// Which matrix of its test a case belongs to, where that is not the first.
pub(super) const OF: &str = "AUDIT_CASE_OF";

/// The number of the matrix, among those of its test, that the environment's case belongs to.
pub(super) fn asked() -> u32 {
    std::env::var(OF).ok().and_then(|nth| nth.parse().ok()).unwrap_or(1)
}

/// The number of one more matrix of this test, from 1. A child and a replay run the same test, and number the same.
pub(super) fn number(test: Option<&str>) -> u32 {
    static MATRICES: Mutex<BTreeMap<String, u32>> = Mutex::new(BTreeMap::new());
    let Some(test) = test else { return 1 };
    let mut matrices = MATRICES.lock();
    let nth = matrices.entry(test.to_owned()).or_default();
    *nth += 1;
    *nth
}

pub(super) fn is_child() -> bool {
    std::env::var_os(PLACE).is_some()
}

/// Runs the scenario, or a recovery, until the case kills it.
///
/// # Panics
/// When the environment names no case.
pub(super) fn live(matrix: &Matrix) {
    let dir = PathBuf::from(std::env::var_os(PLACE).unwrap_or_default());
    let case = std::env::var(CASE).map_err(|error| error.to_string()).and_then(|text| Case::parse(&text));
    let case = case.unwrap_or_else(|why| panic!("a child without a case: {why}"));
    if case.place == "recovery" {
        let storage = Killer::at(case.nth, case.phase == "torn", dir.join(STRUCK));
        if let Ok(recorder) = plain(&dir.join("trail")).storage(storage).open() {
            drop(recorder.close());
        }
        return;
    }
    // Longer than its parent waits, so that it is the parent who finds out that this child hangs.
    let patience = matrix.deadline.checked_mul(2);
    let mut setup = Setup { dir: Some(dir.clone()), mortal: true, patience, ..matrix.setup() };
    if case.place == "store" {
        setup.storage = Some(Killer::at(case.nth, case.phase == "torn", dir.join(STRUCK)));
    }
    let lab = Lab::open(setup).unwrap_or_else(|why| panic!("the child's lab: {why}"));
    lab.script().arm(case);
    let _came = matrix.scenario.play(&lab);
    lab.close();
}

/// The file system, until its Nth operation: then the process is killed, before it or in the middle of it.
#[derive(Debug)]
struct Killer {
    at: u32,
    torn: bool,
    struck: PathBuf,
    count: AtomicU32,
}

impl Killer {
    fn at(at: u32, torn: bool, struck: PathBuf) -> Arc<dyn Storage> {
        Arc::new(Shared(Arc::new(Killer { at, torn, struck, count: AtomicU32::new(0) })))
    }

    fn strike(&self) -> bool {
        self.count.fetch_add(1, Ordering::SeqCst) + 1 == self.at
    }

    fn kill(&self) -> ! {
        drop(std::fs::write(&self.struck, ""));
        die()
    }

    fn ask(&self) {
        if self.strike() {
            self.kill();
        }
    }
}

#[derive(Clone, Debug)]
struct Shared(Arc<Killer>);

impl Storage for Shared {
    fn create_segment(&self, path: &Path, size: u64) -> io::Result<Arc<dyn SegmentFile>> {
        self.0.ask();
        let file = DiskStorage.create_segment(path, size)?;
        Ok(Arc::new(KillerFile { file, killer: Arc::clone(&self.0) }))
    }

    fn remove_segment(&self, path: &Path) -> io::Result<()> {
        self.0.ask();
        DiskStorage.remove_segment(path)
    }
}

#[derive(Debug)]
struct KillerFile {
    file: Arc<dyn SegmentFile>,
    killer: Arc<Killer>,
}

impl SegmentFile for KillerFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        if self.killer.strike() {
            if self.killer.torn {
                drop(self.file.write_at(&bytes[..bytes.len() / 2], offset));
            }
            self.killer.kill();
        }
        self.file.write_at(bytes, offset)
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(into, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.killer.ask();
        self.file.sync()
    }

    fn truncate(&self, len: u64) -> io::Result<()> {
        self.killer.ask();
        self.file.truncate(len)
    }

    fn map(&self, _: u64) -> Option<Map> {
        // A store into a mapping is no operation that could be the Nth.
        None
    }

    fn is_intact(&self, size: u64) -> io::Result<bool> {
        self.file.is_intact(size)
    }
}
