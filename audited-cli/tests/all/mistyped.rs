//! What a newcomer mistypes, and what an auditor with somebody else's copy meets: each answer names the cause, a code and
//! the next step.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::support::*;

/// The answer in one line, as a reader takes it in.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn show_without_a_run_shows_the_latest() {
    let dir = tempfile::tempdir().expect("a directory");
    let said = {
        let recorder = recorder(dir.path());
        recorder.close().expect("the stream closes");
        audited(dir.path(), &["show"])
    };
    assert!(said.code == 1 && said.err.contains("AUD0601") && said.err.contains("no run has begun"), "{}", said.err);
    let first = format!("{:#}", story(dir.path()));
    let latest = format!("{:#}", story(dir.path()));
    let shown = audited(dir.path(), &["show", "--json"]).json()["items"][0]["id"].clone();
    assert_eq!(shown, latest.as_str());
    assert_ne!(shown, first.as_str());
}

#[test]
fn a_name_or_an_entry_in_the_place_of_a_run_is_told_what_was_meant() {
    let dir = tempfile::tempdir().expect("a directory");
    let run = story(dir.path());
    let by_name = audited(dir.path(), &["show", "story"]);
    assert_eq!(by_name.code, 2, "{}", by_name.err);
    assert!(by_name.err.contains("AUD0603") && by_name.err.contains(&format!("the name of {run}")), "{}", by_name.err);
    assert!(!audited(dir.path(), &["show", "stroy"]).err.contains("the name of"));
    let entry = audited(dir.path(), &["show", "--json"]).json()["items"][0]["entries"][0]["id"].clone();
    let entry = entry.as_str().expect("an id").to_owned();
    let said = audited(dir.path(), &["show", &entry]);
    let told = words(&said.err);
    assert!(said.code == 1 && told.contains("a STATE_OPENED record stands there: ask `audited explain"), "{told}");
}

#[test]
fn an_id_of_another_trail_and_one_beyond_the_end_are_told_apart() {
    let (here, other) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    let run = format!("{:#}", story(here.path()));
    let foreign = format!("{:#}", story(other.path()));
    let beyond = format!("{}-99999", run.split('-').next().expect("a stream"));
    for command in ["show", "explain"] {
        let said = audited(here.path(), &[command, &foreign]);
        assert!(said.code == 1 && said.err.contains("no stream of this trail begins with"), "{command}: {}", said.err);
        let said = audited(here.path(), &[command, &beyond]);
        assert!(said.code == 1 && said.err.contains("has no record of this number"), "{command}: {}", said.err);
    }
}

#[test]
fn who_names_a_directory_that_is_no_trail_is_told_of_trails_near_by() {
    let dir = tempfile::tempdir().expect("a directory");
    let trail = dir.path().join("billing");
    story(&trail);
    for wrong in [dir.path().to_owned(), dir.path().join("biling"), trail.join("streams")] {
        let said = audited(&wrong, &["runs"]);
        let hint = format!("there is a trail at {}\n", trail.display());
        assert!(said.code == 3 && said.err.contains(&hint), "{}: {}", wrong.display(), said.err);
    }
    let inside = program().current_dir(&trail).arg("runs").output().expect("the program runs");
    assert!(said(inside).err.contains("there is a trail at .\n"));
    let alone = tempfile::tempdir().expect("a directory");
    assert!(!audited(&alone.path().join("a").join("b"), &["runs"]).err.contains("there is a trail"));
}

#[test]
fn a_question_without_room_for_a_private_index_names_tmpdir() {
    let dir = tempfile::tempdir().expect("a directory");
    story(dir.path());
    let asked = |temporary: &Path| {
        said(
            program()
                .env("TMPDIR", temporary)
                .arg("--trail")
                .arg(dir.path())
                .arg("runs")
                .output()
                .expect("the program runs"),
        )
    };
    let refused = asked(Path::new("/nowhere"));
    assert_eq!((refused.code, refused.out.as_str()), (3, ""));
    assert!(refused.err.contains("AUD0306") && refused.err.contains("TMPDIR"), "{}", refused.err);
    assert_eq!(asked(&std::env::temp_dir()).code, 0);
}

#[test]
fn recover_settles_what_a_dead_process_left_and_says_what() {
    let dir = tempfile::tempdir().expect("a directory");
    let nothing = audited(&dir.path().join("none"), &["recover"]);
    assert!(nothing.code == 3 && nothing.err.contains("AUD0111"), "no trail is made: {}", nothing.err);
    death(dir.path());
    let (verify, sweep) = (audited(dir.path(), &["verify"]), audited(dir.path(), &["sweep"]));
    assert_eq!((verify.code, sweep.code), (1, 1));
    let wide = sweep.out.lines().find(|line| line.chars().count() > 80);
    assert!(sweep.out.contains("support.rs:") && wide.is_none(), "{wide:?}");
    let said = audited(dir.path(), &["recover", "--json"]);
    let settled = said.json();
    assert_eq!((said.code, &settled["items"][0]["abandoned"]), (0, &1.into()), "{}", said.err);
    assert_eq!(settled["items"][0]["runs"].as_array().map(Vec::len), Some(1), "{settled}");
    assert_eq!((audited(dir.path(), &["verify"]).code, audited(dir.path(), &["sweep"]).code), (0, 0));
    assert_eq!(audited(dir.path(), &["runs", "--json"]).json()["items"][0]["status"], "ABANDONED");
    let again = audited(dir.path(), &["recover"]);
    assert!(again.code == 0 && again.out == "nothing to settle\n", "{}", again.out);
}

#[test]
fn recover_leaves_a_living_process_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    let recorder = recorder(dir.path());
    let run = recorder.begin_run("at work").expect("the run begins");
    let said = audited(dir.path(), &["recover"]);
    assert!(said.code == 0 && said.out == "nothing to settle\n", "{} {}", said.out, said.err);
    let runs = audited(dir.path(), &["runs"]);
    assert!(runs.out.contains("  RUNNING\n"), "{}", runs.out);
    run.finish().expect("the run ends");
    recorder.close().expect("the stream closes");
    assert_eq!(audited(dir.path(), &["verify"]).code, 0);
}

#[test]
fn an_event_type_that_nobody_has_is_answered_with_the_near_one() {
    let dir = tempfile::tempdir().expect("a directory");
    story(dir.path());
    let near = audited(dir.path(), &["tail", "--kind", "noet"]);
    assert!(near.code == 2 && near.err.contains("did you mean NOTE"), "{}", near.err);
    let far = audited(dir.path(), &["tail", "--kind", "everything there is"]);
    assert!(far.code == 2 && far.err.contains("event types are STREAM_OPENED"), "{}", far.err);
}

#[test]
fn a_run_tells_what_its_failures_said() {
    let dir = tempfile::tempdir().expect("a directory");
    story(dir.path());
    let shown = audited(dir.path(), &["show"]).out;
    let told = shown.split("not COMPLETED\n").nth(1).expect("the failures");
    assert!(told.contains(" parse errored: the row has no carrier"), "{shown}");
    assert_eq!(told.lines().count(), 1, "{shown}");
}

/// Copies a trail as `cp -a` does.
fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp runs");
    assert!(status.success());
}

#[test]
fn a_copy_of_a_trail_in_use_does_not_call_its_process_dead() {
    let dir = tempfile::tempdir().expect("a directory");
    let (trail, copied) = (dir.path().join("trail"), dir.path().join("copy"));
    let recorder = recorder(&trail);
    let run = recorder.begin_run("at work").expect("the run begins");
    let open = run.scope(|| recorder.enter("step")).expect("entered");
    copy(&trail, &copied);
    let runs = audited(&copied, &["runs"]);
    assert!(runs.code == 0 && runs.out.contains("RUNNING when copied"), "{}", runs.out);
    let told = words(&audited(&copied, &["explain", &format!("{:#}", open.id())]).out);
    assert!(told.contains("open when this copy was made: its process lives"), "{told}");
    let doctor = words(&audited(&copied, &["doctor"]).out);
    assert!(doctor.contains("the trail itself is elsewhere: this is a copy"), "{doctor}");
    let verify = audited(&copied, &["verify"]);
    assert!(verify.code == 1 && verify.out.contains("end not attested"), "{}", verify.out);
    open.complete().expect("completed");
    run.finish().expect("the run ends");
    recorder.close().expect("the stream closes");
    // Of a process that has died nothing of the sort is said.
    let (dead, copied) = (dir.path().join("dead"), dir.path().join("dead copy"));
    death(&dead);
    copy(&dead, &copied);
    assert!(audited(&copied, &["runs"]).out.contains("RUNNING, process gone"));
}

#[test]
fn a_copy_that_may_only_be_read_answers_every_question() {
    let dir = tempfile::tempdir().expect("a directory");
    death(dir.path());
    let mut modes = Vec::new();
    for path in everything(dir.path())
        .into_keys()
        .flat_map(|file| [file.clone(), file.parent().expect("a directory").to_owned()])
    {
        let mode = fs::metadata(&path).expect("it is there").permissions().mode();
        modes.push((path.clone(), mode));
        fs::set_permissions(&path, fs::Permissions::from_mode(mode & !0o222)).expect("the mode is set");
    }
    let before = everything(dir.path());
    for (question, code) in
        [("runs", 0), ("show", 0), ("stats", 0), ("sweep", 1), ("verify", 1), ("doctor", 1), ("tail", 0)]
    {
        let said = audited(dir.path(), &[question]);
        assert_eq!(said.code, code, "{question}: {}", said.err);
    }
    assert_eq!(everything(dir.path()), before);
    for (path, mode) in modes.into_iter().rev() {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode | 0o200)).expect("the mode is set");
    }
}
