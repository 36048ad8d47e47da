//! The jobs of `async_jobs`, in a lab: copy this beside your own program. The functions under test are those of the
//! example, as it stands.

#![forbid(unsafe_code)]

#[expect(dead_code, reason = "the example's own `main` is not called here")]
#[path = "../../examples/async_jobs.rs"]
mod async_jobs;

use async_jobs::{charge_with_retries, rates, report, settle_day};
use audit_testkit::{Lab, audit_test};

/// One clean run: the trail reads as the example's head promises.
#[audit_test]
async fn a_day_is_settled(lab: Lab) {
    let day = settle_day().await;
    assert!(day.is_ok());
    let trail = lab.trail();
    let _day = trail.of("settle the day").one().completed();
    let _charges = trail.of("charge").times(3).inside("charge with retries");
    let _late = trail.of("render").one().cancelled().inside("report");
    let _aborted = trail.of("upload").one().cancelled();
    let _broken = trail.of("poisoned").one().panicked();
    let _told = trail.of("notify").times(5).completed();
}

/// Every fault at every moment of the whole day.
#[audit_test(matrix)]
async fn a_day_survives_every_fault(_lab: Lab) {
    drop(settle_day().await);
}

/// Killed at every moment, and recovery killed as well.
#[audit_test(crash, depth = 2)]
async fn retries_are_killed_everywhere(_lab: Lab) {
    drop(charge_with_retries(250).await);
}

/// A store that fails at its Nth operation, for every N.
#[audit_test(store)]
async fn a_report_survives_a_sick_store(_lab: Lab) {
    drop(report().await);
}

/// What a power cut leaves at every moment.
#[audit_test(images)]
async fn rates_survive_a_power_cut(_lab: Lab) {
    drop(rates().await);
}
