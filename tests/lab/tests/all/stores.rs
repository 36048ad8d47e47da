//! A storage that fails at its Nth operation, for every N, in every way.

use audit_testkit::{Lab, Matrix, audit_test};
use lab_tests::{checkout, order};

const LINES: &[&str] = &["3", "4"];

#[audit_test(store)]
fn t3_a_sync_scenario_survives_a_sick_store(_lab: Lab) {
    let _sum = order(LINES);
}

#[audit_test(store)]
async fn t3_an_async_scenario_survives_a_sick_store(_lab: Lab) {
    let _sum = checkout(LINES).await;
}

#[test]
fn every_operation_is_failed_until_none_fails_any_more() {
    let report = Matrix::of_sync(|_lab| drop(order(LINES))).store().try_run().expect("no child");
    assert!(report.is_sound(), "{report}");
    assert_eq!(report.inert, 0);
    // Two records for each of four entries at least, failed in five ways.
    assert!(report.fired > 5 * 8, "{report}");
}
