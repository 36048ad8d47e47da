//! What a run leaves for whoever reports on failure paths: a line for each site, moment, case, end, assertion and failure;
//! and what `audited coverage` makes of it.

use audit_testkit::matrix::Cell;
use audit_testkit::{Kinds, Lab, Matrix, Phase, assert_trail};
use lab_tests::{order, parse, sibling, total};
use serde_json::Value;
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus};

/// Switches the children below on.
const CHILD: &str = "LAB_TESTS_COVERAGE_CHILD";

/// One test of this binary, alone, which leaves its lines in this directory.
fn child(test: &str, dir: &Path) -> (ExitStatus, String) {
    let own = std::env::current_exe().expect("this test's own path");
    let mut command = Command::new(own);
    command.args([test, "--exact", "--nocapture"]).env("AUDIT_COVERAGE", dir).env(CHILD, "1");
    let output = command.output().expect("the test starts");
    (output.status, [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat())
}

/// Every line that a directory holds.
fn lines(dir: &Path) -> String {
    let files = std::fs::read_dir(dir).expect("the directory").flatten();
    files.map(|file| std::fs::read_to_string(file.path()).expect("lines")).collect()
}

/// What `audited coverage` says of a directory, and its exit code.
fn told(dir: &Path, more: &[&str]) -> (Option<i32>, Value) {
    let output = lab_tests::audited().arg("coverage").arg(dir).arg("--json").args(more).output().expect("audited runs");
    let said = [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat();
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}")))
}

/// The state of one cell.
fn cell(told: &Value, site: &str, kind: &str) -> String {
    let sites = told["items"][0]["sites"].as_array().expect("sites");
    let row = sites.iter().find(|row| row["site"] == site).unwrap_or_else(|| panic!("no {site}: {told}"));
    row["cells"][kind].as_str().unwrap_or_default().to_owned()
}

/// Not a test of its own: what a child below does.
#[test]
fn a_child_asserts_and_dies() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let lab = Lab::new();
    drop(lab.scope(|| parse("3")));
    let _one = lab.trail().of("parse").one().completed();
    let me = rustix::process::getpid();
    rustix::process::kill_process(me, rustix::process::Signal::KILL).expect("there is no way back");
}

#[test]
fn what_a_killed_process_has_asserted_counts() {
    let dir = tempfile::tempdir().expect("a directory");
    let (status, said) = child("coverage::a_child_asserts_and_dies", dir.path());
    assert_eq!(status.signal(), Some(9), "{said}");
    let (code, told) = told(dir.path(), &[]);
    assert_eq!((code, cell(&told, "lab_tests::parse", "success").as_str()), (Some(0), "asserted"), "{told}");
    assert_eq!(cell(&told, "lab_tests::order", "success"), "never", "{told}");
}

/// Not a test of its own: what a child below does.
#[test]
fn a_child_asserts_behind_a_failing_store() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let failed = |trail: &audit_testkit::Story| {
        let parsed = trail.of("parse");
        if !parsed.all().is_empty() {
            let _all = parsed.completed_or_abandoned();
        }
    };
    let matrix = Matrix::of_sync(|_lab| drop(parse("3"))).kinds(Kinds::FAILS_ONCE);
    matrix.check(move |_, trail| failed(trail)).run();
}

#[test]
fn a_story_that_is_told_whole_has_all_its_ends_asserted() {
    let dir = tempfile::tempdir().expect("a directory");
    let (status, said) = child("coverage::a_child_tells_a_story", dir.path());
    assert!(status.success(), "{said}");
    let (_, told) = told(dir.path(), &[]);
    assert_eq!(cell(&told, "lab_tests::parse", "success"), "asserted", "{told}");
    assert_eq!(
        cell(&told, "lab_tests::total", "success"),
        "natural",
        "seen behind the story, and not looked at: {told}"
    );
}

/// Not a test of its own: what the child above does.
#[test]
fn a_child_tells_a_story() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let lab = Lab::new();
    drop(lab.scope(|| parse("3")));
    assert_trail!(lab, "#1 parse: returned");
    lab.scope(|| total(&[3]));
    lab.finish();
}

#[test]
fn an_assertion_behind_a_failing_store_counts_for_the_store() {
    let dir = tempfile::tempdir().expect("a directory");
    let (status, said) = child("coverage::a_child_asserts_behind_a_failing_store", dir.path());
    assert!(status.success(), "{said}");
    let (_, told) = told(dir.path(), &[]);
    assert_eq!(cell(&told, "lab_tests::parse", "store"), "asserted", "{told}");
    assert_eq!(cell(&told, "lab_tests::parse", "success"), "natural", "{told}");
}

/// Not a test of its own: what a child below does.
#[test]
fn a_child_whose_matrix_fails() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let matrix = Matrix::of_sync(|_lab| drop(order(&["3"]))).kinds(Kinds::PANIC).sites("lab_tests::parse");
    let matrix = matrix.phases(&[Phase::AfterBegin]).check(|_, trail| drop(trail.of("parse").completed()));
    let taken = std::env::var(CHILD).is_ok_and(|how| how == "taken");
    if taken { drop(matrix.try_run()) } else { matrix.run() }
}

#[test]
fn t20_a_case_that_broke_a_promise_leaves_its_address_and_its_replay() {
    let dir = tempfile::tempdir().expect("a directory");
    let (status, said) = child("coverage::a_child_whose_matrix_fails", dir.path());
    assert!(!status.success(), "{said}");
    let (code, told) = told(dir.path(), &[]);
    assert_eq!((code, cell(&told, "lab_tests::parse", "panic").as_str()), (Some(1), "failed"), "{told}");
    let failed = lines(dir.path());
    let failed = failed.lines().find(|line| line.contains("\"line\":\"failed\"")).expect("a line");
    for part in
        ["v1;lab_tests::parse#1;after-begin;panic", "should have completed", "AUDIT_CASE='v1;lab_tests::parse#1"]
    {
        assert!(failed.contains(part), "{part}: {failed}");
    }
}

#[test]
fn a_report_that_a_test_takes_in_hand_leaves_no_failure() {
    let dir = tempfile::tempdir().expect("a directory");
    let own = std::env::current_exe().expect("this test's own path");
    let mut command = Command::new(own);
    command
        .args(["coverage::a_child_whose_matrix_fails", "--exact"])
        .env("AUDIT_COVERAGE", dir.path())
        .env(CHILD, "taken");
    assert!(command.status().expect("the test starts").success());
    assert!(!lines(dir.path()).contains("\"line\":\"failed\""));
    let empty = tempfile::tempdir().expect("a directory");
    command.current_dir(empty.path()).env("AUDIT_COVERAGE", "");
    assert!(command.status().expect("the test starts").success());
    assert_eq!(std::fs::read_dir(empty.path()).expect("the directory").count(), 0, "an empty name writes nothing");
}

/// The test with the most cases.
fn largest_scenario(lines: &str) -> &str {
    let mut cases: BTreeMap<&str, usize> = BTreeMap::new();
    for line in lines.lines().filter(|line| line.contains("\"line\":\"case\"")) {
        let test = line.split("\"test\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a test");
        *cases.entry(test).or_default() += 1;
    }
    cases.into_iter().max_by_key(|(_, cases)| *cases).expect("there are cases").0
}

/// The gate of the examples asks for what their scenarios reach, and for no less than all of them together reach.
#[test]
fn t20_the_gate_of_the_examples_fails_when_a_scenario_is_removed() {
    let dir = tempfile::tempdir().expect("a directory");
    for (program, only) in [("async_jobs", ""), ("flights_sink", "t15_")] {
        let mut command = Command::new(sibling(program));
        let ran = command.arg(only).env("AUDIT_COVERAGE", dir.path()).output().expect("the tests start");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
    }
    let gate = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/audit-coverage.toml");
    let (code, sound) = told(dir.path(), &["--gate", gate]);
    assert_eq!(code, Some(0), "{sound}");
    let all = lines(dir.path());
    for scenario in [largest_scenario(&all), "t15_the_file_holds_what_the_trail_says"] {
        let without = tempfile::tempdir().expect("a directory");
        let named = format!("\"test\":\"{scenario}\"");
        let kept: Vec<&str> = all.lines().filter(|line| !line.contains(&named)).collect();
        std::fs::write(without.path().join("a.jsonl"), kept.join("\n")).expect("written");
        let (code, told) = told(without.path(), &["--gate", gate]);
        let floors = told["findings"].as_array().expect("findings").iter().filter(|found| found["rule"] == "FLOOR");
        assert!(code == Some(1) && floors.count() > 0, "without {scenario}: {told}");
    }
}

#[test]
fn a_matrix_leaves_its_sites_moments_cases_and_ends() {
    let dir = tempfile::tempdir().expect("a directory");
    let (status, said) = child("matrix::t16_a_sync_scenario_survives_everything", dir.path());
    assert!(status.success(), "{said}");
    assert_eq!(std::fs::read_dir(dir.path()).expect("the directory").count(), 1, "one file for each process");
    let text = lines(dir.path());
    assert!(text.starts_with("{\"v\":1,\"line\":\"build\",\"program\":\"lab-tests/all\",\"built\":1"), "{text}");
    let has = |parts: &[&str]| text.lines().any(|line| parts.iter().all(|part| line.contains(part)));
    assert!(has(&["\"line\":\"site\"", "lab_tests::checkout", "\"form\":\"async\"", "\"awaits\":["]));
    assert!(has(&["\"line\":\"moment\"", "lab_tests::parse", "\"phase\":\"question-0\"", "\"can_fail\":true"]));
    assert!(
        has(&["\"line\":\"fallible\"", "lab_tests::order"]) && !has(&["\"line\":\"fallible\"", "lab_tests::total"])
    );
    assert!(has(&["\"line\":\"case\"", "v1;lab_tests::parse#1;after-begin;panic", "\"fired\":true"]));
    assert!(has(&["\"line\":\"exit\"", "lab_tests::parse", "panicked", "\"grade\":\"origin\"", "\"kind\":\"panic\""]));
    assert!(has(&["\"line\":\"exit\"", "lab_tests::order", "panicked", "\"grade\":\"passed\""]));
    assert!(has(&["\"line\":\"exit\"", "lab_tests::order", "returned", "\"grade\":\"natural\""]));
    assert!(!has(&["\"line\":\"exit\"", "lab_tests::checkout"]), "nobody called it");
}

#[test]
fn t20_an_end_that_no_run_has_shown_is_named_and_one_that_cannot_be_is_not() {
    let report = Matrix::of_sync(|_lab| drop(order(&["3"]))).kinds(Kinds::PANIC).try_run().expect("no child");
    let missing = report.cells.missing();
    let is_missing = |site: &str, cell| missing.contains(&(format!("lab_tests::{site}"), cell));
    for site in ["order", "parse"] {
        assert!(is_missing(site, Cell::Error) && is_missing(site, Cell::Killed) && is_missing(site, Cell::Store));
        assert!(!is_missing(site, Cell::Panic) && !is_missing(site, Cell::Success), "{missing:?}");
    }
    // It returns no `Result`, and none of them is a future.
    assert!(!is_missing("total", Cell::Error) && missing.iter().all(|(_, cell)| *cell != Cell::Cancelled));
    assert_eq!(report.cells.applicable() - report.cells.covered(), missing.len());
    let (failed, questions) = report.cells.questions();
    assert!(failed == 0 && questions == 2, "no error was asked for: {failed} of {questions}");
}
