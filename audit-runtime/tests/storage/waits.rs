//! Storage that holds back or never answers: who waits, for how long, and what they are told. Nothing here depends on how
//! fast the machine is: what must not have happened yet is asked while the storage is held.

use super::oracle::{faults_of, read, reopen};
use super::story::{builder, scratch};
use audit_runtime::{Error, Recorder, Severity, audited};
use audit_testkit::{FaultyStorage, Operation};
use std::path::PathBuf;
use std::sync::mpsc::{TryRecvError, channel};
use std::time::Duration;

#[audited(node = "waited for", durable = disk)]
pub(super) fn waited_for(then: impl FnOnce()) -> Result<u32, Error> {
    then();
    Ok(7)
}

pub(super) struct Stage {
    dir: tempfile::TempDir,
    pub(super) storage: FaultyStorage,
    pub(super) recorder: Recorder,
}

impl Stage {
    pub(super) fn with(patience: Duration) -> Stage {
        let dir = scratch();
        let storage = FaultyStorage::new();
        let recorder = builder(&dir.path().join("trail"), storage.clone()).ack_timeout(patience).open().expect("opens");
        // Sites are written once; the tests hold the storage behind that.
        recorder.scope(|| waited_for(|| {})).expect("runs");
        Stage { dir, storage, recorder }
    }

    pub(super) fn trail(&self) -> PathBuf {
        self.dir.path().join("trail")
    }

    pub(super) fn until_it_hangs(&self, operations: usize) {
        while self.storage.hanging() < operations {
            std::thread::yield_now();
        }
    }
}

pub(super) const LONG: Duration = Duration::from_secs(60);
pub(super) const SHORT: Duration = Duration::from_millis(150);

#[test]
fn d3_the_caller_waits_for_the_terminal_and_then_it_can_be_read() {
    let stage = Stage::with(LONG);
    let (told, hear) = channel();
    let (storage, recorder) = (stage.storage.clone(), stage.recorder.clone());
    let caller = std::thread::spawn(move || {
        let value = recorder.scope(|| waited_for(|| storage.hold(Operation::Sync)));
        told.send(value).expect("somebody listens");
    });
    stage.until_it_hangs(1);
    assert!(matches!(hear.try_recv(), Err(TryRecvError::Empty)), "told before the device answered");
    let before = read(&stage.trail()).ends("waited for").len();
    stage.storage.release();
    assert_eq!(hear.recv().expect("an answer").expect("a value"), 7);
    assert_eq!(read(&stage.trail()).ends("waited for").len(), 2, "before: {before}");
    caller.join().expect("no panic");
    stage.recorder.close().expect("closes");
}

#[test]
fn d21_an_entry_over_storage_that_never_answers_is_refused_in_time() {
    let stage = Stage::with(SHORT);
    stage.storage.hold(Operation::Sync);
    let note = stage.recorder.note("security", Severity::Error, &[]).expect_err("no acknowledgement");
    assert!(note.is_refused(), "{note}");
    assert!(stage.recorder.health().poison.is_some_and(|poison| poison.code().text() == "AUD0204"));
    let entry = stage.recorder.scope(|| waited_for(|| panic!("a refused body ran"))).expect_err("poisoned");
    assert!(entry.is_refused());
    drop(stage.recorder.close());
    stage.storage.release();
    reopen(&stage.trail());
    assert_eq!(read(&stage.trail()).ends("waited for").len(), 1);
    assert_eq!(faults_of(&stage.trail(), &[]), Vec::<String>::new());
}

#[test]
fn d21_a_terminal_over_storage_that_never_answers_is_in_doubt_in_time() {
    let stage = Stage::with(SHORT);
    let storage = stage.storage.clone();
    let error = stage.recorder.scope(|| waited_for(|| storage.hold(Operation::Sync))).expect_err("no acknowledgement");
    assert!(error.is_in_doubt(), "{error}");
    assert!(stage.recorder.enter("later").expect_err("poisoned").is_refused());
    drop(stage.recorder.close());
    stage.storage.release();
    reopen(&stage.trail());
    // The terminal stands once: its bytes had reached the kernel, and the spooled copy is not placed a second time.
    assert_eq!(read(&stage.trail()).ends("waited for").len(), 2);
    assert_eq!(faults_of(&stage.trail(), &[]), Vec::<String>::new());
}

#[test]
fn d21_nobody_waits_behind_a_write_that_hangs() {
    let stage = Stage::with(SHORT);
    stage.storage.hold(Operation::Write);
    let recorder = stage.recorder.clone();
    let stuck = std::thread::spawn(move || recorder.enter("stuck").map(drop));
    stage.until_it_hangs(1);
    let error = stage.recorder.enter("behind").expect_err("the lock is not given back");
    assert!(error.is_refused(), "{error}");
    assert!(stage.recorder.close().is_err());
    stage.storage.release();
    drop(stuck.join().expect("no panic"));
    reopen(&stage.trail());
    assert_eq!(faults_of(&stage.trail(), &[]), Vec::<String>::new());
}

#[test]
fn d21_a_task_is_woken_when_the_time_is_up_although_it_registered_late() {
    use std::task::{Context, Waker};
    let stage = Stage::with(SHORT);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");

    #[audited(node = "a task", durable = disk)]
    async fn a_task() -> Result<(), Error> {
        Ok(())
    }

    stage.storage.hold(Operation::Sync);
    let error = stage.recorder.scope(|| {
        let mut task = Box::pin(a_task());
        // Polled once with a waker that wakes nobody; the one that counts comes later.
        let first = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(first.is_pending());
        runtime.block_on(stage.recorder.scope_async(task))
    });
    assert!(error.expect_err("no acknowledgement").is_refused());
    drop(stage.recorder.close());
    stage.storage.release();
    reopen(&stage.trail());
    assert_eq!(faults_of(&stage.trail(), &[]), Vec::<String>::new());
}

#[test]
fn d20_a_full_queue_refuses_and_drops_nothing() {
    let dir = scratch();
    let trail = dir.path().join("trail");
    let storage = FaultyStorage::new();
    let recorder = builder(&trail, storage.clone()).ack_timeout(LONG).max_pending(4096).open().expect("opens");
    storage.hold(Operation::Sync);
    let answers: Vec<Result<audit_runtime::Id, Error>> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..40)
            .map(|_| scope.spawn(|| recorder.note("load", Severity::Info, &[("text", &"z".repeat(300))])))
            .collect();
        // One group is with the device; the others wait in the queue until it is full, and the rest are answered.
        while callers.iter().filter(|caller| caller.is_finished()).count() < 10 {
            std::thread::yield_now();
        }
        storage.release();
        callers.into_iter().map(|caller| caller.join().expect("no panic")).collect()
    });
    let refused = answers.iter().filter(|answer| answer.as_ref().is_err_and(Error::is_capacity)).count();
    let kept = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!(refused >= 10 && kept >= 4 && refused + kept == 40, "{refused} refused, {kept} kept");
    let named = |answer: &Result<audit_runtime::Id, Error>| {
        answer.as_ref().err().is_none_or(|error| error.code() == audit_runtime::Code::QueueFull)
    };
    assert!(answers.iter().all(named), "{answers:?}");
    assert!(recorder.health().healthy);
    recorder.close().expect("closes");
    let found = read(&trail);
    assert!(answers.iter().flatten().all(|id| found.bytes.contains_key(id)));
    assert_eq!(found.records.values().filter(|r| r.header.kind == audit_runtime::model::Kind::Note).count(), kept);
}
