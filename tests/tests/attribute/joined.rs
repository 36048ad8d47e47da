//! One run, several processes: each records in a stream of its own, and who only reads finds the union.

use crate::trail::{How, Told, act};
use audit_runtime::journal::{Committed, Reader};
use audit_runtime::model::{Key, Kind, Record};
use audit_runtime::trail::{Trail, verify};
use audit_runtime::{Code, Id, RunId, Status, StreamId, audited};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

const CHILD: &str = "ATTRIBUTE_TEST_JOINER";
/// What a process says that waits with an open entry.
const READY: &str = "it has begun";
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
    if words[2] == "is late" {
        let late = run.scope(|| recorder.enter("left open")).expect("entered");
        writeln!(std::io::stdout(), "{READY}").expect("said");
        std::io::stdin().read_line(&mut String::new()).expect("told to go on");
        late.complete().expect("recorded");
        return recorder.close().map(drop).expect("closes");
    }
    for _ in 0..ENTRIES {
        run.scope(part).expect("recorded");
    }
    recorder.close().expect("closes");
}

fn joiner(trail: &Path, run: RunId, how: &str) -> Child {
    let mut child = Command::new(std::env::current_exe().expect("this program"));
    child.args(["--exact", "joined::child_joins"]).env(CHILD, format!("{}|{run:#}|{how}", trail.display()));
    child.stderr(Stdio::null()).spawn().expect("a process")
}

/// A process that takes part, and has an entry open until a line comes. Its words are listened to until its end.
fn late_joiner(trail: &Path, run: RunId) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().expect("this program"));
    child.args(["--exact", "joined::child_joins", "--nocapture"]);
    child.env(CHILD, format!("{}|{run:#}|is late", trail.display())).stderr(Stdio::null());
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a process");
    let mut said = BufReader::new(child.stdout.take().expect("its words"));
    let mut line = String::new();
    while !line.contains(READY) {
        line.clear();
        assert_ne!(said.read_line(&mut line).expect("a line"), 0, "it ended before it had begun");
    }
    (child, said)
}

fn goes_on((mut child, said): (Child, BufReader<ChildStdout>)) {
    child.stdin.take().expect("its ear").write_all(b"go on\n").expect("told");
    assert!(child.wait().expect("it ends").success());
    drop(said);
}

fn rules(trail: &Path) -> Vec<String> {
    let sweep = Trail::scan(trail).expect("readable").sweep(None).expect("swept");
    sweep.findings.into_iter().map(|finding| finding.rule.to_owned()).collect()
}

fn column(index: &rusqlite::Connection, sql: &str) -> Vec<i64> {
    let mut statement = index.prepare(sql).expect("a sound question");
    let rows = statement.query_map([], |row| row.get(0)).expect("answered");
    rows.map(|row| row.expect("a number")).collect()
}

/// The findings of each run's last record, as it stands on disk.
fn told_at_the_end(trail: &Path) -> Vec<Vec<String>> {
    let (layout, mut told) = (audit_runtime::journal::Layout::at(trail), Vec::new());
    for stream in layout.streams().expect("streams") {
        let mut records = Committed::new(Reader::open(&layout, stream).expect("readable"));
        while let Some(counted) = records.next().expect("sound records") {
            let Record { header, body } = counted.record;
            let listed = body.get(Key::Findings).and_then(|list| list.as_array()).unwrap_or_default();
            let texts = listed.iter().filter_map(|text| text.as_text()).map(str::to_owned).collect();
            told.extend((header.kind == Kind::RunEnded).then_some(texts));
        }
    }
    told
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
    let summary = run.finish().expect("nobody who lives has anything open");
    recorder.close().expect("closes");
    let [left] = summary.others.as_slice() else { panic!("{:?}", summary.others) };
    assert!(!left.lives && left.open.len() == 1, "{left:?}");
    assert!(format!("{summary}").contains("1 left open in stream"), "{summary}");
    let told = told_at_the_end(&trail);
    assert_eq!(told, [[format!("S9 {:#}", left.open[0])]], "it stands in the run's last record");
    assert_eq!(rules(&trail), ["S9"], "work still open in an ended run");
    audit_runtime::open(&trail).expect("opens").close().expect("closes");
    assert_eq!(rules(&trail), Vec::<String>::new(), "recovery has ended it");
}

#[test]
fn j8_a_run_does_not_end_as_a_success_while_one_who_takes_part_is_at_work() {
    let dir = tempfile::tempdir().expect("a directory");
    let trail = dir.path().join("trail");
    let recorder = audit_runtime::open(&trail).expect("opens");
    let run = recorder.begin_run("shared").expect("a run");
    let child = late_joiner(&trail, run.id());
    run.scope(part).expect("recorded");
    let unfinished = run.finish().expect_err("one who takes part is at work");
    assert_eq!(unfinished.error.code(), Code::RunHasOpenWork);
    assert!(unfinished.error.to_string().contains("1 open in stream"), "{}", unfinished.error);
    assert!(told_at_the_end(&trail).is_empty(), "nothing was written of an end");
    goes_on(child);
    let summary = unfinished.run.finish().expect("now it has ended");
    recorder.close().expect("closes");
    assert!(summary.status == Status::Completed && summary.others.is_empty(), "{summary}");
    assert_eq!(told_at_the_end(&trail), [Vec::<String>::new()]);
    assert_eq!(rules(&trail), Vec::<String>::new());
}

/// Who fails a run on purpose may do so at any time; what others have open stands in the last record.
#[test]
fn j8_a_run_that_is_failed_names_what_one_who_takes_part_has_open() {
    let dir = tempfile::tempdir().expect("a directory");
    let trail = dir.path().join("trail");
    let recorder = audit_runtime::open(&trail).expect("opens");
    let run = recorder.begin_run("shared").expect("a run");
    let child = late_joiner(&trail, run.id());
    let summary = run.fail("no time left").expect("failed");
    let [left] = summary.others.as_slice() else { panic!("{:?}", summary.others) };
    assert!(left.lives && left.open.len() == 1, "{left:?}");
    assert_eq!(told_at_the_end(&trail), [[format!("S9 {:#}", left.open[0])]]);
    assert_eq!(rules(&trail), ["S9"], "seen by who only reads, too");
    goes_on(child);
    recorder.close().expect("closes");
    assert_eq!(rules(&trail), Vec::<String>::new());
}

/// The control: without the line beside the run's seat nobody would know of the others, and the run ends too early.
#[test]
fn j8_an_end_that_does_not_know_of_the_others_is_found_by_the_sweep() {
    let dir = tempfile::tempdir().expect("a directory");
    let trail = dir.path().join("trail");
    let recorder = audit_runtime::open(&trail).expect("opens");
    let run = recorder.begin_run("shared").expect("a run");
    let child = late_joiner(&trail, run.id());
    let line = audit_runtime::journal::Layout::at(&trail).run_lock(run.id()).with_extension("joined");
    std::fs::remove_file(line).expect("the line was there");
    let summary = run.finish().expect("as if it were alone");
    assert!(summary.others.is_empty(), "{summary}");
    assert_eq!(rules(&trail), ["S9"], "work still open in an ended run");
    goes_on(child);
    recorder.close().expect("closes");
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
