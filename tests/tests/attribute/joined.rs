//! One run, several processes: each records in a stream of its own, and who only reads finds the union.

use crate::trail::{How, Told, act};
use audit_runtime::trail::{Trail, verify};
use audit_runtime::{Code, Id, RunId, StreamId, audited};
use std::path::Path;
use std::process::{Child, Command};

const CHILD: &str = "ATTRIBUTE_TEST_JOINER";
/// Entries of each process.
const ENTRIES: usize = 3;

#[audited(node = "part of it")]
fn part() -> Told {
    act(How::Ok)
}

/// Not a test of its own: a process that takes part in a run.
#[test]
fn child_joins() {
    let Ok(told) = std::env::var(CHILD) else { return };
    let words: Vec<&str> = told.split('|').collect();
    let recorder = audit_runtime::open(words[0]).expect("opens");
    let run = recorder.join_run(RunId(Id::parse(words[1]).expect("an id"))).expect("joined");
    if words[2] == "dies" {
        let _open = run.scope(|| recorder.enter("left open")).expect("entered");
        std::process::abort();
    }
    for _ in 0..ENTRIES {
        run.scope(part).expect("recorded");
    }
    recorder.close().expect("closes");
}

fn joiner(trail: &Path, run: RunId, how: &str) -> Child {
    let mut child = Command::new(std::env::current_exe().expect("this program"));
    child.args(["--exact", "joined::child_joins"]).env(CHILD, format!("{}|{run:#}|{how}", trail.display()));
    child.stderr(std::process::Stdio::null()).spawn().expect("a process")
}

fn column(index: &rusqlite::Connection, sql: &str) -> Vec<i64> {
    let mut statement = index.prepare(sql).expect("a sound question");
    let rows = statement.query_map([], |row| row.get(0)).expect("answered");
    rows.map(|row| row.expect("a number")).collect()
}

#[test]
fn j8_processes_that_join_a_run_record_in_streams_of_their_own_and_a_reader_finds_the_union() {
    let dir = tempfile::tempdir().expect("a directory");
    let trail = dir.path().join("trail");
    let recorder = audit_runtime::open(&trail).expect("opens");
    let run = recorder.begin_run("shared").expect("a run");
    let children = [joiner(&trail, run.id(), "works"), joiner(&trail, run.id(), "works")];
    for _ in 0..ENTRIES {
        run.scope(part).expect("recorded");
    }
    for mut child in children {
        assert!(child.wait().expect("it ends").success());
    }
    run.finish().expect("finished by who began it");
    recorder.close().expect("closes");

    let layout = audit_runtime::journal::Layout::at(&trail);
    // The thread that kept the index up to date sees the close within a moment.
    let rebuilt = loop {
        match audit_runtime::index::rebuild(&layout, &mut |_| {}) {
            Err(error) if error.code() == audit_runtime::Code::IndexBusy => std::thread::yield_now(),
            rebuilt => break rebuilt,
        }
    };
    rebuilt.expect("from the journal alone");
    let index = rusqlite::Connection::open(layout.index()).expect("SQLite");
    let by_stream = "SELECT count(*) FROM node_states s JOIN runs r USING (run_id) WHERE s.status = 'COMPLETED'
      GROUP BY s.opened_stream";
    assert_eq!(column(&index, by_stream), [ENTRIES as i64; 3], "three streams, nothing overwritten");
    assert_eq!(column(&index, "SELECT count(*) FROM records WHERE kind = 'RUN_JOINED'"), [2]);
    assert_eq!(column(&index, "SELECT count(*) FROM runs"), [1]);
    let reader = Trail::open(&trail).expect("opens");
    assert_eq!(reader.sweep(None).expect("swept").findings.len(), 0);
    assert!(verify(&layout, &mut |_| {}).expect("verified").is_intact());
}

#[test]
fn j8_what_one_who_took_part_has_left_open_is_named_and_ended_as_abandoned() {
    let dir = tempfile::tempdir().expect("a directory");
    let trail = dir.path().join("trail");
    let recorder = audit_runtime::open(&trail).expect("opens");
    let run = recorder.begin_run("shared").expect("a run");
    assert!(!joiner(&trail, run.id(), "dies").wait().expect("it ends").success());
    run.scope(part).expect("recorded");
    run.finish().expect("by what this process knows");
    recorder.close().expect("closes");
    let rules = || -> Vec<String> {
        let sweep = Trail::scan(&trail).expect("readable").sweep(None).expect("swept");
        sweep.findings.into_iter().map(|finding| finding.rule.to_owned()).collect()
    };
    assert_eq!(rules(), ["S9"], "work still open in an ended run");
    audit_runtime::open(&trail).expect("opens").close().expect("closes");
    assert_eq!(rules(), Vec::<String>::new(), "recovery has ended it");
}

#[test]
fn j8_what_is_no_run_of_the_trail_is_not_joined() {
    let dir = tempfile::tempdir().expect("a directory");
    let trail = dir.path().join("trail");
    let recorder = audit_runtime::open(&trail).expect("opens");
    let run = recorder.begin_run("shared").expect("a run");
    let here = recorder.stream();
    let places = [
        ("another trail's", Id::new(StreamId([7; 16]), 3)),
        ("the stream's own head", Id::new(here, 0)),
        ("a place behind the stream's end", Id::new(here, run.id().0.seq + 1000)),
    ];
    for (what, place) in places {
        let refused = recorder.join_run(RunId(place)).expect_err(what);
        assert_eq!(refused.code(), Code::UnknownId, "{what}");
    }
    // The control: the run itself is joined, and it is the only record of the kind.
    drop(recorder.join_run(run.id()).expect("joined"));
    run.finish().expect("finished");
    recorder.close().expect("closes");
    let layout = audit_runtime::journal::Layout::at(&trail);
    audit_runtime::index::rebuild(&layout, &mut |_| {}).expect("rebuilt");
    let index = rusqlite::Connection::open(layout.index()).expect("SQLite");
    assert_eq!(column(&index, "SELECT count(*) FROM records WHERE kind = 'RUN_JOINED'"), [1]);
}
