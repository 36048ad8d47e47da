//! The index can be lost, late, corrupt, in use or of another schema: answers stay the same, and the trail is not touched.

use std::fs;
use std::path::Path;

use super::support::*;

fn dump(dir: &Path, more: &[&str]) -> String {
    let said = audited(dir, &[&["index", "dump"], more].concat());
    assert_eq!(said.code, 0, "{}", said.err);
    said.out
}

fn rebuild(dir: &Path) {
    let said = audited(dir, &["index", "rebuild"]);
    assert_eq!(said.code, 0, "{}", said.err);
}

#[test]
fn j7_an_index_that_is_lost_or_late_dumps_the_same() {
    let dir = tempfile::tempdir().expect("a directory");
    story(dir.path());
    rebuild(dir.path());
    let early = fs::read(dir.path().join("index.sqlite")).expect("an index");
    death(dir.path());
    recover(dir.path());
    let late = dump(dir.path(), &[]);
    assert_eq!(late, dump(dir.path(), &["--scan"]), "an index that is late is completed in private");
    rebuild(dir.path());
    assert_eq!(late, dump(dir.path(), &[]));
    fs::remove_file(dir.path().join("index.sqlite")).expect("an index");
    assert_eq!(late, dump(dir.path(), &[]), "an index that is lost is projected in private");
    fs::write(dir.path().join("index.sqlite"), early).expect("an index");
    assert_eq!(late, dump(dir.path(), &[]));
    let rows: std::collections::BTreeSet<&str> = late.lines().collect();
    assert_eq!(rows.len(), late.lines().count(), "no row twice");
}

#[test]
fn j15_a_trail_of_many_dead_streams_is_settled_once_each() {
    let dir = tempfile::tempdir().expect("a directory");
    for _ in 0..4 {
        death(dir.path());
    }
    recover(dir.path());
    recover(dir.path());
    let text = dump(dir.path(), &["--scan"]);
    let settled: Vec<&str> = text.lines().filter(|line| line.starts_with(r#"{"table":"settlements""#)).collect();
    assert_eq!(settled.len(), 4, "{settled:?}");
    assert_eq!(audited(dir.path(), &["verify"]).code, 0);
    assert_eq!(audited(dir.path(), &["doctor"]).code, 0);
}

#[test]
fn v15_q7_no_question_changes_a_byte_closed_dead_or_alive() {
    let dir = tempfile::tempdir().expect("a directory");
    let run = format!("{:#}", story(dir.path()));
    let questions: &[&[&str]] = &[
        &["runs"],
        &["show", &run],
        &["explain", &run],
        &["sweep"],
        &["verify"],
        &["stats"],
        &["doctor"],
        &["tail"],
        &["index", "dump"],
        &["index", "dump", "--scan"],
    ];
    let unchanged = || {
        let before = everything(dir.path());
        for question in questions {
            audited(dir.path(), question);
            assert!(before == everything(dir.path()), "{question:?} changed the trail");
        }
    };
    unchanged();
    rebuild(dir.path());
    unchanged();
    death(dir.path());
    unchanged();
}

#[test]
fn j14_a_corrupt_index_delays_an_answer_and_a_rebuild_heals_it() {
    let dir = tempfile::tempdir().expect("a directory");
    story(dir.path());
    rebuild(dir.path());
    let whole = dump(dir.path(), &[]);
    let file = dir.path().join("index.sqlite");
    let mut bytes = fs::read(&file).expect("an index");
    bytes[4096..].fill(0xa5);
    fs::write(&file, bytes).expect("an index");
    assert_eq!(dump(dir.path(), &[]), whole);
    fs::write(&file, "no database at all, and longer than a header of one hundred bytes".repeat(4)).expect("an index");
    assert_eq!(dump(dir.path(), &[]), whole);
    rebuild(dir.path());
    assert_eq!(dump(dir.path(), &[]), whole);
}

#[test]
fn an_index_of_another_schema_is_named_and_rebuilt() {
    let dir = tempfile::tempdir().expect("a directory");
    story(dir.path());
    rebuild(dir.path());
    let file = dir.path().join("index.sqlite");
    let mut bytes = fs::read(&file).expect("an index");
    // `PRAGMA user_version` stands at offset 60 of the header.
    bytes[60..64].copy_from_slice(&77u32.to_be_bytes());
    fs::write(&file, bytes).expect("an index");
    let said = audited(dir.path(), &["runs"]);
    assert_eq!(said.code, 3, "{}", said.out);
    assert!(said.err.contains("AUD0304") && said.err.contains("audited index rebuild"), "{}", said.err);
    assert_eq!(audited(dir.path(), &["verify"]).code, 0, "verifying needs no index");
    rebuild(dir.path());
    assert_eq!(audited(dir.path(), &["runs"]).code, 0);
}

#[test]
fn an_index_in_use_is_left_alone_and_says_so() {
    let dir = tempfile::tempdir().expect("a directory");
    story(dir.path());
    let layout = audit_runtime::journal::Layout::at(dir.path());
    let projector = audit_runtime::index::Projector::open(&layout).expect("it opens").expect("nobody else projects");
    let said = audited(dir.path(), &["index", "rebuild", "--json"]);
    assert_eq!((said.code, &said.json()["findings"][0]["rule"]), (3, &"AUD0305".into()));
    assert_eq!(audited(dir.path(), &["runs"]).code, 0, "questions are answered meanwhile");
    drop(projector);
}

/// Negative control of the comparison that J7 and Q6 rest on: an index that lacks a row dumps otherwise than a scan.
#[test]
fn q6_t10_an_index_that_hides_a_row_is_caught_by_the_scan() {
    let dir = tempfile::tempdir().expect("a directory");
    story(dir.path());
    rebuild(dir.path());
    assert_eq!(dump(dir.path(), &[]), dump(dir.path(), &["--scan"]));
    let file = dir.path().join("index.sqlite");
    let mut bytes = fs::read(&file).expect("an index");
    let text = b"the row has no carrier";
    let mut found = false;
    for at in 0..bytes.len() - text.len() {
        if &bytes[at..at + text.len()] == text {
            bytes[at..at + 3].copy_from_slice(b"THE");
            found = true;
        }
    }
    assert!(found);
    fs::write(&file, bytes).expect("an index");
    assert_ne!(dump(dir.path(), &[]), dump(dir.path(), &["--scan"]));
}

#[test]
fn a_question_is_answered_while_a_process_writes_on_and_on() {
    /// More than the projector takes at once, and so often that nobody would catch up.
    const ENTRIES: u64 = 9_000;
    const OFTEN: u32 = 8;
    let dir = tempfile::tempdir().expect("a directory");
    let recorder = recorder(dir.path());
    let write = || recorder.scope(|| (0..ENTRIES).for_each(|_| drop(parse(1))));
    write();
    let mut seen = 0;
    let trail = audit_runtime::trail::Trail::open_with(dir.path(), &mut |_| {
        seen += 1;
        if seen < OFTEN {
            write();
        }
    });
    let entries: u64 =
        trail.and_then(|trail| trail.nodes(None)).expect("an answer").iter().map(|n| n.counts.entries).sum();
    assert!(seen < OFTEN, "the question went on for as long as the process wrote");
    assert_eq!(entries, ENTRIES, "what stood there when it was asked");
    recorder.close().expect("the stream closes");
    assert_eq!(audited(dir.path(), &["verify"]).code, 0);
}
