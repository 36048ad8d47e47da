//! `flights`, killed half-way and run again: what it had reported as done is in the trail, what was open is abandoned.

use super::example;
use audit_runtime::journal::Layout;
use audit_runtime::trail::{Trail, verify};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

fn run(trail: &Path, more: &[&str]) -> std::process::Output {
    let mut command = example("flights");
    // Its output file stands beside the trail, so that two of these tests do not share one.
    command.current_dir(trail.parent().expect("the trail is in a directory"));
    command.arg("--trail").arg(trail).args(more).output().expect("the example starts")
}

fn completed(trail: &Trail, run: &str, node: &str) -> u64 {
    let nodes = trail.nodes(Some(run)).expect("the run's nodes");
    nodes.iter().find(|n| n.node == node).map_or(0, |n| n.counts.completed)
}

#[test]
fn j1_j6_a_killed_run_keeps_every_row_that_was_reported_and_is_abandoned_by_the_next() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("trail");

    let killed = run(&path, &["--kill-after", "400"]);
    assert_eq!(killed.status.signal(), Some(9), "{}", String::from_utf8_lossy(&killed.stderr));
    assert!(String::from_utf8_lossy(&killed.stdout).contains("400 rows done"));

    let next = run(&path, &["--rows", "600"]);
    let told = String::from_utf8_lossy(&next.stdout);
    assert!(next.status.success(), "{}", String::from_utf8_lossy(&next.stderr));
    assert!(told.contains("1 open closed as ABANDONED"), "the dead run is reported:\n{told}");

    let trail = Trail::open(&path).expect("the trail opens");
    let runs = trail.runs().expect("its runs");
    let of = |status: &str| runs.iter().find(|run| run.status == status).map(|run| run.id.clone());
    let dead = of("ABANDONED").expect("the killed run");
    assert_eq!(completed(&trail, &dead, "parse"), 400, "every row that was reported as done");
    let healthy = of("COMPLETED_WITH_FAILURES").expect("the second run");
    assert_eq!(completed(&trail, &healthy, "parse"), 600);

    let sweep = trail.sweep(None).expect("the sweep");
    assert_eq!((sweep.open, sweep.findings.len()), (0, 0), "{:?}", sweep.findings);
    assert!(sweep.entries > 4_000);
    let verdict = verify(&Layout::at(&path), &mut |_| {}).expect("verify");
    assert!(verdict.is_intact() && verdict.findings.is_empty(), "{:?}", verdict.findings);
}

#[test]
fn an_option_that_is_mistyped_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let wrong = run(&dir.path().join("trail"), &["--kill", "3"]);
    assert!(!wrong.status.success());
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("unknown option --kill"));
}
