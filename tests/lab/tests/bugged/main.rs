//! Small scenarios in a build with the planted bugs. `AUDIT_SEEDED_BUG` switches one on; without it every runner must find
//! nothing, with it the named one must find the bug. `all/controls.rs` starts them and reads what they print.

mod silence;
mod verifier;

use audit_runtime::seeded;
use audit_testkit::{Case, Kind, Kinds, Lab, Matrix, Phase, Story};
use lab_tests::work::{book, load, promise, refuse_customer, split};
use lab_tests::{both, charge, checkout, order, parse, tell};
use std::process::Command;
use std::time::Duration;

/// Switches the bug on that the environment names; children inherit it.
fn bug() {
    if let Ok(bug) = std::env::var("AUDIT_SEEDED_BUG") {
        seeded::set(&bug);
    }
}

#[test]
fn in_process_sync() {
    bug();
    Matrix::of_sync(|_lab| drop(order(&["3"]))).matrix().run();
}

#[test]
fn in_process_async() {
    bug();
    Matrix::new(|_lab| async {
        drop(charge(3).await);
        drop(charge(4).await);
    })
    .matrix()
    .run();
}

#[test]
fn killed_sync() {
    bug();
    Matrix::of_sync(|_lab| drop(order(&["3"]))).crash().sites("lab_tests::parse").run();
}

#[test]
fn killed_async() {
    bug();
    Matrix::new(|_lab| async { drop(charge(3).await) }).crash().run();
}

#[test]
fn sick_store() {
    bug();
    Matrix::of_sync(|_lab| drop(order(&["3"]))).kinds(Kinds::SHORT_WRITE | Kinds::FAILS_ONCE).run();
}

#[test]
fn power_cut() {
    bug();
    Matrix::of_sync(|_lab| drop(order(&["3"]))).kinds(Kinds::IMAGES).run();
}

#[test]
fn power_cut_of_an_effect() {
    bug();
    Matrix::new(|_lab| async { drop(charge(3).await) }).kinds(Kinds::IMAGES).run();
}

#[test]
fn timers() {
    bug();
    let lab = Lab::new();
    let hour = Duration::from_secs(3600);
    // Often enough that the other thread cannot be faster every time.
    for _ in 0..200 {
        let late = lab.block_on(async { tokio::time::timeout(hour, charge(5)).await.is_err() });
        assert_eq!(late, Some(false), "an audited await waited for another thread, and an hour went by");
    }
    lab.finish();
}

/// Calls inside calls, tasks among them, dropped wherever they wait.
#[test]
fn nested_async() {
    bug();
    Matrix::new(|_lab| async { drop(checkout(&["3"]).await) }).kinds(Kinds::CANCEL).run();
}

/// One of two joined futures panics: the other one is dropped, and has not panicked.
#[test]
fn joined() {
    bug();
    let one_panicked = |case: &Case, trail: &Story| {
        let panicked =
            trail.of("tell").all().iter().filter(|e| e.exit() == Some(audit_runtime::Exit::Panicked)).count();
        assert!(!case.at("tell") || panicked <= 1, "I4 one of two was struck, and {panicked} panicked");
    };
    Matrix::new(|_lab| async {
        both().await;
    })
    .kinds(Kinds::PANIC)
    .check(one_panicked)
    .run();
}

/// The value that the scenario works with is the one that its body returned.
#[test]
fn value_in_hand() {
    bug();
    Matrix::of_sync(|_lab| parse("3").map(drop)).kinds(Kinds::DELAY).run();
}

/// A secret in an error's text does not reach the disk.
#[test]
fn secrets() {
    bug();
    const ADDRESS: &str = "jane.doe@example.org";
    Matrix::of_sync(|_lab| drop(refuse_customer(ADDRESS)))
        .kinds(Kinds::PANIC | Kinds::ERROR)
        .check(|_, trail| trail.keeps_secret(ADDRESS))
        .run();
}

/// Work on other threads and tasks stays in its lab.
#[test]
fn carried() {
    bug();
    let lab = Lab::new();
    let told = lab.block_on(async { tokio::spawn(audit_runtime::InAuditContext::in_audit_context(tell(7))).await });
    assert!(told.is_some_and(|told| told.is_ok()));
    lab.finish();
}

/// A terminal that the journal does not take closes the recorder.
#[test]
fn in_doubt() {
    bug();
    let nothing_behind = |case: &Case, trail: &Story| {
        if case.kind == Kind::FailedClose && case.nth == 1 {
            let _only = trail.of("parse").times(1);
        }
    };
    Matrix::of_sync(|_lab| {
        drop(parse("1"));
        drop(parse("2"));
    })
    .kinds(Kinds::FAILED_CLOSE)
    .check(nothing_behind)
    .run();
}

#[test]
fn sick_disk() {
    bug();
    Matrix::new(|_lab| async { drop(charge(3).await) }).kinds(Kinds::FAILS_ONCE).run();
}

#[test]
fn recovery_killed_too() {
    bug();
    let matrix = Matrix::of_sync(|_lab| drop(parse("3"))).crash().depth(2);
    matrix.sites("lab_tests::parse").phases(&[Phase::AfterBegin]).run();
}

#[test]
fn loaded() {
    bug();
    Matrix::of_sync(|lab| drop(load(lab.recorder(), &["3", "4"]))).kinds(Kinds::PANIC).run();
}

#[test]
fn split_and_killed() {
    bug();
    Matrix::of_sync(|lab| drop(split(lab.recorder(), "3"))).crash().sites("lab_tests::parse").run();
}

#[test]
fn loaded_and_killed() {
    bug();
    Matrix::of_sync(|lab| drop(load(lab.recorder(), &["3"]))).crash().sites("lab_tests::parse").run();
}

/// An action that panicked did not succeed.
#[test]
fn governed() {
    bug();
    let failed = |case: &Case, trail: &Story| {
        let succeeded = trail.lines.iter().any(|line| line.contains("EXECUTION_RESULT") && line.contains("SUCCESS"));
        let inside = case.at("parse") && case.moment() != Some(Phase::AfterComplete);
        assert!(!inside || !succeeded, "I4 the action's body panicked, and the action succeeded");
    };
    Matrix::of_sync(|lab| drop(book(lab.recorder(), "3"))).kinds(Kinds::PANIC).check(failed).run();
}

#[test]
fn promised() {
    bug();
    Matrix::of_sync(|lab| drop(promise(lab.recorder(), "3"))).kinds(Kinds::PANIC | Kinds::ERROR).run();
}

/// Where the other process finds the trail.
const TRAIL: &str = "AUDIT_BUGGED_TRAIL";

/// Another process opens the trail while a call of this one is open: the call is left alone.
#[test]
fn beside_a_living_process() {
    bug();
    if let Some(trail) = std::env::var_os(TRAIL) {
        let other = audit_runtime::Builder::new(trail).project(false).open().expect("the trail opens");
        other.close().expect("it closes");
        return;
    }
    let lab = Lab::new();
    let hold = lab.hold("lab_tests::parse", Phase::BeforeComplete);
    let work = lab.thread(|| parse("8").expect("a number"));
    hold.reached();
    let own = std::env::current_exe().expect("this test's own path");
    let other = Command::new(own).args(["beside_a_living_process", "--exact"]).env(TRAIL, lab.path()).output();
    assert!(other.expect("it starts").status.success());
    drop(hold);
    assert_eq!(work.join().expect("no panic"), 8);
    lab.finish();
}

/// The file that is written to is taken away: what is acknowledged from then on could be read by nobody.
#[test]
fn file_taken_away() {
    bug();
    let lab = Lab::new();
    assert!(lab.block_on(charge(1)).is_some_and(|taken| taken.is_ok()));
    let layout = audit_runtime::journal::Layout::at(lab.path());
    std::fs::remove_file(layout.segment(lab.recorder().stream(), 0)).expect("the file was there");
    let taken = lab.block_on(charge(2));
    assert!(taken.is_some_and(|taken| taken.is_err()), "I6 a record was acknowledged from a file that is gone");
    lab.give_up();
}
