//! What each refusal says: a stable code, its class, and what to do next.

use super::story::{builder, scratch};
use audit_runtime::trail::Trail;
use audit_runtime::{Builder, Code, Durability, Error};
use audit_testkit::{Effect, Fault, FaultyStorage, Operation};
use std::io::ErrorKind;
use std::process::Command;

const CHILD: &str = "AUDIT_TEST_SECOND_INSTALL";

#[track_caller]
fn says(error: &Error, code: Code) {
    let text = error.to_string();
    assert_eq!(error.code(), code, "{text}");
    assert!(text.starts_with(code.text()) && text.ends_with(&format!("next: {}", code.next())), "{text}");
}

#[test]
fn a_set_up_that_cannot_work_makes_nothing_and_says_what_to_change() {
    let dir = scratch();
    let at = |name: &str| dir.path().join(name);
    let refused: [(Builder, Code); 5] = [
        (Builder::new(at("remote")).durability(Durability::Replicated), Code::NoRemote),
        (Builder::new(at("segments")).segments(1, 1), Code::BadOption),
        (Builder::new(at("shrinking")).segments(1 << 20, 1 << 19), Code::BadOption),
        (Builder::new(at("nobody")).actor(" "), Code::BadOption),
        (Builder::in_memory(), Code::NotDurable),
    ];
    for (builder, code) in refused {
        let error = builder.open().expect_err(code.text());
        says(&error, code);
        assert!(error.is_configuration(), "{error}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).expect("a directory").count(), 0, "nothing was made");
    std::fs::write(at("file"), "no directory").expect("written");
    let error = audit_runtime::open(at("file").join("trail")).expect_err("a file is in the way");
    says(&error, Code::CannotOpen);
    assert_eq!(std::fs::read(at("file")).expect("still there"), b"no directory");
    // The control: what is as it should be opens.
    audit_runtime::open(at("trail")).expect("opens").close().expect("closes");
}

#[test]
fn an_entry_that_cannot_begin_or_end_says_why() {
    let dir = scratch();
    let storage = FaultyStorage::new();
    let recorder = builder(&dir.path().join("trail"), storage.clone()).open().expect("opens");
    let mut guard = recorder.enter("handed over").expect("enters");
    guard.defer("to the night").expect("deferred");
    says(&guard.defer("again").expect_err("once"), Code::IllegalTransition);
    guard.complete().expect("a deferred entry ends");
    let open = recorder.enter("open").expect("enters");
    let writes = storage.count(Operation::Write);
    storage.plan(Fault::from(Operation::Write, writes + 1, Effect::Failed(ErrorKind::Other)));
    let first = recorder.enter("newcomer").expect_err("the write fails");
    says(&first, Code::StorageFailed);
    let later = recorder.enter("newcomer").expect_err("closed since");
    says(&later, Code::Poisoned);
    assert!(first.is_refused() && later.is_refused());
    let spooled = open.complete().expect_err("the second sink has it");
    says(&spooled, Code::Spooled);
    assert!(spooled.is_in_doubt());
    drop(recorder.close());
    says(&recorder.enter("too late").expect_err("closed"), Code::Closed);
}

#[test]
fn an_index_that_is_no_index_any_more_says_so_and_a_rebuild_heals_it() {
    let dir = scratch();
    let path = dir.path().join("trail");
    let recorder = audit_runtime::open(&path).expect("opens");
    recorder.begin_run("nightly").expect("a run").finish().expect("ends");
    recorder.close().expect("closes");
    let layout = audit_runtime::journal::Layout::at(&path);
    let rebuild = || audit_runtime::index::rebuild(&layout, &mut |_| {}).expect("rebuilt");
    rebuild();
    let sql = "DROP TABLE node_states";
    rusqlite::Connection::open(layout.index()).expect("SQLite").execute_batch(sql).expect("dropped");
    let ask = || Trail::open(&path).and_then(|trail| trail.sweep(None)).map(|sweep| sweep.runs);
    says(&ask().expect_err("a table is gone"), Code::BadIndex);
    rebuild();
    assert_eq!(ask().expect("healed"), 1);
}

/// Not a test of its own: what is installed serves the whole process.
#[test]
fn child_installs_twice() {
    let Ok(trail) = std::env::var(CHILD) else { return };
    let first = audit_runtime::open(&trail).expect("opens");
    let installed = first.install().expect("nobody has installed one");
    let second = audit_runtime::open(format!("{trail}-2")).expect("opens");
    let error = second.install().map(drop).expect_err("one is enough");
    installed.close().expect("closes");
    second.install().expect("free again").close().expect("closes");
    println!("SAID {error}");
}

#[test]
fn a_second_recorder_of_one_process_is_not_installed() {
    let dir = scratch();
    let mut child = Command::new(std::env::current_exe().expect("this test's own path"));
    child.args(["storage::codes::child_installs_twice", "--exact", "--nocapture"]).env(CHILD, dir.path().join("trail"));
    let output = child.output().expect("a child");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    let said = text.lines().find_map(|line| line.split("SAID ").nth(1)).expect("what it was told");
    assert!(said.starts_with(Code::AlreadyInstalled.text()), "{said}");
    assert!(said.ends_with(Code::AlreadyInstalled.next()), "{said}");
}
