//! The jobs of `async_jobs`, in a lab: copy this beside your own program. The functions under test are those of the
//! example, as it stands.

#![forbid(unsafe_code)]

#[expect(dead_code, reason = "the example's own `main` is not called here")]
#[path = "../../examples/async_jobs.rs"]
mod async_jobs;

use async_jobs::{charge_with_retries, rates, report, settle_day};
use audit_runtime::Exit;
use audit_testkit::{Lab, Matrix, Story, audit_test};

/// How the entries of a node ended, in the order in which they began.
fn ends(trail: &Story, node: &str) -> Vec<Exit> {
    trail.of(node).all().iter().filter_map(|entry| entry.exit()).collect()
}

/// One clean run: the trail reads as the example's head promises.
#[audit_test]
async fn a_day_is_settled(lab: Lab) {
    let day = settle_day().await;
    assert!(day.is_ok());
    let trail = lab.trail();
    let _day = trail.of("settle the day").one().completed();
    let _charges = trail.of("charge").times(3).inside("charge with retries");
    let _forms = trail.of("render").times(2).inside("report");
    assert_eq!(ends(&trail, "render"), [Exit::Cancelled, Exit::Returned]);
    assert_eq!(ends(&trail, "upload"), [Exit::Returned, Exit::Cancelled]);
    assert_eq!(ends(&trail, "poisoned"), [Exit::Returned, Exit::Panicked]);
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

/// All of it at once, over the whole day: each fault at each moment in process, each kill with each kill of the recovery
/// behind it, each sick store, each power cut. Prints what was run, how long it took, and which ends of which functions
/// were shown; `cargo test -- --nocapture` shows it.
#[test]
fn a_day_survives_all_of_it_and_every_end_of_every_job_is_shown() {
    let whole = Matrix::new(|_lab| async { drop(settle_day().await) })
        .named(concat!(module_path!(), "::a_day_survives_all_of_it_and_every_end_of_every_job_is_shown"))
        .matrix()
        .crash()
        .depth(2)
        .store()
        .images();
    // A child that is to be killed has no report.
    let Some(report) = whole.try_run() else { return };
    println!("{report}");
    assert!(report.is_sound(), "{report}");
    assert!(report.calls >= 20 && report.runners.len() == 4, "{report}");
    assert_eq!((report.inert, report.skipped, report.fired), (0, 0, report.planned), "{report}");
    assert!(report.cells.missing().is_empty(), "{report}");
}
