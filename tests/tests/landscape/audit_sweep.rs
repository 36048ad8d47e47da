//! The index that is made from the journal, and the questions that are asked of it.

use super::trail::{Lab, row, write};
use audit_runtime::landscape::CallKind;
use audit_runtime::model::Kind;
use audit_runtime::{Id, Status};
use std::num::NonZeroU32;

#[test]
fn q6_an_index_caught_up_in_pieces_equals_a_scan() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let layout = audit_runtime::journal::Layout::at(lab.dir.path().join("trail"));
    let dump = |index: &audit_runtime::index::Index| {
        let mut out = Vec::new();
        audit_runtime::index::dump(index, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    for n in 0..20 {
        let visit = row(&land, &nodes, n).enter(nodes.clean).unwrap();
        let call = visit.call(CallKind::Http, "example.org", &n).unwrap();
        let index = audit_runtime::index::Index::open(&layout, &mut |_| {}).unwrap();
        drop(index);
        call.answered(&n).unwrap();
        let token = visit.complete().unwrap();
        let children = token.expand(NonZeroU32::new(2).unwrap()).unwrap();
        write(&land, nodes.out, children, Ok(()), Ok(())).unwrap().deliver().unwrap();
    }
    run.finish().unwrap();
    lab.recorder.close().unwrap();
    let opened = dump(&audit_runtime::index::Index::open(&layout, &mut |_| {}).unwrap());
    assert_eq!(opened, dump(&audit_runtime::index::Index::scan(&layout, &mut |_| {}).unwrap()));
    for (table, rows) in [("tokens", 60), ("token_parents", 40), ("outcomes", 60), ("calls", 20), ("rows", 20)] {
        let needle = format!("\"table\":\"{table}\"");
        assert_eq!(opened.matches(&needle).count(), rows, "{table}");
    }
}

#[test]
fn work_that_a_dead_process_left_is_ended_and_its_draft_batch_stands() {
    let lab = Lab::new();
    let path = lab.dir.path().join("trail");
    let (run, land, nodes) = lab.begin();
    let visit = row(&land, &nodes, 1).enter(nodes.clean).unwrap();
    let call = visit.call(CallKind::Http, "example.org", &1).unwrap();
    let operation = land.operation(nodes.source, "load").unwrap();
    let draft = land.batch(nodes.agg).unwrap();
    let mut released = land.batch(nodes.agg).unwrap();
    released.add(row(&land, &nodes, 2)).unwrap();
    let released = released.release(audit_runtime::landscape::Trigger::Count).unwrap();
    // The stream ends with all of this open, as a process does that is killed after its last record.
    lab.recorder.close().unwrap();
    let again = audit_runtime::open(&path).unwrap();
    drop((call, visit, operation, draft, released, run));
    let ended = |kind: Kind| -> Vec<(Id, Status)> {
        lab.of(kind).iter().map(|record| (record.header.subject, record.header.status)).collect()
    };
    for kind in [Kind::CallClosed, Kind::OperationClosed, Kind::BatchClosed, Kind::RunEnded] {
        let ended = ended(kind);
        assert!(matches!(ended.as_slice(), [(_, Status::Abandoned)]), "{}: {ended:?}", kind.name());
    }
    assert_eq!(lab.count(Kind::BatchDrafted), 2, "one of the two batches was in DRAFT, and still is");
    assert_eq!(again.recovered().streams.len(), 1);
    assert_eq!(lab.sweep(), Vec::<String>::new());
}
