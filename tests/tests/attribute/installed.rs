//! A recorder for the whole process beside threads that run, end, or were on their way; a working directory that changes.
//! Each runs in a process of its own, this test program called again for one test.

use crate::child::{TRAIL, again, records};
use crate::trail::{How, Told, act};
use audit_runtime::model::cbor::Value;
use audit_runtime::model::{Key, Kind, Status};
use audit_runtime::{Builder, Severity, audited};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

#[audited]
fn plain() -> Told {
    act(How::Ok)
}

#[audited(node = "at the end", durable = disk, digest(nth), record(nth = nth))]
fn at_the_end(nth: u64) -> Told {
    act(How::Ok).map(|value| value + u32::try_from(nth).unwrap_or(0))
}

/// Where the child puts its trail; `None` in the parent.
fn told_where() -> Option<PathBuf> {
    std::env::var_os(TRAIL).map(PathBuf::from)
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a directory");
    let trail = dir.path().join("trail");
    (dir, trail)
}

/// Calls something audited when its thread ends.
struct AtTheEnd(u64);

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        assert!(at_the_end(self.0).is_ok());
    }
}

thread_local! {
    /// Touched before anything of ours, and therefore dropped behind it.
    static FIRST: AtTheEnd = const { AtTheEnd(3) };
    static LAST: AtTheEnd = const { AtTheEnd(2) };
}

#[test]
fn what_the_destructors_of_a_thread_call_is_recorded_and_nothing_panics() {
    if let Some(trail) = told_where() {
        let installed = audit_runtime::open(trail).and_then(|recorder| recorder.install()).expect("installed");
        let thread = std::thread::spawn(|| {
            FIRST.with(|_| ());
            at_the_end(1).expect("recorded");
            LAST.with(|_| ());
        });
        thread.join().expect("no panic");
        installed.close().expect("closed");
        return;
    }
    let (_dir, trail) = place();
    let test = "installed::what_the_destructors_of_a_thread_call_is_recorded_and_nothing_panics";
    assert!(again(test, &trail, false), "a panic in a destructor of a thread aborts the process");
    let opened = records(&trail, Kind::StateOpened);
    let nth = |name: &str, value: &Value| {
        let map = value.as_map().unwrap_or_default();
        map.iter().find(|(key, _)| key.as_text() == Some(name)).map(|(_, value)| value.clone())
    };
    let order: Vec<_> =
        opened.iter().map(|opened| opened.body.get(Key::Recorded).and_then(|map| nth("nth", map))).collect();
    assert_eq!(order, [1, 2, 3].map(|n| Some(Value::Uint(n))), "the control: the last one ran behind all of ours");
    let closed = records(&trail, Kind::StateClosed);
    assert_eq!(closed.iter().filter(|closed| closed.header.status == Status::Completed).count(), 3);
}

/// A path of its own for each round.
fn round(trail: &Path, n: usize, what: &str) -> PathBuf {
    let mut name: OsString = trail.into();
    name.push(format!("-{n}{what}"));
    name.into()
}

#[test]
fn entries_that_overlap_with_an_installation_are_recorded_or_told() {
    const ROUNDS: usize = 10;
    const THREADS: usize = 12;
    if let Some(trail) = told_where() {
        for n in 0..ROUNDS {
            let (stop, running, calls) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
            let installed = std::thread::scope(|scope| {
                for _ in 0..THREADS {
                    scope.spawn(|| {
                        let mut mine = 0;
                        while !stop.load(Ordering::Relaxed) {
                            drop(plain());
                            mine += 1;
                            if mine == 1 {
                                running.fetch_add(1, Ordering::Relaxed);
                            }
                        }
                        calls.fetch_add(mine, Ordering::Relaxed);
                    });
                }
                while running.load(Ordering::Relaxed) < THREADS as u64 {
                    std::thread::yield_now();
                }
                let recorder = Builder::new(round(&trail, n, "")).project(false).open().expect("a fresh trail opens");
                let installed = recorder.install().expect("installed");
                stop.store(true, Ordering::Relaxed);
                installed
            });
            installed.close().expect("closed");
            std::fs::write(round(&trail, n, ".calls"), calls.into_inner().to_string()).expect("noted");
        }
        return;
    }
    let (_dir, trail) = place();
    assert!(again("installed::entries_that_overlap_with_an_installation_are_recorded_or_told", &trail, false));
    let mut behind = 0;
    for n in 0..ROUNDS {
        let calls: usize =
            std::fs::read_to_string(round(&trail, n, ".calls")).expect("a number").parse().expect("a number");
        let place = round(&trail, n, "");
        let told = records(&place, Kind::Uninstalled);
        let counts: Vec<u64> = told.iter().filter_map(|told| told.body.uint(Key::Count)).collect();
        let counted: u64 = counts.iter().sum();
        let recorded = records(&place, Kind::StateOpened).len();
        assert_eq!(recorded + counted as usize, calls, "round {n}: {counts:?} told");
        behind += usize::from(counts.len() > 1);
    }
    println!("{behind} of {ROUNDS} installations had entries on their way");
}

#[test]
fn an_installation_that_fails_leaves_nothing_installed_and_loses_no_count() {
    if let Some(trail) = told_where() {
        (0..5).for_each(|_| drop(plain()));
        let closed = audit_runtime::open(&trail).expect("a fresh trail opens");
        closed.close().expect("closed");
        assert!(closed.install().is_err(), "five entries cannot be told of");
        plain().expect("nothing is installed: the body runs");
        let installed = audit_runtime::open(&trail).and_then(|recorder| recorder.install()).expect("installed");
        plain().expect("recorded");
        installed.close().expect("closed");
        return;
    }
    let (_dir, trail) = place();
    let test = "installed::an_installation_that_fails_leaves_nothing_installed_and_loses_no_count";
    assert!(again(test, &trail, false));
    let counts: Vec<_> = records(&trail, Kind::Uninstalled).iter().map(|told| told.body.uint(Key::Count)).collect();
    assert_eq!(counts, [Some(6)]);
    assert_eq!(records(&trail, Kind::StateOpened).len(), 1);
}

#[test]
fn of_several_guards_of_one_recorder_the_last_ends_its_service() {
    if let Some(trail) = told_where() {
        let program = audit_runtime::open(&trail).and_then(|recorder| recorder.install()).expect("installed");
        let library = audit_runtime::open(&trail).and_then(|recorder| recorder.install()).expect("the same one");
        drop(library);
        plain().expect("recorded");
        drop(program);
        plain().expect("nothing is installed any more: the body runs");
        return;
    }
    let (_dir, trail) = place();
    assert!(again("installed::of_several_guards_of_one_recorder_the_last_ends_its_service", &trail, false));
    assert_eq!(records(&trail, Kind::StateOpened).len(), 1, "the call between the two, and not the one behind them");
    assert_eq!(records(&trail, Kind::StreamClosed).len(), 1);
}

#[test]
fn d13_a_program_that_changes_its_directory_goes_on_in_the_same_trail() {
    const NOTES: usize = 300;
    if let Some(trail) = told_where() {
        std::env::set_current_dir(trail.parent().expect("a directory")).expect("moved");
        let opened = Builder::new("trail").spool("trail/spool").mirror("mirror").segments(64 * 1024, 64 * 1024).open();
        let recorder = opened.expect("a fresh trail opens");
        std::env::set_current_dir("/").expect("moved");
        // More than a segment holds, each looked for by its name after each sync.
        let text = "n".repeat(900);
        for _ in 0..NOTES {
            recorder.note("moved", Severity::Info, &[("text", &text)]).expect("recorded");
        }
        recorder.close().expect("closed");
        return;
    }
    let (dir, trail) = place();
    assert!(again("installed::d13_a_program_that_changes_its_directory_goes_on_in_the_same_trail", &trail, false));
    assert_eq!(records(&trail, Kind::Note).len(), NOTES);
    let mirrored = std::fs::read_to_string(dir.path().join("mirror")).expect("the mirror");
    assert_eq!(mirrored.lines().filter(|line| line.contains("\"NOTE\"")).count(), NOTES);
    let layout = audit_runtime::journal::Layout::at(&trail);
    assert!(audit_runtime::trail::verify(&layout, &mut |_| {}).expect("readable").is_intact());
}
