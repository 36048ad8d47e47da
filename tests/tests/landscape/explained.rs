//! What `explain` tells of tokens and rows.

use super::trail::{Lab, row, write};
use audit_runtime::Code;
use audit_runtime::landscape::{Arrival, CallKind, Mode, Policy, Trigger};
use audit_runtime::trail::Trail;

#[test]
fn q2_a_token_s_line_leads_back_through_merge_fork_and_batch_to_its_rows() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let first = row(&land, &nodes, 71);
    let second = row(&land, &nodes, 72);
    let mut visit = first.enter(nodes.gate).unwrap();
    visit.route(Mode::Move, &["clean"], &"dear").unwrap();
    visit.call(CallKind::Database, "orders", &1).unwrap().failed("gone away").unwrap();
    let mut batch = land.batch(nodes.agg).unwrap();
    batch.add(visit.complete().unwrap()).unwrap();
    batch.add(second).unwrap();
    let sum = batch.release(Trigger::EndOfSource).unwrap().complete(1, &2).unwrap().pop().unwrap();
    let [a, b] = sum.fork(["a", "b"]).unwrap();
    let mut join = land.join(nodes.merge, Policy::RequireAll, &["a", "b"]).unwrap();
    assert!(matches!(join.arrive(a).unwrap(), Arrival::Held));
    let Arrival::Merged(merged) = join.arrive(b).unwrap() else { panic!("merged") };
    let id = merged.id();
    write(&land, nodes.out, vec![merged], Ok(()), Ok(())).unwrap().deliver().unwrap();
    run.finish().unwrap();
    let told = lab.explain(id);
    for part in [
        "is the merge of",
        "is branch `a`",
        "is branch `b`",
        "came out of a batch of",
        "The row is `71` of `rows.csv`",
        "The row is `72` of `rows.csv`",
        "At `gate`",
        "It called database orders: ERROR",
        "gone away",
        "It was routed there: move",
        "Outcome: SUCCESS, coalesced, sink out",
        "TRANSIENT, batch_consumed",
        "TRANSIENT, fork_parent",
    ] {
        assert!(told.contains(part), "{part} in\n{told}");
    }
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn q1_a_row_with_two_ends_is_ambiguous_and_one_with_one_end_is_told() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let one = row(&land, &nodes, 1);
    let (single, plain) = (one.row().unwrap(), one.id());
    one.filtered().unwrap();
    let [left, right] = row(&land, &nodes, 2).fork(["left", "right"]).unwrap();
    let (double, ends) = (left.row().unwrap(), [left.id(), right.id()]);
    left.filtered().unwrap();
    right.fail("no").unwrap();
    run.finish().unwrap();
    assert!(lab.explain(single).contains("SUCCESS, filter_dropped"));
    assert!(lab.explain(plain).contains("SUCCESS, filter_dropped"));
    let trail = Trail::scan(lab.dir.path().join("trail")).unwrap();
    let error = trail.explain(&format!("{double:#}")).unwrap_err();
    assert_eq!(error.code(), Code::AmbiguousRow);
    assert!(ends.iter().all(|end| error.to_string().contains(&trail.short(*end))), "{error}");
}
