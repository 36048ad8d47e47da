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
fn l8_l43_a_sink_that_never_syncs_interrupts_the_run_and_a_mended_one_ends_it() {
    let (calm, broken) = (Lab::new(), Lab::new());
    assert!(calm.run(ROWS, &[]).ok);
    let told = broken.run(ROWS, &["--fail-sync", "1"]);
    assert!(!told.ok && told.text.contains("the device failed a sync"), "{}", told.text);
    assert_eq!(broken.column("SELECT status FROM runs"), ["INTERRUPTED"]);
    assert_eq!(broken.column("SELECT count(*) FROM outcomes WHERE sink IS NOT NULL"), ["0"]);
    let told = broken.run(ROWS, &[]);
    assert!(told.ok, "{}", told.text);
    broken.equals(&calm);
    broken.is_healthy();
}

#[test]
fn j1_j6_l37_a_killed_run_keeps_every_row_that_was_reported_and_the_next_start_goes_on_with_it() {
    let lab = Lab::new();
    let killed = lab.run(600, &["--kill-after", "400"]);
    assert_eq!(killed.status.signal(), Some(9), "{}", killed.text);
    assert!(killed.text.contains("400 rows done"), "{}", killed.text);
    assert_eq!(lab.column("SELECT count(*) FROM rows"), ["400"], "every row that was reported as done");

    let next = lab.run(600, &[]);
    assert!(next.ok, "{}", next.text);
    assert!(next.text.contains("closed as ABANDONED"), "the dead process is reported:\n{}", next.text);
    assert!(next.text.contains("200 of them read by this process"), "{}", next.text);
    assert_eq!(lab.column("SELECT status FROM runs"), ["COMPLETED_WITH_FAILURES"]);
    lab.agrees_with_the_input(600);
    lab.is_healthy();

    let again = lab.run(600, &[]);
    assert!(
        again.ok && again.text.contains("600 of them read"),
        "a run that has ended is not gone on with: {}",
        again.text
    );
    assert_eq!(lab.column("SELECT count(*) FROM runs"), ["2"]);
}

/// The table of a summary, without its total: what stands in its first columns, as `node|entries|completed|failed`.
fn summary(text: &str) -> Vec<String> {
    let rows = text.lines().skip_while(|line| !line.trim_start().starts_with("node ")).skip(1);
    let rows = rows.take_while(|line| !line.trim_start().starts_with("total "));
    let row = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (name, counts) = words.split_at(words.len() - 4);
        format!("{}|{}", name.join(" "), counts[..3].join("|"))
    };
    let mut rows: Vec<String> = rows.map(row).collect();
    rows.sort();
    rows
}

#[test]
fn j6_the_summary_of_a_resumed_run_names_each_node_and_counts_what_the_trail_holds() {
    let lab = Lab::new();
    assert_eq!(lab.run(300, &["--kill-after", "200"]).status.signal(), Some(9));
    let next = lab.run(300, &[]);
    assert!(next.ok, "{}", next.text);
    let held = lab.column(
        "SELECT node_id || '|' || count(*) || '|' || sum(status = 'COMPLETED') || '|' || sum(status = 'FAILED')
         FROM node_states WHERE status <> 'ABANDONED' GROUP BY node_id ORDER BY 1",
    );
    let told = summary(&next.text);
    assert!(told.iter().any(|row| row.starts_with("clean|")) && told.len() > 8, "{}", next.text);
    assert_eq!(told, held, "{}", next.text);
}

#[test]
fn a_command_line_that_cannot_be_is_told_with_exit_code_2_and_begins_nothing() {
    let lab = Lab::new();
    for (more, told) in [
        (&["--kill", "3"][..], "unknown option --kill; --help lists them"),
        (&["--fail-sync", "often"], "--fail-sync takes a whole number, not `often`"),
        (&["--kill-at"], "--kill-at needs a value"),
    ] {
        let Told { status, text, .. } = lab.run(1, more);
        assert!(status.code() == Some(2) && text.contains(told), "{text}");
    }
    let Told { ok, text, .. } = lab.run(1, &["--help"]);
    assert!(ok && text.contains("--kill-after ROWS"), "{text}");
    let Told { status, text, .. } = lab.run(1, &["--input", "nowhere.csv.gz"]);
    assert!(status.code() == Some(1) && text.starts_with("flights: nowhere.csv.gz: "), "{text}");
    assert!(!lab.trail().exists(), "none of them is a run");
}

#[test]
fn a_file_that_is_no_input_interrupts_the_run_and_is_named() {
    let lab = Lab::new();
    let plain = lab.trail().with_extension("csv.gz");
    std::fs::write(&plain, "not compressed").expect("written");
    let Told { ok, text, .. } = lab.run(1, &["--input", &plain.to_string_lossy()]);
    assert!(!ok && text.contains(&format!("flights: {}: ", plain.display())), "{text}");
    assert_eq!(lab.column("SELECT status FROM runs"), ["INTERRUPTED"]);
    let Told { ok, text, .. } = lab.run(1, &[]);
    assert!(ok && text.contains("going on with the run"), "{text}");
}

#[test]
fn a_second_process_is_kept_away_from_the_files_of_the_first() {
    use rustix::fs::{FlockOperation, flock};
    let lab = Lab::new();
    std::fs::create_dir_all(lab.out()).expect("a directory");
    let first = std::fs::File::create(lab.out().join("lock")).expect("the lock's file");
    flock(&first, FlockOperation::NonBlockingLockExclusive).expect("free");
    let Told { ok, text, .. } = lab.run(1, &[]);
    assert!(!ok && text.contains("another process writes there"), "{text}");
    assert!(!lab.trail().exists(), "it is no run");
    drop(first);
    assert!(lab.run(1, &[]).ok, "it goes with its process");
}
