//! Purges and holds from the command line, and runs that take too long.

use super::support::{audited, everything};
use audit_runtime::landscape::{Determinism, NodeKind};
use audit_runtime::{Builder, Id, Payloads, RunId};
use std::path::Path;

/// A run with one row whose payload is kept.
fn kept(dir: &Path) -> (RunId, Id) {
    let recorder = Builder::new(dir).project(false).payloads(Payloads::new().rows()).open().expect("the trail opens");
    let run = recorder.begin_run("kept").expect("the run begins");
    let mut graph = run.pipeline();
    let source = graph.node("rows.csv", NodeKind::Source, Determinism::IoRead);
    let land = graph.seal().expect("the graph is sealed");
    let token = land.row(source, "line 1", &"a value").expect("the row is read");
    let (id, row) = (run.id(), token.row().expect("its row"));
    token.filtered().expect("its outcome");
    run.finish().expect("the run ends");
    recorder.close().expect("the stream closes");
    (id, row)
}

const PURGE: [&str; 7] = ["purge", "--older-than", "0s", "--policy", "nothing is kept", "--authority", "M. Okafor"];

#[test]
fn p17_p19_a_purge_says_what_it_would_take_takes_it_and_the_story_names_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let (run, row) = kept(dir.path());
    let (run, row) = (format!("{run:#}"), format!("{row:#}"));
    let before = everything(dir.path());
    let said = audited(dir.path(), &["--json", "purge", "--older-than", "0s", "--dry-run"]);
    assert_eq!((said.code, &said.json()["items"][0]["payloads"]), (0, &1.into()), "{}", said.err);
    assert_eq!(audited(dir.path(), &["purge", "--older-than", "0s"]).code, 2, "by which rule, on whose authority?");
    assert_eq!(audited(dir.path(), &["purge", "--older-than", "soon", "--dry-run"]).code, 2);
    assert_eq!(everything(dir.path()), before, "a dry run writes nothing");
    let grade = || audited(dir.path(), &["--json", "show", &run]).json()["items"][0]["replay_grade"].clone();
    assert_eq!(grade(), "complete");
    let said = audited(dir.path(), &PURGE);
    assert!(said.code == 0 && said.out.contains("removed 1 payloads (9 bytes) of 1 runs"), "{} {}", said.out, said.err);
    assert_eq!(grade(), "from_source");
    let told = audited(dir.path(), &["--json", "explain", &row]).json();
    let payload = &told["items"][0]["facts"]["tokens"][0]["payload"];
    assert_eq!((&payload["payload_available"], &payload["standing"]), (&false.into(), &"purged".into()));
    assert_eq!((&payload["authority"], &payload["policy"]), (&"M. Okafor".into(), &"nothing is kept".into()));
    for question in [&["sweep"][..], &["verify"], &["doctor"]] {
        assert_eq!(audited(dir.path(), question).code, 0, "{question:?}");
    }
}

#[test]
fn p19_a_held_run_survives_a_purge_from_the_command_line() {
    let dir = tempfile::tempdir().expect("a directory");
    let (run, row) = kept(dir.path());
    let (run, row) = (format!("{run:#}"), format!("{row:#}"));
    let why = ["--authority", "M. Okafor", "--reason", "claim 17"];
    let words = |words: &[&'static str], id: &str| -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).chain([id.to_owned()]).chain(why.map(str::to_owned)).collect()
    };
    let ask = |words: &[String]| audited(dir.path(), &words.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(ask(&words(&["hold", "add"], "zzzzzz-1")).code, 1);
    assert_eq!(ask(&words(&["hold", "add"], &run)).code, 0);
    assert_eq!(audited(dir.path(), &PURGE).code, 0);
    let standing = || {
        let told = audited(dir.path(), &["--json", "explain", &row]).json();
        told["items"][0]["facts"]["tokens"][0]["payload"]["standing"].clone()
    };
    assert_eq!(standing(), "available");
    let listed = audited(dir.path(), &["--json", "hold", "list"]).json();
    let hold = listed["items"][0]["id"].as_str().expect("a hold").to_owned();
    assert_eq!(ask(&words(&["hold", "remove"], &hold)).code, 0);
    assert_eq!(audited(dir.path(), &["hold", "list"]).out.trim(), "no holds");
    assert_eq!(audited(dir.path(), &PURGE).code, 0);
    assert_eq!(standing(), "purged");
}

#[test]
fn p17_altered_bytes_end_an_explanation_with_exit_code_4() {
    let dir = tempfile::tempdir().expect("a directory");
    let (_, row) = kept(dir.path());
    let payload = everything(dir.path()).into_keys().find(|path| {
        path.starts_with(dir.path().join("payloads")) && path.file_name().is_some_and(|name| name != "lock")
    });
    let payload = payload.expect("the payload");
    std::fs::write(&payload, b"another").expect("altered");
    let said = audited(dir.path(), &["explain", &format!("{row:#}")]);
    assert!(said.code == 4 && said.err.contains("AUD0722"), "{} {}", said.code, said.err);
    std::fs::remove_file(&payload).expect("removed");
    let said = audited(dir.path(), &["explain", &format!("{row:#}")]);
    assert!(said.code == 4 && said.err.contains("AUD0721"), "{} {}", said.code, said.err);
    assert_eq!(audited(dir.path(), &["doctor"]).code, 4);
}

#[test]
fn l38_a_run_that_takes_too_long_is_told_with_exit_code_1() {
    let dir = tempfile::tempdir().expect("a directory");
    let recorder = super::support::recorder(dir.path());
    let run = recorder.begin_run("slow").expect("the run begins");
    for command in ["sweep", "doctor"] {
        assert_eq!(audited(dir.path(), &[command]).code, 0, "an hour unless told");
        let said = audited(dir.path(), &[command, "--running-timeout", "0"]);
        assert!(said.code == 1 && said.out.contains("OVERDUE"), "{command}: {}", said.out);
    }
    run.finish().expect("the run ends");
    recorder.close().expect("the stream closes");
    assert_eq!(audited(dir.path(), &["sweep", "--running-timeout", "0"]).code, 0);
}
