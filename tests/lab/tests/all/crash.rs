//! Killed at every moment and at every operation of the store; recovery killed as well.

use audit_testkit::{Kinds, Lab, Matrix, Phase, audit_test};
use lab_tests::{checkout, order, total};
use std::time::Duration;

const LINES: &[&str] = &["3", "4"];

#[audit_test(crash, depth = 2)]
fn t6_a_sync_scenario_is_killed_everywhere_and_so_is_its_recovery(_lab: Lab) {
    let _sum = order(LINES);
}

#[audit_test(crash)]
async fn t6_an_async_scenario_is_killed_everywhere(_lab: Lab) {
    let _sum = checkout(LINES).await;
}

#[test]
fn a_child_that_hangs_is_reported_behind_its_deadline() {
    let report = Matrix::of_sync(|_lab| {
        drop(order(&["1"]));
        // Only a child has a place in its environment.
        while std::env::var_os("AUDIT_CASE_IN").is_some() {
            std::thread::sleep(Duration::from_millis(5));
        }
        total(&[2]);
    })
    .kinds(Kinds::KILL)
    .sites("lab_tests::total")
    .phases(&[Phase::BeforeBegin])
    .deadline(Duration::from_millis(500))
    .try_run();
    // A child has no report.
    let Some(report) = report else { return };
    assert_eq!((report.planned, report.failures.len()), (2, 1), "{report}");
    assert_eq!(report.failures[0].case.nth, 2);
    assert!(report.failures[0].broke[0].contains("the child hung"), "{report}");
}

#[audit_test(images)]
fn d7_a_power_cut_at_every_moment_keeps_what_was_on_the_disk(_lab: Lab) {
    let _sum = order(LINES);
}
