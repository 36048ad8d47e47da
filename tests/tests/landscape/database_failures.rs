//! Storage that fails under a pipeline: what was not recorded is refused or in doubt, and never a success.

use super::trail::{Lab, row};
use audit_runtime::Status;
use audit_runtime::landscape::{Arrival, CallKind, Policy};
use audit_runtime::model::digest::{Scope, digest_bytes};
use audit_runtime::model::{Kind, Outcome};
use audit_runtime::trail::Trail;
use audit_testkit::{Effect, Fault, FaultyStorage, Operation};
use std::io::ErrorKind;
use std::num::NonZeroU32;
use std::sync::Arc;

pub fn faulty() -> (Lab, FaultyStorage) {
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

#[test]
fn l3_a_fork_or_expansion_whose_record_does_not_get_through_leaves_neither_children_nor_an_outcome() {
    type Replace = fn(audit_runtime::landscape::Token) -> Result<usize, audit_runtime::Error>;
    let forked: Replace = |token| Ok(token.fork(["left", "right"])?.len());
    let expanded: Replace = |token| Ok(token.expand(NonZeroU32::new(3).unwrap())?.len());
    for (replace, kind) in [(forked, Kind::TokenForked), (expanded, Kind::TokenExpanded)] {
        for effect in [Effect::Failed(ErrorKind::Other), Effect::FailedHalfway(ErrorKind::Other)] {
            let (lab, storage) = faulty();
            let (run, land, nodes) = lab.begin();
            let token = row(&land, &nodes, 1);
            let done = storage.count(Operation::Write);
            storage.plan(Fault::from(Operation::Write, done + 1, effect));
            let error = replace(token).unwrap_err();
            assert!(error.is_refused(), "{error}");
            drop(run);
            storage.mend();
            let _again = audit_runtime::open(lab.path()).unwrap();
            assert_eq!((lab.count(kind), lab.count(Kind::RowRead)), (0, 1), "{effect:?}");
            let conn = index_of(&lab);
            let count = |sql: &str| conn.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
            let (tokens, parents) = (count("SELECT count(*) FROM tokens"), count("SELECT count(*) FROM token_parents"));
            let replaced = count("SELECT count(*) FROM outcomes WHERE path IN ('fork_parent', 'expand_parent')");
            assert_eq!((tokens, parents, replaced), (1, 0, 0), "{effect:?}");
        }
    }
}

/// An index made from the journal, for plain SQL.
fn index_of(lab: &Lab) -> rusqlite::Connection {
    let copy = lab.dir.path().join("copy");
    FaultyStorage::copy(&lab.path(), &copy).unwrap();
    let layout = audit_runtime::journal::Layout::at(&copy);
    audit_runtime::index::rebuild(&layout, &mut |_| {}).unwrap();
    rusqlite::Connection::open(layout.index()).unwrap()
}

#[test]
fn l20_a_merge_whose_failure_cannot_be_recorded_escalates_and_its_held_entries_are_left_to_recovery() {
    let (lab, storage) = faulty();
    let (run, land, nodes) = lab.begin();
    let [a, b, c] = row(&land, &nodes, 1).fork(["a", "b", "c"]).unwrap();
    let mut join = land.join(nodes.merge, Policy::RequireAll, &["a", "b", "c"]).unwrap();
    for token in [a, b] {
        assert!(matches!(join.arrive(token).unwrap(), Arrival::Held));
    }
    c.filtered().unwrap();
    // Neither the journal nor the second sink takes a terminal any more.
    std::fs::remove_dir(lab.path().join("spool")).unwrap();
    std::fs::write(lab.path().join("spool"), b"").unwrap();
    for operation in [Operation::Write, Operation::Sync] {
        let done = storage.count(operation);
        storage.plan(Fault::from(operation, done + 1, Effect::Failed(ErrorKind::Other)));
    }
    let error = join.lose("c").unwrap_err();
    assert!(error.is_in_doubt(), "the failure reaches the caller: {error}");
    drop((join, run));
    assert!(lab.of(Kind::StateClosed).is_empty(), "nobody says how the held entries ended");
    storage.mend();
    std::fs::remove_file(lab.path().join("spool")).unwrap();
    let _again = audit_runtime::open(lab.path()).unwrap();
    let closed: Vec<Status> = lab.of(Kind::StateClosed).iter().map(|record| record.header.status).collect();
    assert_eq!(closed, [Status::Abandoned, Status::Abandoned], "recovery owns them");
    assert_eq!(lab.count(Kind::TokensCoalesced), 0);
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn l20_a_held_entry_that_is_dropped_closes_its_parked_guard() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let [a, b] = row(&land, &nodes, 1).fork(["a", "b"]).unwrap();
    let mut join = land.join(nodes.merge, Policy::RequireAll, &["a", "b"]).unwrap();
    assert!(matches!(join.arrive(a).unwrap(), Arrival::Held));
    drop((join, b));
    assert_eq!(run.finish().unwrap().status, Status::Failed);
    let closed = &lab.of(Kind::StateClosed)[0];
    assert_eq!((closed.header.status, closed.header.exit), (Status::Failed, audit_runtime::Exit::Cancelled));
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

/// Nothing of the host, of SQL or of a row.
#[track_caller]
fn says_nothing(error: &audit_runtime::Error, dir: &std::path::Path) {
    let text = format!("{error} {error:?}");
    for told in [&*dir.to_string_lossy(), "SELECT", "INSERT", "node_states", "canary"] {
        assert!(!text.contains(told), "{told} in {text}");
    }
}

#[test]
fn p16_errors_of_journal_and_index_name_no_path_no_statement_and_no_value() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("file"), b"canary").unwrap();
    std::fs::create_dir(at("full")).unwrap();
    std::fs::write(at("full").join("canary"), b"").unwrap();
    std::fs::create_dir(at("newer")).unwrap();
    std::fs::write(at("newer").join("format"), b"audit-trail 99\n").unwrap();
    for name in ["file", "full", "newer"] {
        says_nothing(&audit_runtime::open(at(name)).unwrap_err(), dir.path());
        says_nothing(&Trail::open(at(name)).unwrap_err(), dir.path());
    }
    says_nothing(&Trail::open(at("nothing")).unwrap_err(), dir.path());
    for operation in [Operation::Create, Operation::Write, Operation::Sync] {
        let storage = FaultyStorage::with(Fault::from(operation, 1, Effect::Failed(ErrorKind::StorageFull)));
        let path = at(&format!("faulty {operation:?}"));
        says_nothing(&audit_runtime::Builder::new(path).storage(Arc::new(storage)).open().unwrap_err(), dir.path());
    }
    let lab = Lab::with(|builder| builder.project(false));
    let (run, _land, _nodes) = lab.begin();
    run.finish().unwrap();
    lab.recorder.close().unwrap();
    let layout = audit_runtime::journal::Layout::at(lab.path());
    audit_runtime::index::rebuild(&layout, &mut |_| {}).unwrap();
    let plant = |sql: &str| rusqlite::Connection::open(layout.index()).unwrap().execute_batch(sql).unwrap();
    plant("UPDATE runs SET started_at = 'canary'");
    says_nothing(&Trail::open(lab.path()).unwrap().runs().unwrap_err(), lab.dir.path());
    plant("DROP TABLE node_states");
    says_nothing(&Trail::open(lab.path()).unwrap().sweep(None).unwrap_err(), lab.dir.path());
    plant("PRAGMA user_version = 99");
    says_nothing(&Trail::open(lab.path()).unwrap_err(), lab.dir.path());
}

#[test]
fn g17_work_that_succeeded_without_a_record_of_it_is_in_doubt_and_never_a_success() {
    let (lab, storage) = faulty();
    let (run, land, nodes) = lab.begin();
    let operation = land.operation(nodes.source, "load").unwrap();
    let visit = row(&land, &nodes, 1).enter(nodes.clean).unwrap();
    let done = storage.count(Operation::Write);
    storage.plan(Fault::from(Operation::Write, done + 1, Effect::Failed(ErrorKind::Other)));
    no_more_syncs(&storage);
    // Both bodies have done their work by now.
    let (of_operation, of_node) = (operation.complete().unwrap_err(), visit.complete().unwrap_err());
    assert!(of_operation.is_in_doubt() && !of_operation.is_refused(), "{of_operation}");
    assert!(of_node.is_in_doubt() && !of_node.is_refused(), "{of_node}");
    assert!(!lab.recorder.health().healthy);
    drop(run);
    drop(lab.recorder.close());
    storage.mend();
    let again = audit_runtime::open(lab.dir.path().join("trail")).unwrap();
    // The second sink kept what each of them came to, and the run's failure; the journal alone would have to call all
    // three unknown.
    assert_eq!(again.recovered().streams.iter().map(|stream| stream.placed).sum::<u64>(), 3);
    let ends = |kind: Kind| lab.of(kind).iter().map(|record| record.header.status).collect::<Vec<_>>();
    assert_eq!(
        (ends(Kind::OperationClosed), ends(Kind::StateClosed)),
        (vec![Status::Completed], vec![Status::Completed])
    );
    assert!(matches!(lab.end().0, Status::Failed | Status::Abandoned), "{:?}", lab.end());
}
