//! Small scenarios in a build with the planted bugs. `AUDIT_SEEDED_BUG` switches one on; without it every runner must find
//! nothing, with it the named one must find the bug. `all/controls.rs` starts them and reads what they print.

use audit_runtime::seeded;
use audit_testkit::{Kinds, Lab, Matrix};
use lab_tests::{charge, order};
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
