//! What each command tells, as text and as JSON, with its exit code.

use std::io::Read;
use std::process::Stdio;

use serde_json::Value;

use super::support::*;

fn first_id(items: &Value, status: &str) -> String {
    let entries = items[0]["entries"].as_array().expect("entries");
    let entry = entries.iter().find(|entry| entry["status"] == status).expect("an entry of this status");
    entry["id"].as_str().expect("an id").to_owned()
}

#[test]
fn q8_every_command_prints_one_object_of_one_shape() {
    let dir = tempfile::tempdir().expect("a directory");
    let run = format!("{:#}", story(dir.path()));
    let commands: &[&[&str]] = &[
        &["runs"],
        &["show", &run],
        &["explain", &run],
        &["sweep"],
        &["sweep", &run],
        &["verify"],
        &["stats"],
        &["stats", &run],
        &["doctor"],
        &["index", "dump"],
        &["index", "rebuild"],
    ];
    for command in commands {
        let said = audited(dir.path(), &[*command, &["--json"]].concat());
        let object = said.json();
        let members: Vec<&String> = object.as_object().expect("an object").keys().collect();
        assert_eq!(members, ["command", "findings", "items", "schema", "trail"], "{command:?}");
        assert_eq!((&object["schema"], said.code), (&Value::from("audited/1"), 0), "{command:?} {}", said.out);
        assert!(command.join(" ").starts_with(object["command"].as_str().expect("a name")));
        let text = audited(dir.path(), command);
        assert_eq!(text.code, 0, "{command:?}");
        assert!(!text.out.contains('\u{1b}'), "no control characters in a pipe: {}", text.out);
        let wide = text.out.lines().find(|line| line.chars().count() > 80);
        assert!(command[0] == "index" || command[0] == "verify" || wide.is_none(), "{command:?}: {wide:?}");
    }
}

#[test]
fn q8_text_and_json_tell_the_same_counts() {
    let dir = tempfile::tempdir().expect("a directory");
    let run = format!("{:#}", story(dir.path()));
    let object = audited(dir.path(), &["show", &run, "--json"]).json();
    let counts = &object["items"][0]["counts"];
    assert_eq!((&counts["entries"], &counts["completed"], &counts["errored"]), (&5.into(), &4.into(), &1.into()));
    let text = audited(dir.path(), &["show", &run]).out;
    let of = |node: &str| {
        let line = text.lines().find(|line| line.starts_with(node)).expect("the node's line");
        line.split_whitespace().skip(1).take(3).map(|n| n.parse().expect("a count")).collect::<Vec<u64>>()
    };
    assert_eq!((of("load"), of("parse")), (vec![1, 1, 0], vec![4, 3, 1]), "{text}");
    assert!(text.contains("COMPLETED_WITH_FAILURES"), "{text}");
}

/// No line is broken by a terminal of 80 columns.
#[track_caller]
fn fits_80_columns(text: &str) {
    let long: Vec<&str> = text.lines().filter(|line| line.chars().count() > 80).collect();
    assert!(long.is_empty() && text.lines().count() > 3, "{long:#?} in {text}");
}

#[test]
fn a_failed_entry_is_explained_like_an_answer() {
    let dir = tempfile::tempdir().expect("a directory");
    let run = format!("{:#}", story(dir.path()));
    let failed = first_id(&audited(dir.path(), &["show", &run, "--json"]).json()["items"], "FAILED");
    let said = audited(dir.path(), &["explain", &failed]);
    fits_80_columns(&said.out);
    let words = said.out.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in ["entry of `parse` at", "support.rs:", "`story`", "FAILED", "the row has no carrier", "args sha256:"] {
        assert!(words.contains(part), "{part} in {words}");
    }
    let facts = &audited(dir.path(), &["explain", &failed, "--json"]).json()["items"][0]["facts"];
    assert_eq!((&facts["exit"], &facts["outcome"]), (&"errored".into(), &"known".into()), "{facts}");
}

#[test]
fn q3_an_abandoned_entry_is_explained_as_an_unknown_outcome() {
    let dir = tempfile::tempdir().expect("a directory");
    death(dir.path());
    let before = audited(dir.path(), &["runs"]);
    assert!(before.out.contains("RUNNING, process gone"), "{}", before.out);
    assert_eq!(audited(dir.path(), &["sweep"]).code, 1);
    recover(dir.path());
    let runs = audited(dir.path(), &["runs", "--json"]).json();
    assert_eq!(runs["items"][0]["status"], "ABANDONED", "{runs}");
    let run = runs["items"][0]["id"].as_str().expect("an id").to_owned();
    let lost = first_id(&audited(dir.path(), &["show", &run, "--json"]).json()["items"], "ABANDONED");
    let said = audited(dir.path(), &["explain", &lost]);
    fits_80_columns(&said.out);
    let words = said.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("ABANDONED, outcome unknown"), "{words}");
    assert!(words.contains("observed that 2"), "who and when: {words}");
    let facts = &audited(dir.path(), &["explain", &lost, "--json"]).json()["items"][0]["facts"];
    assert_eq!(facts["outcome"], "unknown");
    assert!(facts["abandon_reason"].is_string() && facts["ended_at"].is_string(), "{facts}");
    assert!(facts["duration_ns"].is_null() && facts["output"].is_null() && facts["error"].is_null(), "{facts}");
    let sweep = audited(dir.path(), &["sweep", "--json"]);
    assert_eq!((sweep.code, &sweep.json()["items"][0]["open"]), (0, &0.into()), "{}", sweep.out);
    assert_eq!(audited(dir.path(), &["verify"]).code, 0);
}

#[test]
fn q4_ids_that_nobody_has() {
    let dir = tempfile::tempdir().expect("a directory");
    story(dir.path());
    let code = |id: &str| audited(dir.path(), &["explain", id]).code;
    assert_eq!((code("zzzzzz-1"), code("nonsense"), code(&"0".repeat(32))), (1, 2, 1));
    let object = audited(dir.path(), &["explain", "zzzzzz-1", "--json"]).json();
    assert_eq!(object["findings"][0]["rule"], "AUD0601", "{object}");
}

#[test]
fn q9_stats_name_latencies_the_slowest_and_what_never_ended() {
    let dir = tempfile::tempdir().expect("a directory");
    story(dir.path());
    death(dir.path());
    recover(dir.path());
    let object = audited(dir.path(), &["stats", "--json"]).json();
    let stats = &object["items"][0];
    let parse = stats["nodes"].as_array().expect("nodes").iter().find(|node| node["node"] == "parse").expect("parse");
    let total: u64 = parse["histogram_log2"].as_array().expect("counts").iter().filter_map(Value::as_u64).sum();
    assert_eq!((&parse["ended"], total), (&5.into(), 5), "{stats}");
    assert_eq!((&stats["unended_count"], &stats["unended"][0]["node"]), (&1.into(), &"die".into()), "{stats}");
}

#[test]
fn tail_prints_one_line_a_record_and_no_control_characters() {
    let dir = tempfile::tempdir().expect("a directory");
    story(dir.path());
    let said = audited(dir.path(), &["tail", "-n", "1000", "--json"]);
    let kinds: Vec<String> = said
        .out
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("a line is an object")["event_type"].to_string())
        .collect();
    assert_eq!(
        (kinds.first().map(String::as_str), kinds.last().map(String::as_str)),
        (Some("\"STREAM_OPENED\""), Some("\"STREAM_CLOSED\""))
    );
    let notes = audited(dir.path(), &["tail", "--kind", "note", "--json"]);
    assert_eq!(notes.out.lines().count(), 1);
    assert!(!notes.out.contains('\u{1b}') && !audited(dir.path(), &["tail"]).out.contains('\u{1b}'));
}

#[test]
fn exit_codes_for_wrong_usage_and_for_what_is_no_trail() {
    let dir = tempfile::tempdir().expect("a directory");
    let missing = audited(&dir.path().join("nowhere"), &["runs"]);
    assert_eq!((missing.code, missing.out.as_str()), (3, ""));
    assert!(missing.err.contains("AUD0111") && missing.err.contains("next:"), "{}", missing.err);
    std::fs::write(dir.path().join("notes.txt"), "mine").expect("a file");
    let foreign = audited(dir.path(), &["verify"]);
    assert!(foreign.code == 3 && foreign.err.contains("AUD0101"), "{}", foreign.err);
    let newer = tempfile::tempdir().expect("a directory");
    story(newer.path());
    std::fs::write(newer.path().join("format"), "audit-trail 9\n").expect("a file");
    let said = audited(newer.path(), &["verify", "--json"]);
    assert_eq!((said.code, &said.json()["findings"][0]["rule"]), (3, &"AUD0102".into()));
    let typo = audited(dir.path(), &["sweeep"]);
    assert!(typo.code == 2 && typo.err.contains("sweep"), "{}", typo.err);
    assert_eq!(audited(dir.path(), &["explain"]).code, 2);
}

#[test]
fn the_trail_is_named_by_the_environment_when_no_option_names_it() {
    let dir = tempfile::tempdir().expect("a directory");
    story(dir.path());
    let named = said(program().env("AUDIT_TRAIL", dir.path()).arg("verify").output().expect("the program runs"));
    assert_eq!(named.code, 0, "{}", named.err);
    let option = said(
        program().env("AUDIT_TRAIL", "/nowhere").arg("--trail").arg(dir.path()).arg("runs").output().expect("it runs"),
    );
    assert_eq!(option.code, 0, "{}", option.err);
    let empty = tempfile::tempdir().expect("a directory");
    let default = said(program().current_dir(empty.path()).arg("runs").output().expect("the program runs"));
    assert!(default.code == 3 && default.err.contains("audit-trail"), "{}", default.err);
}

#[test]
fn a_reader_that_goes_away_ends_the_program_quietly() {
    let dir = tempfile::tempdir().expect("a directory");
    story(dir.path());
    let mut child = program()
        .arg("--trail")
        .arg(dir.path())
        .args(["tail", "--follow", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut stdout = child.stdout.take().expect("a pipe");
    stdout.read_exact(&mut [0]).expect("something is printed");
    drop(stdout);
    // A record that comes now finds no reader.
    story(dir.path());
    let said = said(child.wait_with_output().expect("the program ends"));
    assert_eq!((said.code, said.err.as_str()), (0, ""));
}

#[test]
fn help_speaks_to_a_newcomer() {
    let help = said(program().env("COLUMNS", "80").arg("--help").output().expect("the program runs"));
    for part in ["what happened, what is missing, can it be proved", "Exit codes", "Examples:", "--trail <DIR>"] {
        assert!(help.out.contains(part), "{part} in {}", help.out);
    }
    assert!(help.out.lines().all(|line| line.chars().count() <= 80), "{}", help.out);
    for command in ["runs", "show", "explain", "tail", "sweep", "verify", "stats", "doctor", "recover", "index"] {
        let help = said(program().args([command, "--help"]).output().expect("the program runs"));
        assert!(help.out.contains("Example: audited "), "{command}");
    }
}
