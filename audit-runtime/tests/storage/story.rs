//! The scripted program: two runs, nested states at both durabilities, errors, a panic, notes, a dropped guard. It notes
//! what it was told at each step, and an observer keeps every record that was acknowledged to it.

use audit_runtime::clock::ManualClock;
use audit_runtime::journal::Storage;
use audit_runtime::recorder::{Observer, Seen};
use audit_runtime::{Builder, Durability, Error, Id, Recorder, Severity, audited};
use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a caller saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saw {
    Value,
    Own,
    Refused,
    InDoubt,
    Integrity,
    Panic,
}

/// One call of the script.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    pub node: &'static str,
    pub entered: bool,
    pub saw: Saw,
}

/// An error of the program, or of its audit.
#[derive(Debug)]
pub enum Fail {
    Own,
    Audit(Error),
}

impl fmt::Display for Fail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fail::Own => write!(f, "the program's own error"),
            Fail::Audit(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl From<Error> for Fail {
    fn from(error: Error) -> Fail {
        Fail::Audit(error)
    }
}

/// An acknowledged record: place, durability, the bytes that were promised.
#[derive(Clone, Debug)]
pub struct Acked {
    pub id: Id,
    pub durability: Durability,
    pub bytes: Vec<u8>,
}

#[derive(Default)]
pub struct Acks(pub Mutex<Vec<Acked>>);

impl Observer for Acks {
    fn seen(&self, record: Seen<'_>) {
        let bytes = [&record.header.encode()[..], record.body].concat();
        let acked = Acked { id: record.id, durability: record.header.durability, bytes };
        self.0.lock().expect("no test panics in here").push(acked);
    }
}

/// What the script was told.
#[derive(Default)]
pub struct Told {
    pub calls: RefCell<Vec<Call>>,
    pub bodies: RefCell<Vec<&'static str>>,
    pub acks: Arc<Acks>,
}

impl Told {
    pub fn acked(&self) -> Vec<Acked> {
        self.acks.0.lock().expect("no test panics in here").clone()
    }

    fn entered(&self, node: &'static str) {
        self.bodies.borrow_mut().push(node);
    }

    fn call<R>(&self, node: &'static str, call: impl FnOnce() -> Result<R, Fail>) {
        let count = || self.bodies.borrow().iter().filter(|body| **body == node).count();
        let before = count();
        let saw = match catch_unwind(AssertUnwindSafe(call)) {
            Ok(Ok(_)) => Saw::Value,
            Ok(Err(Fail::Own)) => Saw::Own,
            Ok(Err(Fail::Audit(error))) if error.is_in_doubt() => Saw::InDoubt,
            Ok(Err(Fail::Audit(error))) if error.is_integrity() => Saw::Integrity,
            Ok(Err(Fail::Audit(error))) => {
                assert!(error.is_refused(), "{error}");
                Saw::Refused
            }
            Err(_) => Saw::Panic,
        };
        self.calls.borrow_mut().push(Call { node, entered: count() > before, saw });
    }
}

#[audited(node = "outer")]
fn outer(told: &Told) -> Result<u32, Fail> {
    told.entered("outer");
    told.call("device", || device(told));
    told.call("failing", || failing(told));
    told.call("bursting", || bursting(told));
    Ok(1)
}

#[audited(node = "device", durable = disk)]
fn device(told: &Told) -> Result<u32, Fail> {
    told.entered("device");
    Ok(2)
}

#[audited(node = "failing")]
fn failing(told: &Told) -> Result<u32, Fail> {
    told.entered("failing");
    Err(Fail::Own)
}

#[audited(node = "bursting", durable = disk)]
fn bursting(told: &Told) -> Result<u32, Fail> {
    told.entered("bursting");
    // Without the panic hook: a thousand stories would print a thousand backtraces.
    std::panic::resume_unwind(Box::new(7_u8))
}

/// Options of every trail in these tests: small segments, no background sync that would make the count of operations a
/// matter of timing, no index.
pub fn builder(trail: &Path, storage: impl Storage + 'static) -> Builder {
    Builder::new(trail)
        .project(false)
        .segments(64 * 1024, 64 * 1024)
        .sync_interval(Duration::from_secs(3600))
        .patrol(Duration::from_secs(3600))
        .clock(Arc::new(ManualClock::at(1_700_000_000_000_000_000)))
        .storage(Arc::new(storage))
}

/// Tells the story into a recorder.
pub fn tell(recorder: &Recorder) -> Told {
    let told = Told::default();
    recorder.observe(told.acks.clone());
    recorder.scope(|| {
        told.call("first run", || {
            let run = recorder.begin_run("first")?;
            told.entered("first run");
            told.call("outer", || outer(&told));
            told.call("note", || {
                let _noted = recorder.note("discovery", Severity::Info, &[("what", "a note")])?;
                told.entered("note");
                Ok(())
            });
            told.call("dropped", || {
                let guard = recorder.enter("dropped")?;
                told.entered("dropped");
                drop(guard);
                Ok(())
            });
            run.finish().map_err(Error::from)?;
            Ok(())
        });
        told.call("second run", || {
            let run = recorder.begin_run("second")?;
            told.entered("second run");
            told.call("device", || device(&told));
            drop(run);
            Ok(())
        });
    });
    told
}

/// A directory in memory where there is one: these tests make thousands of trails.
pub fn scratch() -> tempfile::TempDir {
    let fast = Path::new("/dev/shm");
    let made = if fast.is_dir() { tempfile::tempdir_in(fast) } else { tempfile::tempdir() };
    made.expect("a temporary directory")
}
