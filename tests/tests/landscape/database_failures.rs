//! Storage that fails under a pipeline: what was not recorded is refused or in doubt, and never a success.

use super::trail::{Lab, row};
use audit_runtime::Status;
use audit_runtime::landscape::CallKind;
use audit_runtime::model::digest::{Scope, digest_bytes};
use audit_runtime::model::{Kind, Outcome};
use audit_testkit::{Effect, Fault, FaultyStorage, Operation};
use std::io::ErrorKind;
use std::sync::Arc;

fn faulty() -> (Lab, FaultyStorage) {
    let dir = tempfile::tempdir().unwrap();
    let storage = FaultyStorage::new();
    let builder = audit_runtime::Builder::new(dir.path().join("trail")).storage(Arc::new(storage.clone()));
    let recorder = builder.open().unwrap();
    (Lab { dir, recorder }, storage)
}

/// From now on no sync succeeds.
fn no_more_syncs(storage: &FaultyStorage) {
    let done = storage.count(Operation::Sync);
    storage.plan(Fault::from(Operation::Sync, done + 1, Effect::Failed(ErrorKind::Other)));
}

#[test]
fn l8_a_receipt_that_cannot_be_made_durable_is_in_doubt_and_no_token_has_reached_the_sink() {
    let (lab, storage) = faulty();
    let (run, land, nodes) = lab.begin();
    let visit = row(&land, &nodes, 1).enter(nodes.out).unwrap();
    let prepared = land.prepare(nodes.out, "part-0", digest_bytes(Scope::Bytes, b"x"), vec![visit]).unwrap();
    let (written, ()) = prepared
        .write(|| -> Result<(), String> {
            no_more_syncs(&storage);
            Ok(())
        })
        .unwrap();
    let error = written.sync(|| Ok::<(), String>(())).unwrap().receipt().unwrap_err();
    assert!(error.is_in_doubt() && !error.is_refused(), "{error}");
    drop(run);
    storage.mend();
    let again = audit_runtime::open(lab.dir.path().join("trail")).unwrap();
    assert_eq!(again.recovered().streams.len(), 1);
    let closed = lab.of(Kind::StateClosed);
    assert!(matches!(closed.as_slice(), [state] if state.header.status != Status::Completed), "{closed:?}");
    let arrived = |outcome: &Outcome| outcome.name() == Some("SUCCESS");
    assert!(!lab.of(Kind::TokenOutcome).iter().filter_map(|record| Outcome::read(&record.body)).any(|o| arrived(&o)));
    assert_eq!((lab.count(Kind::Checkpoint), lab.count(Kind::Artifact)), (0, 0));
    assert!(matches!(lab.end().0, Status::Failed | Status::Abandoned));
}

#[test]
fn l3_l26_without_storage_a_call_and_a_fork_are_refused_and_the_token_comes_back() {
    let (lab, storage) = faulty();
    let (run, land, nodes) = lab.begin();
    let token = row(&land, &nodes, 1);
    let visit = row(&land, &nodes, 2).enter(nodes.clean).unwrap();
    no_more_syncs(&storage);
    let refused = visit.call(CallKind::Http, "example.org", &1).unwrap_err();
    assert!(refused.is_refused(), "the exchange does not begin: {refused}");
    let id = token.id();
    let rejected = token.fork(["left", "right"]).unwrap_err();
    assert!(rejected.error.is_refused(), "{}", rejected.error);
    assert_eq!((rejected.value.id(), lab.count(Kind::TokenForked)), (id, 0));
    drop((visit, rejected, run));
    storage.mend();
    let _again = audit_runtime::open(lab.dir.path().join("trail")).unwrap();
    assert!(lab.of(Kind::CallClosed).iter().all(|record| record.header.status == Status::Abandoned));
    assert!(lab.of(Kind::StateClosed).iter().all(|record| record.header.status != Status::Completed));
}

#[test]
fn d22_a_row_that_cannot_be_recorded_mints_no_token_and_the_source_stops() {
    let (lab, storage) = faulty();
    let (run, land, nodes) = lab.begin();
    row(&land, &nodes, 1).filtered().unwrap();
    let done = storage.count(Operation::Write);
    storage.plan(Fault::from(Operation::Write, done + 1, Effect::Failed(ErrorKind::StorageFull)));
    // A source that goes on asking gets the same answer: there is no token to send anywhere.
    for n in 2..6u64 {
        let error = land.row(nodes.source, &n.to_string(), &n).unwrap_err();
        assert!(error.is_refused() && !error.is_in_doubt(), "row {n}: {error}");
    }
    drop(run);
    storage.mend();
    let _again = audit_runtime::open(lab.dir.path().join("trail")).unwrap();
    assert_eq!(lab.count(Kind::RowRead), 1, "only the first row was read");
    assert!(matches!(lab.end().0, Status::Failed | Status::Abandoned));
}
