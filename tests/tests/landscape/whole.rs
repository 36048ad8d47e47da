//! One run with all that a landscape has: every outcome and path, every sort of work, retries, batches, merges, artifacts.

use super::trail::{Lab, row, write};
use audit_runtime::landscape::{Arrival, CallKind, Landscape, Mode, Node, Policy, SinkFailure, Token, Trigger};
use audit_runtime::model::digest::{Scope, digest_bytes};
use audit_runtime::{Id, Recorder, RunId, Status};
use std::num::NonZeroU32;

/// The run, and ids of what it made that have no token.
pub struct Whole {
    pub run: RunId,
    pub artifact: Id,
    pub rows: Vec<Id>,
}

fn reaches(land: &Landscape, sink: Node, token: Token) {
    write(land, sink, vec![token], Ok(()), Ok(())).unwrap().deliver().unwrap();
}

fn refused(land: &Landscape, sink: Node, token: Token) -> Token {
    match write(land, sink, vec![token], Err("full".to_owned()), Ok(())) {
        Err(SinkFailure::Sink { mut tokens, .. }) => tokens.pop().unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Tells the story.
pub fn tell(recorder: &Recorder) -> Whole {
    let (run, land, nodes) = Lab::begin_in(recorder);
    let mut rows = Vec::new();
    let mut next = |n: u32| {
        let token = row(&land, &nodes, n);
        rows.extend(token.row());
        token
    };
    // Retried, with calls, delivered, with an artifact and a checkpoint.
    let visit = next(1).enter(nodes.clean).unwrap();
    visit.call(CallKind::Http, "example.org", &1).unwrap().failed("busy").unwrap();
    let visit = visit.fail("busy").unwrap().enter(nodes.clean).unwrap();
    for n in 0..3 {
        visit.call(CallKind::Http, "example.org", &n).unwrap().answered(&n).unwrap();
    }
    let receipt = write(&land, nodes.out, vec![visit.complete_with(&1).unwrap(), next(2)], Ok(()), Ok(())).unwrap();
    let artifact = receipt.artifact("part-0", "part-0.csv", digest_bytes(Scope::Artifact, b"lines"), 5).unwrap();
    receipt.deliver().unwrap().checkpoint("line 2").unwrap();
    // Routed by a gate; discarded by one; dropped by a filter behind a node.
    let mut visit = next(3).enter(nodes.gate).unwrap();
    visit.route(Mode::Move, &["out"], &"cheap").unwrap();
    reaches(&land, nodes.out, visit.complete().unwrap());
    next(4).discarded().unwrap();
    next(5).enter(nodes.clean).unwrap().complete().unwrap().filtered().unwrap();
    // Forked and merged; forked into a delivery and an error route; expanded.
    let [a, b] = next(6).fork(["a", "b"]).unwrap();
    let mut join = land.join(nodes.merge, Policy::RequireAll, &["a", "b"]).unwrap();
    assert!(matches!(join.arrive(a).unwrap(), Arrival::Held));
    let Arrival::Merged(merged) = join.arrive(b).unwrap() else { panic!("merged") };
    reaches(&land, nodes.out, merged);
    let [left, right] = next(7).fork(["left", "right"]).unwrap();
    left.filtered().unwrap();
    reaches(&land, nodes.bad, right.enter(nodes.clean).unwrap().divert("error", "no such carrier").unwrap());
    for token in next(8).expand(NonZeroU32::new(2).unwrap()).unwrap() {
        token.filtered().unwrap();
    }
    // Failures: unrouted, quarantined with and without a sink, refused by a sink and taken by another one or discarded.
    next(9).enter(nodes.clean).unwrap().fail("no").unwrap().fail("no").unwrap();
    land.quarantine(nodes.source, "10", &f64::NAN, "not a number").unwrap().quarantined().unwrap();
    reaches(&land, nodes.bad, land.quarantine(nodes.source, "11", &11, "out of range").unwrap());
    refused(&land, nodes.out, next(12)).sink_discarded().unwrap();
    let fallen = refused(&land, nodes.out, next(13));
    reaches(&land, nodes.bad, fallen);
    // Gathered, released, consumed; failed and tried again.
    let mut batch = land.batch(nodes.agg).unwrap();
    batch.add(next(14)).unwrap();
    batch.add(next(15)).unwrap();
    for output in batch.release(Trigger::Count).unwrap().complete(1, &"sum").unwrap() {
        reaches(&land, nodes.out, output);
    }
    let mut batch = land.batch(nodes.agg).unwrap();
    batch.add(next(16)).unwrap();
    let again = batch.release(Trigger::EndOfSource).unwrap().fail("busy").unwrap().retry().unwrap();
    again.release(Trigger::EndOfSource).unwrap().complete(0, &()).unwrap();
    // Work without a token.
    let operation = land.operation(nodes.out, "commit").unwrap();
    operation.call(CallKind::Database, "orders", &()).unwrap().answered(&()).unwrap();
    operation.complete().unwrap();
    let id = run.id();
    assert_eq!(run.finish().unwrap().status, Status::CompletedWithFailures);
    Whole { run: id, artifact, rows }
}
