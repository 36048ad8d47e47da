//! What a run leaves for whoever reports on failure paths: a line for each site, moment, case and end.

use std::process::Command;

#[test]
fn a_matrix_leaves_its_sites_moments_cases_and_ends() {
    let dir = tempfile::tempdir().expect("a directory");
    let own = std::env::current_exe().expect("this test's own path");
    let ran = Command::new(own)
        .args(["matrix::t16_a_sync_scenario_survives_everything", "--exact"])
        .env("AUDIT_COVERAGE", dir.path())
        .output()
        .expect("the test starts");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
    let files: Vec<_> = std::fs::read_dir(dir.path()).expect("the directory").flatten().collect();
    assert_eq!(files.len(), 1, "one file for each process");
    let text = std::fs::read_to_string(files[0].path()).expect("lines");
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
