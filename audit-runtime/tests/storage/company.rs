//! One caller's trouble with the storage is nobody else's: what another one holds while it hangs, what another one's waker
//! does, what another one was told. Each test asks from a thread of its own and gives it far longer than it may take.

use super::oracle::{faults_of, read, reopen};
use super::story::{builder, scratch};
use super::waits::{LONG, SHORT, Stage, waited_for};
use audit_runtime::journal::{SegmentFile, Storage};
use audit_runtime::{Error, Guard, audited};
use audit_testkit::{Effect, Fault, FaultyStorage, Operation};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::task::{Context, Wake, Waker};
use std::time::{Duration, Instant};

/// What a caller is told, on a thread of its own; `None` when it is still not told after a minute.
fn told<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> Option<R> {
    let (tell, hear) = channel();
    std::thread::spawn(move || drop(tell.send(work())));
    hear.recv_timeout(LONG).ok()
}

#[audited(node = "the first of its site")]
fn first_of_its_site() -> Result<u32, Error> {
    Ok(1)
}

#[audited(node = "the first of another site")]
fn first_of_another_site() -> Result<u32, Error> {
    panic!("a refused body ran")
}

#[test]
fn d21_nobody_waits_behind_a_site_record_that_hangs() {
    let stage = Stage::with(SHORT);
    stage.storage.hold(Operation::Write);
    let recorder = stage.recorder.clone();
    let stuck = std::thread::spawn(move || recorder.scope(first_of_its_site));
    stage.until_it_hangs(1);
    let recorder = stage.recorder.clone();
    let refused = told(move || recorder.scope(first_of_another_site)).expect("an answer in time");
    assert!(refused.expect_err("nothing can be written").is_refused());
    let recorder = stage.recorder.clone();
    assert!(told(move || recorder.close()).expect("an answer in time").is_err());
    // The control: the write is still under way.
    assert!(stage.storage.hanging() > 0 && !stuck.is_finished());
    stage.storage.release();
    drop(stuck.join().expect("no panic"));
    reopen(&stage.trail());
    assert_eq!(faults_of(&stage.trail(), &[]), Vec::<String>::new());
}

#[audited(node = "degrading", on_audit_failure = degrade)]
fn degrading() -> u32 {
    7
}

#[test]
fn d21_d10_nobody_waits_behind_a_gap_record_that_hangs() {
    let dir = scratch();
    let trail = dir.path().join("trail");
    let storage = FaultyStorage::new();
    let recorder = builder(&trail, storage.clone()).ack_timeout(SHORT).open().expect("opens");
    recorder.scope(degrading);
    // A refusal for want of space poisons nothing: the gap is told as soon as there is room.
    storage.plan(Fault::from(Operation::Create, 1, Effect::Failed(ErrorKind::StorageFull)));
    let mut open: Vec<Guard> = Vec::new();
    while let Ok(guard) = recorder.enter("entry") {
        open.push(guard);
    }
    recorder.scope(degrading);
    assert!(recorder.health().degraded && recorder.health().healthy);
    open.drain(..).for_each(|guard| guard.complete().expect("its space was kept"));
    storage.hold(Operation::Write);
    let other = recorder.clone();
    let stuck = std::thread::spawn(move || other.enter("writes the gap").map(drop));
    while storage.hanging() == 0 {
        std::thread::yield_now();
    }
    let other = recorder.clone();
    let value = told(move || other.scope(degrading)).expect("an answer in time");
    assert_eq!(value, 7, "it degrades: the body runs");
    assert!(!stuck.is_finished(), "the control: the gap's record is still under way");
    storage.release();
    drop(stuck.join().expect("no panic"));
    drop(recorder.close());
    reopen(&trail);
    assert_eq!(faults_of(&trail, &[]), Vec::<String>::new());
}

struct Explosive;

impl Wake for Explosive {
    fn wake(self: Arc<Self>) {
        panic!("a waker that panics");
    }
}

#[audited(node = "a task", durable = disk)]
async fn a_task() -> Result<(), Error> {
    Ok(())
}

#[test]
fn d21_a_waker_that_panics_costs_nobody_else_the_answer() {
    let stage = Stage::with(Duration::from_secs(10));
    stage.storage.hold(Operation::Sync);
    let mut task = Box::pin(stage.recorder.scope_async(a_task()));
    let waker = Waker::from(Arc::new(Explosive));
    assert!(task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    stage.until_it_hangs(1);
    let recorder = stage.recorder.clone();
    let (tell, hear) = channel();
    let beside = std::thread::spawn(move || drop(tell.send(recorder.scope(|| waited_for(|| {})))));
    stage.storage.release();
    assert_eq!(hear.recv().expect("an answer").expect("its record is on the device"), 7);
    beside.join().expect("no panic");
    // The control: its own task is driven on by whoever polls it, and ends well.
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(task).expect("recorded");
    assert!(stage.recorder.health().healthy);
    stage.recorder.close().expect("closes");
    assert_eq!(read(&stage.trail()).ends("a task").len(), 1);
    assert_eq!(faults_of(&stage.trail(), &[]), Vec::<String>::new());
}

/// So many within a minute: a hundred times the interval for each. Who waits for a free moment does not get as many.
const SYNCS: usize = 50;

#[test]
fn slow_writers_do_not_keep_the_background_sync_from_the_device() {
    let dir = scratch();
    let trail = dir.path().join("trail");
    let storage = FaultyStorage::new();
    let recorder = builder(&trail, storage.clone()).sync_interval(Duration::from_millis(10)).open().expect("opens");
    storage.plan(Fault::from(Operation::Write, 1, Effect::Slow(Duration::from_millis(2))));
    let (before, stop) = (storage.count(Operation::Sync), AtomicBool::new(false));
    let mut synced = before;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    recorder.enter("busy").and_then(Guard::complete).expect("recorded");
                }
            });
        }
        // Nobody asks for the device: what is synced is synced in the background.
        let until = Instant::now() + LONG;
        while synced < before + SYNCS && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
            synced = storage.count(Operation::Sync);
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(synced >= before + SYNCS, "{} background syncs in a minute", synced - before);
    recorder.close().expect("closes");
    assert_eq!(faults_of(&trail, &[]), Vec::<String>::new());
}

/// A full disk that takes its time to say so.
#[derive(Debug)]
struct SlowlyFull(FaultyStorage, Duration);

impl Storage for SlowlyFull {
    fn create_segment(&self, path: &Path, size: u64) -> io::Result<Arc<dyn SegmentFile>> {
        let made = self.0.create_segment(path, size);
        if made.is_err() {
            std::thread::sleep(self.1);
        }
        made
    }

    fn remove_segment(&self, path: &Path) -> io::Result<()> {
        self.0.remove_segment(path)
    }
}

#[test]
fn d12_one_failure_to_make_room_answers_everybody_who_waits_for_it() {
    const CALLERS: usize = 64;
    let dir = scratch();
    let trail = dir.path().join("trail");
    let storage = FaultyStorage::new();
    // Asked one by one they would wait for longer than anybody may.
    let slow = SlowlyFull(storage.clone(), Duration::from_millis(100));
    let recorder = builder(&trail, slow).ack_timeout(Duration::from_secs(4)).open().expect("opens");
    storage.plan(Fault::from(Operation::Create, 1, Effect::Failed(ErrorKind::StorageFull)));
    let mut open: Vec<Guard> = Vec::new();
    while let Ok(guard) = recorder.enter("entry") {
        open.push(guard);
    }
    let refused: Vec<Error> = std::thread::scope(|scope| {
        let callers: Vec<_> =
            (0..CALLERS).map(|_| scope.spawn(|| recorder.enter("entry").expect_err("full"))).collect();
        callers.into_iter().map(|caller| caller.join().expect("no panic")).collect()
    });
    assert!(refused.iter().all(|error| error.is_capacity()), "{refused:?}");
    // A full disk is no failure of the recorder: it goes on once there is room.
    assert!(recorder.health().healthy);
    storage.mend();
    open.drain(..).for_each(|guard| guard.complete().expect("its space was kept"));
    recorder.enter("entry").expect("admitted again").complete().expect("closes");
    recorder.close().expect("closes");
    assert_eq!(faults_of(&trail, &[]), Vec::<String>::new());
}
