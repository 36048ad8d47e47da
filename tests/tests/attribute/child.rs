//! What belongs to a whole process: entries before any recorder, and `AUDIT_REQUIRED`. Each runs in a process of its
//! own, this test program called again for one test.

use crate::trail::{Fault, How, Told, act, block_on};
use audit_runtime::journal::{Committed, Layout, Reader};
use audit_runtime::model::{Key, Kind, Record};
use audit_runtime::{Status, audited, model::cbor::Value};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub const TRAIL: &str = "ATTRIBUTE_TEST_TRAIL";

#[audited]
fn early() -> Told {
    act(How::Ok)
}

#[audited(node = "early and async")]
async fn early_later() -> Told {
    act(How::Ok)
}

/// Runs one test of this program in a process of its own; whether it passed.
pub fn again(test: &str, trail: &Path, required: bool) -> bool {
    let mut child = Command::new(std::env::current_exe().expect("this program"));
    child.args(["--exact", test, "--nocapture"]).env(TRAIL, trail);
    if required {
        child.env("AUDIT_REQUIRED", "1");
    }
    let output = child.output().expect("it runs");
    if !output.status.success() {
        eprintln!("{test}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    output.status.success()
}

pub fn records(trail: &Path, kind: Kind) -> Vec<Record> {
    let layout = Layout::at(trail);
    let mut found = Vec::new();
    for stream in layout.streams().expect("streams") {
        let mut committed = Committed::new(Reader::open(&layout, stream).expect("a readable stream"));
        while let Some(counted) = committed.next().expect("sound records") {
            found.extend((counted.record.header.kind == kind).then_some(counted.record));
        }
    }
    found
}

#[test]
fn entries_before_a_recorder_are_counted_and_told() {
    if let Some(trail) = std::env::var_os(TRAIL) {
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(|| (0..1000).for_each(|_| drop(early())))).collect();
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
        drop(block_on(early_later()));
        let recorder = audit_runtime::open(trail).expect("a fresh trail opens");
        let installed = recorder.install().expect("installed");
        early().expect("recorded");
        installed.close().expect("closed");
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let trail = dir.path().join("trail");
    assert!(again("child::entries_before_a_recorder_are_counted_and_told", &trail, false));
    let told = records(&trail, Kind::Uninstalled);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].body.uint(Key::Count), Some(4001));
    let sites = told[0].body.get(Key::Sites).and_then(Value::as_array).expect("a list");
    let sites: Vec<_> = sites.iter().filter_map(Value::as_text).collect();
    assert_eq!(sites, ["attribute::child::early", "early and async"]);
    assert_eq!(records(&trail, Kind::StateOpened).len(), 1, "the call behind the installation");
}

#[audited]
fn scoped() -> Told {
    act(How::Ok)
}

/// Entries that passed unasked before: whatever comes behind the first scope, or behind an installation that this thread
/// has heard of, is recorded.
#[test]
fn entries_that_passed_before_a_recorder_are_asked_behind_it() {
    const THREADS: usize = 4;
    const BEHIND: usize = 100;
    if let Some(trail) = std::env::var_os(TRAIL) {
        (0..3).for_each(|_| drop(scoped()));
        let heard = Arc::new(AtomicBool::new(false));
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let heard = Arc::clone(&heard);
                std::thread::spawn(move || {
                    while !heard.load(Ordering::Acquire) {
                        drop(early());
                    }
                    (0..BEHIND).for_each(|_| drop(early()));
                })
            })
            .collect();
        let recorder = audit_runtime::open(trail).expect("a fresh trail opens");
        recorder.scope(|| scoped().expect("recorded"));
        let installed = recorder.install().expect("installed");
        heard.store(true, Ordering::Release);
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
        installed.close().expect("closed");
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let trail = dir.path().join("trail");
    assert!(again("child::entries_that_passed_before_a_recorder_are_asked_behind_it", &trail, false));
    let entered = |name: &str| {
        let sites = records(&trail, Kind::Site);
        let site = sites.iter().find(|site| site.body.text(Key::Function) == Some(name)).expect("a site record");
        let opened = records(&trail, Kind::StateOpened);
        opened.iter().filter(|opened| opened.header.site == site.header.site).count()
    };
    assert_eq!(entered("scoped"), 1, "the call in the scope");
    assert!(entered("early") >= THREADS * BEHIND, "{} of at least {}", entered("early"), THREADS * BEHIND);
}

/// Who opens a trail and forgets to install its recorder learns it from the run that recorded nothing.
#[test]
fn a_run_whose_calls_found_no_recorder_says_so() {
    if let Some(trail) = std::env::var_os(TRAIL) {
        drop(early());
        let recorder = audit_runtime::open(trail).expect("a fresh trail opens");
        let forgotten = recorder.begin_run("forgotten").expect("a run");
        (0..3).for_each(|_| drop(early()));
        let summary = forgotten.finish().expect("finished");
        assert!(summary.unrecorded == 3 && summary.to_string().contains("left no record: 3\n"), "{summary}");
        let scoped = recorder.begin_run("scoped").expect("a run");
        scoped.scope(|| early().expect("recorded"));
        let summary = scoped.finish().expect("finished");
        assert!(summary.unrecorded == 0 && !summary.to_string().contains("no record"), "{summary}");
        recorder.close().expect("closed");
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let trail = dir.path().join("trail");
    assert!(again("child::a_run_whose_calls_found_no_recorder_says_so", &trail, false));
    let ends: Vec<_> = records(&trail, Kind::RunEnded).iter().map(|end| end.header.status).collect();
    assert_eq!(ends, [Status::Empty, Status::Completed]);
    assert_eq!(records(&trail, Kind::StateOpened).len(), 1, "the call in the scope");
}

#[test]
fn audit_required_refuses_without_a_recorder() {
    if std::env::var_os(TRAIL).is_some() {
        let refused = |told: Told| matches!(told, Err(Fault::Audit(error)) if error.code().text() == "AUD0109");
        assert!(refused(early()));
        assert!(refused(block_on(early_later())));
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    assert!(again("child::audit_required_refuses_without_a_recorder", dir.path(), true));
    assert!(
        !again("child::audit_required_refuses_without_a_recorder", dir.path(), false),
        "without the variable the bodies run"
    );
}
