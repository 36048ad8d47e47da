//! Resumes that are refused, and what they write: nothing.

use super::resume::open;
use super::trail::{Lab, row, write};
use audit_runtime::clock::SystemClock;
use audit_runtime::journal::{DiskStorage, Journal, Layout, Purpose, Settings};
use audit_runtime::landscape::{Determinism, NodeKind};
use audit_runtime::model::digest::{Digest, Scope, Slot};
use audit_runtime::model::{BodyWriter, Header, Key, Kind};
use audit_runtime::payload::Payloads;
use audit_runtime::{Code, Id, RunId, Status, StreamId};
use std::sync::Arc;

/// An interrupted run with two rows: one is done, one is on its way.
fn stopped(lab: &Lab) -> RunId {
    let (run, land, nodes) = lab.begin();
    row(&land, &nodes, 1).filtered().unwrap();
    let token = row(&land, &nodes, 2);
    let id = run.id();
    run.interrupt("a stop").unwrap();
    drop(token);
    id
}

/// What `work` is refused with; nothing is written by it.
#[track_caller]
fn refused<T: std::fmt::Debug>(lab: &Lab, work: impl FnOnce() -> Result<T, audit_runtime::Error>) -> Code {
    let before = lab.records().len();
    let code = work().expect_err("a refusal").code();
    assert_eq!(lab.records().len(), before, "a refusal writes nothing");
    code
}

#[test]
fn l29_the_seat_has_one_owner_and_the_other_reads_nothing() {
    let lab = Lab::new();
    let id = stopped(&lab);
    let winner = lab.recorder.resume_run(id).unwrap();
    assert_eq!(refused(&lab, || lab.recorder.resume_run(id)), Code::RunHeld);
    let (land, nodes) = Lab::declare(&winner).unwrap();
    assert_eq!(refused(&lab, || lab.recorder.resume_run(id)), Code::RunHeld);
    open(&land, &nodes, 2).remove(0).filtered().unwrap();
    winner.finish().unwrap();
    assert_eq!(lab.count(Kind::RunResumed), 1);
    let seat = std::fs::read_to_string(Layout::at(lab.dir.path().join("trail")).run_lock(id)).unwrap();
    assert!(seat.starts_with("epoch 1\n"), "{seat}");
}

#[test]
fn l29_a_run_that_is_under_way_and_a_success_are_not_resumed() {
    let lab = Lab::new();
    let (run, land, _) = lab.begin();
    let id = run.id();
    assert_eq!(refused(&lab, || lab.recorder.resume_run(id)), Code::RunHeld);
    run.finish().unwrap();
    drop(land);
    assert_eq!(lab.end().0, Status::Empty);
    assert_eq!(refused(&lab, || lab.recorder.resume_run(id)), Code::NotResumable);
    let unknown = [Id { seq: 999, ..id.0 }, Id::new(StreamId([7; 16]), 1)];
    for id in unknown {
        assert_eq!(refused(&lab, || lab.recorder.resume_run(RunId(id))), Code::UnknownId);
    }
}

#[test]
fn a_resume_that_is_given_up_before_its_graph_leaves_the_run_as_it_was() {
    let lab = Lab::new();
    let id = stopped(&lab);
    let before = lab.records().len();
    drop(lab.recorder.resume_run(id).unwrap());
    let again = lab.recorder.resume_run(id).unwrap();
    let failed = again.finish().unwrap_err();
    assert_eq!(failed.error.code(), Code::RunHasOpenWork);
    assert_eq!(failed.run.interrupt("no").unwrap_err().code(), Code::RunHasOpenWork);
    assert_eq!(lab.records().len(), before);
    drop(lab.recorder.resume_run(id).unwrap());
    assert_eq!(lab.records().len(), before);
}

#[test]
fn l30_a_graph_that_differs_in_a_sibling_branch_is_refused_before_any_record() {
    let lab = Lab::new();
    let id = stopped(&lab);
    let again = lab.recorder.resume_run(id).unwrap();
    let code = refused(&lab, || {
        let (mut graph, nodes) = Lab::graph(&again);
        let extra = graph.node("extra", NodeKind::Transform, Determinism::Deterministic);
        graph.edge(nodes.gate, "extra", extra);
        graph.seal()
    });
    assert_eq!(code, Code::OtherGraph);
    let (land, nodes) = Lab::declare(&again).expect("the graph as it was");
    open(&land, &nodes, 2).remove(0).filtered().unwrap();
    again.finish().unwrap();
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn l30_a_superseded_checkpoint_is_refused_before_any_record() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let checkpoint = |n: u32| {
        let receipt = write(&land, nodes.out, vec![row(&land, &nodes, n)], Ok(()), Ok(())).unwrap();
        receipt.deliver().unwrap().checkpoint(&format!("row {n}")).unwrap()
    };
    let (first, last) = (checkpoint(1), checkpoint(2));
    let id = run.id();
    run.interrupt("a stop").unwrap();
    assert_eq!(refused(&lab, || lab.recorder.resume_run_from(id, first)), Code::BadCheckpoint);
    assert_eq!(refused(&lab, || lab.recorder.resume_run_from(id, Id { seq: 1, ..first })), Code::BadCheckpoint);
    let again = lab.recorder.resume_run_from(id, last).unwrap();
    Lab::declare(&again).unwrap();
    assert_eq!(lab.of(Kind::RunResumed)[0].body.id(Key::Checkpoint), Some(last));
}

/// A stream in which some process resumed the run, made a checkpoint with this body, and was interrupted.
fn forge(lab: &Lab, run: RunId, checkpoint: &[u8]) {
    let layout = Layout::at(lab.dir.path().join("trail"));
    let clock = Arc::new(SystemClock::default());
    let head = {
        let mut body = BodyWriter::new();
        body.text(Key::BootId, "boot").uint(Key::Pid, 1).uint(Key::ProcessStart, 1);
        body.text(Key::CodeVersion, "0").text(Key::Program, "forger");
        body.finish()
    };
    let journal = Journal::create(&layout, Arc::new(DiskStorage), clock, Settings::default(), head).unwrap();
    let empty = BodyWriter::new().finish();
    let mut resumed = BodyWriter::new();
    resumed.text(Key::PriorStatus, "INTERRUPTED").uint(Key::Redriven, 0);
    let resumed = resumed.finish();
    let of = |kind, status| Header { run, subject: run.0, attempt: 1, status, ..Header::new(kind) };
    let point = Header { run, ..Header::new(Kind::Checkpoint) };
    let ended = Header { exit: audit_runtime::Exit::Returned, ..of(Kind::RunEnded, Status::Interrupted) };
    for (mut header, body) in
        [(of(Kind::RunResumed, Status::Running), &resumed[..]), (point, checkpoint), (ended, &empty[..])]
    {
        let pending = journal.append(&mut header, body, Purpose::Point).unwrap();
        journal.wait(pending).unwrap();
    }
    journal.close(|_| {}).unwrap();
}

#[test]
fn l36_a_checkpoint_that_names_an_unknown_receipt_or_is_cut_short_is_refused_before_any_record() {
    let topology = Slot::Digest(Digest::sha256(Scope::Bytes, [7; 32]));
    for (whole, code) in [(true, Code::BadCheckpoint), (false, Code::Corrupt)] {
        let lab = Lab::new();
        let id = stopped(&lab);
        let mut body = BodyWriter::new();
        body.text(Key::Position, "row 2");
        if whole {
            body.slot(Key::Topology, &topology).id(Key::Receipt, Id::new(StreamId([9; 16]), 4));
        }
        forge(&lab, id, &body.finish());
        let streams = Layout::at(lab.dir.path().join("trail")).streams().unwrap().len();
        assert_eq!(streams, 2);
        let before = std::fs::read_dir(lab.dir.path().join("trail/runs")).unwrap().count();
        assert_eq!(lab.recorder.resume_run(id).unwrap_err().code(), code);
        assert_eq!(std::fs::read_dir(lab.dir.path().join("trail/runs")).unwrap().count(), before);
        let own = lab.recorder.stream();
        let layout = Layout::at(lab.dir.path().join("trail"));
        let mut reader = audit_runtime::journal::Reader::open(&layout, own).unwrap();
        while let Some(frame) = reader.next().unwrap() {
            let header = Header::decode(frame.bytes).unwrap();
            assert_ne!(header.kind, Kind::RunResumed);
        }
    }
}

#[test]
fn l40_rows_that_nobody_can_tell_again_are_refused_by_name() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let twins = [1, 2].map(|_| land.row(nodes.source, "twin", &1).unwrap());
    let bare = land.quarantine(nodes.source, "bare", &f64::NAN, "no number").unwrap();
    let row = row(&land, &nodes, 3);
    let id = run.id();
    run.interrupt("a stop").unwrap();
    drop((twins, bare, row, land));
    let (run, land, nodes) = lab.resume(id);
    assert_eq!(refused(&lab, || land.row_again(nodes.source, "twin", &1)), Code::NotReplayable);
    assert_eq!(refused(&lab, || land.row_again(nodes.source, "3", &4)), Code::RowDiffers);
    let error = land.row_again(nodes.source, "twin", &1).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("`twin` of `rows.csv`") && text.contains("the row was not stored"), "{text}");
    assert_eq!(land.rows_in_flight().len(), 4, "nothing was taken over");
    let found = land.rows_in_flight().into_iter().find(|found| found.digest == digest_of(3)).unwrap();
    assert_eq!(refused(&lab, || land.row_in_flight(&found, &4)), Code::RowDiffers);
    land.row_in_flight(&found, &3).unwrap().remove(0).filtered().unwrap();
    let unfinished = run.finish().unwrap_err();
    assert_eq!(unfinished.error.code(), Code::RunHasOpenWork);
    unfinished.run.fail("rows that cannot be told again").unwrap();
    assert_eq!(lab.sweep(), ["S1", "S1", "S1"]);
}

#[test]
fn l40_a_row_that_was_stored_goes_on_without_its_source_and_its_bytes_are_verified() {
    let dir = tempfile::tempdir().unwrap();
    let builder = audit_runtime::Builder::new(dir.path().join("trail")).payloads(Payloads::new().rows());
    let lab = Lab { recorder: builder.open().unwrap(), dir };
    let (run, land, nodes) = lab.begin();
    let tokens = [1, 2].map(|n| row(&land, &nodes, n));
    let id = run.id();
    run.interrupt("a stop").unwrap();
    drop((tokens, land));
    let (run, land, _) = lab.resume(id);
    let [first, second] = <[_; 2]>::try_from(land.rows_in_flight()).unwrap();
    assert!(first.stored && second.stored);
    let (bytes, mut tokens) = land.row_stored(&first).unwrap();
    assert_eq!(bytes, b"1");
    tokens.remove(0).filtered().unwrap();
    let altered = walk(&lab.dir.path().join("trail/payloads"), b"2");
    std::fs::set_permissions(&altered, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::write(&altered, b"3").unwrap();
    assert_eq!(refused(&lab, || land.row_stored(&second)), Code::PayloadAltered);
    std::fs::write(&altered, b"2").unwrap();
    land.row_stored(&second).unwrap().1.remove(0).filtered().unwrap();
    assert!(land.rows_in_flight().is_empty());
    run.finish().unwrap();
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

/// The file below a folder that holds these bytes.
fn walk(folder: &std::path::Path, bytes: &[u8]) -> std::path::PathBuf {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            match std::fs::read(&path) {
                Ok(found) if found == bytes => return path,
                Ok(_) => {}
                Err(_) => folders.push(path),
            }
        }
    }
    panic!("no such file")
}

fn digest_of(n: u32) -> Slot {
    Slot::from(audit_runtime::model::digest::digest_value(Scope::Payload, None, &n).unwrap())
}

#[test]
fn a_value_of_an_earlier_epoch_writes_nothing_into_a_later_one() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let stale = row(&land, &nodes, 1);
    let id = run.id();
    run.interrupt("a stop").unwrap();
    let (run, again, nodes) = lab.resume(id);
    let records = lab.records().len();
    assert_eq!(stale.filtered().unwrap_err().code(), Code::UnknownEntity);
    assert_eq!(land.row(nodes.source, "2", &2).unwrap_err().code(), Code::UnknownEntity);
    assert_eq!(lab.records().len(), records);
    open(&again, &nodes, 1).remove(0).filtered().unwrap();
    run.finish().unwrap();
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn a_token_of_a_run_that_has_ended_writes_nothing_any_more() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let token = row(&land, &nodes, 1);
    run.fail("stopped").unwrap();
    let records = lab.records().len();
    let error = token.filtered().unwrap_err();
    assert_eq!(error.code(), Code::UnknownEntity);
    assert_eq!(land.row(nodes.source, "2", &2).unwrap_err().code(), Code::UnknownEntity);
    assert_eq!(lab.records().len(), records);
    assert_eq!(lab.sweep(), ["S1"]);
}
