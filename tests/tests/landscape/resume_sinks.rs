//! Sink writes of a run that is resumed: in doubt until they are read back, never written twice, never without outcomes.

use super::database_failures::faulty;
use super::resume::{open, visits};
use super::trail::{Lab, Nodes, row, write};
use audit_runtime::landscape::{Landscape, ReadBack};
use audit_runtime::model::digest::{Digest, Scope, digest_bytes};
use audit_runtime::model::{Key, Kind};
use audit_runtime::{Code, Run, Status};
use audit_testkit::{Effect, Fault, Operation};
use std::io::ErrorKind;

fn content() -> Digest {
    digest_bytes(Scope::Bytes, b"lines")
}

/// A run that was stopped while its sink wrote rows 1 and 2.
fn in_flight(lab: &Lab) -> (Run, Landscape, Nodes) {
    let (run, land, nodes) = lab.begin();
    let visits = [1, 2].map(|n| row(&land, &nodes, n).enter(nodes.out).unwrap());
    let prepared = land.prepare(nodes.out, "part-0", content(), Vec::from(visits)).unwrap();
    let Ok((written, ())) = prepared.write(|| Ok::<(), String>(())) else { panic!("it writes") };
    let id = run.id();
    run.interrupt("no answer").unwrap();
    drop((written, land));
    lab.resume(id)
}

fn deliver(land: &Landscape, nodes: &Nodes, rows: &[u32]) {
    let tokens = rows.iter().flat_map(|n| open(land, nodes, *n)).collect();
    write(land, nodes.out, tokens, Ok(()), Ok(())).unwrap().deliver().unwrap();
}

#[test]
fn l10_a_write_that_the_sink_does_not_have_is_committed_once() {
    let lab = Lab::new();
    let (run, land, nodes) = in_flight(&lab);
    let mut doubts = land.in_doubt();
    let doubt = doubts.pop().unwrap();
    assert!(doubts.is_empty());
    assert_eq!((doubt.sink(), doubt.key(), doubt.content(), doubt.tokens()), ("out", "part-0", &content(), 2));
    let waits = land.row_again(nodes.source, "1", &1).unwrap_err();
    assert!(waits.code() == Code::WriteInDoubt && waits.is_in_doubt(), "{waits}");
    assert!(doubt.read_back(|_| Ok::<_, String>(ReadBack::NotApplied)).unwrap().is_none());
    assert!(land.in_doubt().is_empty());
    deliver(&land, &nodes, &[1, 2]);
    assert_eq!(run.finish().unwrap().status, Status::Completed);
    assert_eq!((lab.count(Kind::SinkReceipt), lab.count(Kind::SinkIntent), lab.count(Kind::TokenOutcome)), (1, 2, 2));
    let found = lab.of(Kind::SinkAnswered).into_iter().find_map(|r| r.body.text(Key::ReadBack).map(str::to_owned));
    assert_eq!(found.as_deref(), Some("not_applied"));
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn l10_a_write_that_the_sink_has_is_finalised_without_a_second_one() {
    let lab = Lab::new();
    let (run, land, _) = in_flight(&lab);
    let doubt = land.in_doubt().pop().unwrap();
    let receipt =
        doubt.read_back(|doubt| Ok::<_, String>(ReadBack::Applied(doubt.content().clone()))).unwrap().unwrap();
    receipt.artifact("part-0", "part-0.csv", content(), 5).unwrap();
    assert_eq!(receipt.deliver().unwrap().tokens(), 2);
    assert_eq!(run.finish().unwrap().status, Status::Completed);
    assert_eq!((lab.count(Kind::SinkIntent), lab.count(Kind::SinkReceipt), lab.count(Kind::TokenOutcome)), (1, 1, 2));
    for outcome in lab.of(Kind::TokenOutcome) {
        assert_eq!(visits(&lab, outcome.header.subject).len(), 2, "a lost visit, and the one that is COMPLETED");
    }
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn l10_what_nobody_can_tell_stops_and_its_successors_wait() {
    let lab = Lab::new();
    let (run, land, nodes) = in_flight(&lab);
    let records = lab.records().len();
    let other = ReadBack::Applied(digest_bytes(Scope::Bytes, b"something else"));
    for found in [Ok(ReadBack::Unknown), Ok(other), Err("no route".to_owned())] {
        let error = land.in_doubt().pop().unwrap().read_back(|_| found).unwrap_err();
        assert_eq!(error.code(), Code::WriteInDoubt);
    }
    assert_eq!(lab.records().len(), records, "it stays as it is");
    let successor = row(&land, &nodes, 3).enter(nodes.out).unwrap();
    let rejected = land.prepare(nodes.out, "part-1", content(), vec![successor]).unwrap_err();
    assert_eq!(rejected.error.code(), Code::WriteInDoubt);
    let elsewhere = write(&land, nodes.bad, vec![row(&land, &nodes, 4)], Ok(()), Ok(()));
    elsewhere.unwrap().deliver().unwrap();
    let unfinished = run.finish().unwrap_err();
    assert_eq!(unfinished.error.code(), Code::RunHasOpenWork);
    let id = unfinished.run.id();
    unfinished.run.interrupt("the sink cannot be read").unwrap();
    drop((rejected, land));
    let (run, land, nodes) = lab.resume(id);
    let doubt = land.in_doubt().pop().expect("it is still in doubt");
    assert!(doubt.read_back(|_| Ok::<_, String>(ReadBack::NotApplied)).unwrap().is_none());
    deliver(&land, &nodes, &[1, 2, 3]);
    assert_eq!(run.finish().unwrap().status, Status::Completed);
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn l35_a_durable_write_gets_its_outcomes_once_and_is_not_driven_again() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let receipt = write(&land, nodes.out, vec![row(&land, &nodes, 1), row(&land, &nodes, 2)], Ok(()), Ok(())).unwrap();
    let (id, durable) = (run.id(), receipt.id());
    run.interrupt("between receipt and outcome").unwrap();
    drop((receipt, land));
    assert_eq!(lab.count(Kind::TokenOutcome), 0, "behind its end nothing is said of the run's tokens");
    let (run, land, nodes) = lab.resume(id);
    assert_eq!(lab.count(Kind::TokenOutcome), 2);
    for n in [1, 2] {
        assert!(matches!(
            land.row_again(nodes.source, &n.to_string(), &n).unwrap(),
            audit_runtime::landscape::Again::Done
        ));
    }
    let receipt = land.receipts_again().pop().unwrap();
    assert_eq!(receipt.id(), durable);
    receipt.artifact("part-0", "part-0.csv", content(), 5).unwrap();
    receipt.deliver().unwrap().checkpoint("row 2").unwrap();
    assert_eq!(run.finish().unwrap().status, Status::Completed);
    assert_eq!((lab.count(Kind::SinkIntent), lab.count(Kind::SinkReceipt), lab.count(Kind::TokenOutcome)), (1, 1, 2));
    assert_eq!(lab.of(Kind::RunResumed)[0].body.uint(Key::Redriven), Some(0));
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn l35_a_receipt_whose_outcomes_a_resume_recorded_is_given_again_until_a_checkpoint_stands_behind_it() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let receipt = write(&land, nodes.out, vec![row(&land, &nodes, 1)], Ok(()), Ok(())).unwrap();
    let (id, durable) = (run.id(), receipt.id());
    run.interrupt("between receipt and outcome").unwrap();
    drop((receipt, land));
    for died_behind in ["the outcomes", "the artifact"] {
        let (run, land, _) = lab.resume(id);
        assert_eq!(lab.count(Kind::TokenOutcome), 1, "recorded by the first resume alone");
        let receipt = land.receipts_again().pop().unwrap_or_else(|| panic!("no receipt behind {died_behind}"));
        assert_eq!(receipt.id(), durable);
        if died_behind == "the artifact" {
            receipt.artifact("part-0", "part-0.csv", content(), 5).unwrap();
        }
        run.interrupt(&format!("behind {died_behind}")).unwrap();
    }
    let (run, land, _) = lab.resume(id);
    let receipt = land.receipts_again().pop().expect("no checkpoint stands behind it");
    receipt.artifact("part-0", "part-0.csv", content(), 5).unwrap();
    assert_eq!(lab.count(Kind::Artifact), 1, "the same artifact");
    receipt.deliver().unwrap().checkpoint("row 1").unwrap();
    run.interrupt("behind the checkpoint").unwrap();
    drop(land);
    let (run, land, _) = lab.resume(id);
    assert!(land.receipts_again().is_empty(), "its owner has gone on");
    assert_eq!(run.finish().unwrap().status, Status::Completed);
    assert_eq!((lab.count(Kind::SinkReceipt), lab.count(Kind::TokenOutcome)), (1, 1));
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn l35_storage_that_fails_only_for_the_outcome_of_a_durable_write_leaves_one_outcome_and_one_write() {
    let (lab, storage) = faulty();
    let (run, land, nodes) = lab.begin();
    let receipt = write(&land, nodes.out, vec![row(&land, &nodes, 1)], Ok(()), Ok(())).unwrap();
    let (id, durable) = (run.id(), receipt.id());
    storage.plan(Fault::from(Operation::Write, storage.count(Operation::Write) + 1, Effect::Failed(ErrorKind::Other)));
    storage.plan(Fault::from(Operation::Sync, storage.count(Operation::Sync) + 1, Effect::Failed(ErrorKind::Other)));
    receipt.deliver().and_then(|delivered| delivered.checkpoint("row 1")).unwrap_err();
    drop((run, land));
    storage.mend();
    assert_eq!(lab.count(Kind::TokenOutcome), 0, "the outcome did not reach the device");
    let recorder = audit_runtime::open(lab.dir.path().join("trail")).unwrap();
    let lab = Lab { recorder, dir: lab.dir };
    let (run, land, nodes) = lab.resume(id);
    assert!(matches!(land.row_again(nodes.source, "1", &1).unwrap(), audit_runtime::landscape::Again::Done));
    assert!(land.in_doubt().is_empty());
    assert_eq!(run.finish().unwrap().status, Status::Completed);
    let outcomes = lab.of(Kind::TokenOutcome);
    assert_eq!(outcomes.iter().filter_map(|outcome| outcome.body.id(Key::Receipt)).collect::<Vec<_>>(), [durable]);
    assert_eq!((lab.count(Kind::SinkIntent), lab.count(Kind::SinkReceipt), lab.sweep()), (1, 1, Vec::new()));
}

#[test]
fn l11_an_artifact_of_an_earlier_process_keeps_its_key() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let receipt = write(&land, nodes.out, vec![row(&land, &nodes, 1)], Ok(()), Ok(())).unwrap();
    let first = receipt.artifact("k", "a.csv", content(), 5).unwrap();
    receipt.deliver().unwrap();
    let id = run.id();
    run.interrupt("a stop").unwrap();
    drop(land);
    let (run, land, nodes) = lab.resume(id);
    let receipt = write(&land, nodes.out, vec![row(&land, &nodes, 2)], Ok(()), Ok(())).unwrap();
    assert_eq!(receipt.artifact("k", "a.csv", content(), 5).unwrap(), first);
    let other = digest_bytes(Scope::Bytes, b"two");
    assert_eq!(receipt.artifact("k", "a.csv", other, 5).unwrap_err().code(), Code::ArtifactDiffers);
    receipt.deliver().unwrap();
    run.finish().unwrap();
    assert_eq!((lab.count(Kind::Artifact), lab.sweep()), (1, Vec::new()));
}
