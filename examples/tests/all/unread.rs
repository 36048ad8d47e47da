//! Examples whose reader goes away (`| head -1`): the work is done all the same, and the trail is whole.

use super::example;
use super::flights_lab::Lab;
use audit_runtime::journal::Layout;
use audit_runtime::trail::{Trail, verify};
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Runs a program whose stdout nobody reads, from its first word on.
fn unread(command: &mut Command) -> Output {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    command.stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped()).output().expect("it starts")
}

/// It ended well, without a word about its reader, and each of its runs ended as something else than unfinished.
fn is_whole(name: &str, output: &Output, trail: &Path, runs: usize) {
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !told.contains("pipe"), "{name}: {} {told}", output.status);
    let layout = Layout::at(trail);
    audit_runtime::index::rebuild(&layout, &mut |_| {}).expect("from the journal alone");
    let asked = Trail::open(trail).expect("the trail opens");
    let ended = asked.runs().expect("its runs");
    let reasons: Vec<_> = ended.iter().map(|run| (run.status.as_str(), run.reason.as_deref())).collect();
    assert_eq!(reasons.len(), runs, "{name}: {reasons:?}");
    let cut = |(status, reason): &(&str, Option<&str>)| *status == "RUNNING" || *reason == Some("unfinished");
    assert!(!reasons.iter().any(cut), "{name}: {reasons:?}");
    assert_eq!(asked.sweep(None).expect("swept").open, 0, "{name}");
    let verdict = verify(&layout, &mut |_| {}).expect("a readable trail");
    assert!(verdict.is_intact() && verdict.findings.is_empty(), "{name}: {:?}", verdict.findings);
}

#[test]
fn examples_end_their_work_when_nobody_reads_what_they_say() {
    let dir = tempfile::tempdir().expect("a directory");
    let all = [("async_jobs", 1), ("governed_run", 5), ("governed_service", 1), ("orchestrator", 1), ("settlement", 1)];
    for (name, runs) in all {
        let trail = dir.path().join(name);
        is_whole(name, &unread(example(name).arg("--trail").arg(&trail)), &trail, runs);
    }
}

#[test]
fn flights_that_nobody_reads_about_end_as_those_that_somebody_does() {
    let (calm, lab) = (Lab::new(), Lab::new());
    assert!(calm.run(300, &[]).ok);
    let output = unread(lab.command(300).args(["--fail-sync", "3"]));
    is_whole("flights", &output, &lab.trail(), 1);
    assert_eq!(lab.files(), calm.files());
}

/// The list of this program's own tests is said as programs usually say things.
#[test]
fn a_program_that_dies_of_its_unread_words_is_caught() {
    let output = unread(Command::new(std::env::current_exe().expect("this program")).arg("--list"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && told.contains("pipe"), "{} {told}", output.status);
}
