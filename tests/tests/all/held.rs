//! What a caller may see, and when: storage that holds back, fails, comes back, or is no storage at all.

use crate::child::place;
use audit_runtime::model::{Exit, Key, Kind, Status};
use audit_runtime::{Builder, Profile, Severity, audited};
use audit_testkit::{Effect, Fault, FaultyStorage, Operation};
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use workspace_tests::story::Story;
use workspace_tests::victim::say::audit_error;

#[audited(node = "reads", record(n = n))]
fn reads_itself(n: u64, trail: &Path) -> io::Result<usize> {
    let story = Story::read(trail).map_err(io::Error::other)?;
    Ok(story.numbered(n).iter().filter(|(_, entry)| entry.ends.is_empty()).count())
}

#[test]
fn d2_a_body_reads_its_own_opening() {
    let (_dir, trail) = place();
    let recorder = Builder::new(&trail).project(false).open().unwrap();
    assert_eq!(recorder.scope(|| reads_itself(7, &trail)).unwrap(), 1);
    recorder.close().unwrap();
}

#[audited(node = "slow", durable = disk, record(n = n))]
fn slow(n: u64, body: &(dyn Fn() + Sync)) -> io::Result<u64> {
    body();
    Ok(n)
}

#[test]
fn d3_the_caller_sees_ok_only_once_the_terminal_is_on_the_device() {
    let (_dir, trail) = place();
    let (storage, told) = (FaultyStorage::new(), AtomicBool::new(false));
    let builder = Builder::new(&trail).project(false).sync_interval(Duration::from_secs(60));
    let recorder = builder.storage(Arc::new(storage.clone())).open().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // The first sync behind the body is the terminal's.
            recorder.scope(|| slow(1, &|| storage.hold(Operation::Sync))).unwrap();
            told.store(true, Ordering::SeqCst);
        });
        while storage.hanging() == 0 && !told.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        // Whoever called has a long moment to go on without it.
        (0..2_000).for_each(|_| std::thread::yield_now());
        assert!(!told.load(Ordering::SeqCst), "told before the device had the terminal");
        storage.release();
    });
    let story = Story::read(&trail).unwrap();
    assert_eq!(story.numbered(1)[0].1.end(), Some((Status::Completed, Exit::Returned)));
    recorder.close().unwrap();
}

#[audited(node = "degraded", on_audit_failure = degrade)]
fn degraded(ran: &AtomicU64) -> u64 {
    ran.fetch_add(1, Ordering::SeqCst)
}

/// From now on no write and no sync succeeds.
fn breaks(storage: &FaultyStorage) {
    for operation in [Operation::Write, Operation::Sync] {
        let next = storage.count(operation) + 1;
        storage.plan(Fault::from(operation, next, Effect::Failed(io::ErrorKind::Other)));
    }
}

#[test]
fn d10_under_degrade_the_gap_is_counted_and_told_first() {
    let (_dir, trail) = place();
    let (storage, ran) = (FaultyStorage::new(), AtomicU64::new(0));
    let open = || Builder::new(&trail).project(false).storage(Arc::new(storage.clone())).open().unwrap();
    let recorder = open();
    assert_eq!(recorder.scope(|| degraded(&ran)), 0);
    breaks(&storage);
    (1..=9).for_each(|n| assert_eq!(recorder.scope(|| degraded(&ran)), n, "results are unaffected"));
    let health = recorder.health();
    assert!(health.degraded && !health.healthy, "{health:?}");
    storage.mend();
    drop(recorder.close());
    drop(recorder);
    let again = open();
    again.close().unwrap();
    let story = Story::read(&trail).unwrap();
    let gaps: Vec<(u64, u64)> = story
        .points
        .iter()
        .filter(|(id, record)| id.stream == again.stream() && record.header.kind == Kind::Gap)
        .map(|(id, record)| (id.seq, record.body.uint(Key::Count).unwrap()))
        .collect();
    assert_eq!(gaps, [(1, 9)], "behind the head, before anything else");
}

#[test]
fn d11_d22_on_a_failed_recorder_no_side_path_is_open_and_nothing_starts() {
    let (_dir, trail) = place();
    let storage = FaultyStorage::new();
    let recorder = Builder::new(&trail).project(false).storage(Arc::new(storage.clone())).open().unwrap();
    breaks(&storage);
    assert!(recorder.begin_run("never").unwrap_err().is_refused(), "the run does not start");
    assert!(recorder.note("security", Severity::Warning, &[("what", "rejected")]).unwrap_err().is_refused());
    assert!(recorder.enter("by hand").map(drop).unwrap_err().is_refused());
    let ran = AtomicBool::new(false);
    let error = recorder.scope(|| slow(1, &|| ran.store(true, Ordering::SeqCst))).unwrap_err();
    assert!(audit_error(&error).unwrap().is_refused() && !ran.load(Ordering::SeqCst));
    drop(recorder.close());
}

#[test]
fn d18_memory_is_refused_in_production_and_says_so_in_development() {
    assert_eq!(Builder::in_memory().open().unwrap_err().code().text(), "AUD0106");
    let recorder = Builder::in_memory().profile(Profile::Development).open().unwrap();
    let story = Story::read(recorder.path()).unwrap();
    assert!(story.of_kind(Kind::StreamOpened)[0].body.is(Key::NotDurable));
}

#[audited(node = "queued", durable = disk, record(n = n))]
async fn queued(n: u64) -> io::Result<u64> {
    Ok(n)
}

#[test]
fn d20_t4_at_the_queues_limit_newcomers_are_refused_and_the_others_go_on() {
    let (_dir, trail) = place();
    let storage = FaultyStorage::new();
    let builder = Builder::new(&trail).project(false).storage(Arc::new(storage.clone()));
    let recorder = builder.max_pending(4096).open().unwrap();
    storage.hold(Operation::Sync);
    let mut waiting: Vec<Pin<Box<dyn Future<Output = io::Result<u64>>>>> = Vec::new();
    let poll = |future: &mut Pin<Box<dyn Future<Output = io::Result<u64>>>>| {
        recorder.scope(|| future.as_mut().poll(&mut Context::from_waker(Waker::noop())))
    };
    let mut refused = None;
    for n in 0..1_000 {
        let mut future: Pin<Box<dyn Future<Output = io::Result<u64>>>> = Box::pin(queued(n));
        match poll(&mut future) {
            Poll::Pending => waiting.push(future),
            Poll::Ready(outcome) => {
                refused = outcome.err();
                break;
            }
        }
        while n == 0 && storage.hanging() == 0 {
            std::thread::yield_now();
        }
    }
    let refused = refused.expect("a refusal within a thousand entries");
    assert!(audit_error(&refused).unwrap().is_capacity(), "{refused}");
    assert!(waiting.len() > 5, "only {} wait", waiting.len());
    storage.release();
    let admitted = waiting.len();
    while let Some(mut future) = waiting.pop() {
        loop {
            match poll(&mut future) {
                Poll::Pending => std::thread::yield_now(),
                Poll::Ready(outcome) => {
                    outcome.unwrap();
                    break;
                }
            }
        }
    }
    recorder.close().unwrap();
    let story = Story::read(&trail).unwrap();
    let completed = Some((Status::Completed, Exit::Returned));
    assert_eq!(story.of_node("queued").iter().filter(|entry| entry.end() == completed).count(), admitted);
}
