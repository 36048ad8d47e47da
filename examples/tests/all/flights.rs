//! `flights`, whole: what its files hold is what its input says, whatever its sinks' device does, and the trail accounts
//! for every row.

use super::flights_lab::{Lab, Told};
use std::os::unix::process::ExitStatusExt;

/// Enough rows for batches of every sink and two ends of a day.
const ROWS: u64 = 1000;

#[test]
fn l7_j1_every_row_of_the_input_is_accounted_for_once() {
    let lab = Lab::new();
    let told = lab.run(ROWS, &[]);
    assert!(told.ok, "{}", told.text);
    lab.agrees_with_the_input(ROWS);
    lab.is_healthy();
    let paths = lab.paths();
    let of = |path: &str| paths.get(path).copied().unwrap_or(0);
    let (late, days, refused) = (lab.lines("late.csv"), lab.lines("days.csv"), lab.lines("refused.csv"));
    assert_eq!(of("coalesced sink"), late, "{paths:?}");
    assert_eq!(of("default_flow"), days, "{paths:?}");
    assert_eq!(of("on_error_routed") + of("sink_fallback"), refused, "{paths:?}");
    assert!(of("sink_fallback") > 0 && of("quarantined_at_source") > 0, "{paths:?}");
    assert_eq!(of("fork_parent"), late + of("sink_fallback"), "{paths:?}");
}

#[test]
fn l41_batches_are_released_by_count_at_the_end_of_a_day_and_at_the_end_of_the_source() {
    let lab = Lab::new();
    assert!(lab.run(ROWS, &[]).ok);
    let triggers = lab.column(
        "SELECT DISTINCT json_extract(body, '$.trigger') FROM records WHERE kind = 'BATCH_EXECUTING' ORDER BY 1",
    );
    assert_eq!(triggers, ["condition", "count", "end_of_source"]);
}

#[test]
fn l43_a_sink_whose_sync_fails_writes_again_and_its_files_are_the_same() {
    let (calm, rough) = (Lab::new(), Lab::new());
    assert!(calm.run(ROWS, &[]).ok);
    let told = rough.run(ROWS, &["--fail-sync", "3"]);
    assert!(told.ok, "{}", told.text);
    assert_eq!(rough.files(), calm.files());
    assert_eq!(rough.paths(), calm.paths());
    let failed =
        rough.column("SELECT count(*) FROM node_states WHERE status = 'FAILED' AND error LIKE '%failed a sync%'");
    assert_ne!(failed, ["0"], "some syncs were to fail");
    rough.is_healthy();
}

#[test]
fn l43_a_sink_that_never_syncs_ends_the_run_as_failed() {
    let lab = Lab::new();
    let told = lab.run(ROWS, &["--fail-sync", "1"]);
    assert!(!told.ok && told.text.contains("the device failed a sync"), "{}", told.text);
    assert_eq!(lab.column("SELECT status FROM runs"), ["FAILED"]);
    assert_eq!(lab.column("SELECT count(*) FROM outcomes WHERE sink IS NOT NULL"), ["0"]);
}

#[test]
fn j1_j6_a_killed_run_keeps_every_row_that_was_reported_and_the_next_start_reports_it() {
    let lab = Lab::new();
    let killed = lab.run(ROWS, &["--kill-after", "400"]);
    assert_eq!(killed.status.signal(), Some(9), "{}", killed.text);
    assert!(killed.text.contains("400 rows done"), "{}", killed.text);

    let next = lab.run(600, &[]);
    assert!(next.ok, "{}", next.text);
    assert!(next.text.contains("closed as ABANDONED"), "the dead run is reported:\n{}", next.text);
    assert_eq!(lab.column("SELECT status FROM runs ORDER BY started_at"), ["ABANDONED", "COMPLETED_WITH_FAILURES"]);
    let rows = "SELECT count(*) FROM rows w JOIN runs r ON r.run_id = w.run_id WHERE r.status = ";
    assert_eq!(lab.column(&format!("{rows}'ABANDONED'")), ["400"], "every row that was reported as done");
    assert_eq!(lab.column(&format!("{rows}'COMPLETED_WITH_FAILURES'")), ["600"]);
}

#[test]
fn an_option_that_is_mistyped_is_named() {
    let Told { ok, text, .. } = Lab::new().run(1, &["--kill", "3"]);
    assert!(!ok && text.contains("unknown option --kill"), "{text}");
}
