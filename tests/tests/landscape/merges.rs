//! Merges: each policy, branches that are lost, tokens that come late.

use super::trail::{Lab, Nodes, row, write};
use audit_runtime::landscape::{Arrival, Join, Landscape, Policy, Token, WaitOver};
use audit_runtime::model::{Key, Kind};
use audit_runtime::{Code, Status};

fn three(land: &Landscape, nodes: &Nodes) -> [Token; 3] {
    row(land, nodes, 1).fork(["a", "b", "c"]).unwrap()
}

fn held(join: &mut Join, token: Token) {
    assert!(matches!(join.arrive(token).unwrap(), Arrival::Held));
}

fn merged(arrival: Arrival) -> Token {
    match arrival {
        Arrival::Merged(token) => token,
        other => panic!("{other:?}"),
    }
}

/// Texts of the contexts that the closed states keep.
fn contexts(lab: &Lab) -> Vec<String> {
    lab.of(Kind::StateClosed).iter().filter_map(|r| Some(format!("{:?}", r.body.get(Key::ContextAfter)?))).collect()
}

#[test]
fn l18_each_policy_merges_exactly_at_its_threshold() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    for (policy, needed) in
        [(Policy::RequireAll, 3), (Policy::Quorum(2), 2), (Policy::First, 1), (Policy::BestEffort, 3)]
    {
        let mut join = land.join(nodes.merge, policy, &["a", "b", "c"]).unwrap();
        let mut waiting = Vec::from(three(&land, &nodes));
        for _ in 1..needed {
            held(&mut join, waiting.remove(1));
        }
        let token = merged(join.arrive(waiting.remove(0)).unwrap());
        assert!(token.row().is_some(), "all parents are of one row");
        for late in waiting {
            assert!(matches!(join.arrive(late).unwrap(), Arrival::Late));
        }
        write(&land, nodes.out, vec![token], Ok(()), Ok(())).unwrap().deliver().unwrap();
    }
    run.finish().unwrap();
    let sizes: Vec<_> = lab
        .of(Kind::TokensCoalesced)
        .iter()
        .map(|record| record.body.get(Key::Parents).and_then(|list| list.as_array()).unwrap().len())
        .collect();
    assert_eq!(sizes, [3, 2, 1, 3]);
    let contexts = contexts(&lab);
    assert_eq!(contexts.len(), 9, "each consumed state");
    assert!(
        contexts.iter().all(|c| ["policy", "expected", "arrived", "waited_ns"].iter().all(|name| c.contains(name)))
    );
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn l17_a_lost_branch_fails_the_held_siblings_at_once() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let [a, b, c] = three(&land, &nodes);
    let mut join = land.join(nodes.merge, Policy::RequireAll, &["a", "b", "c"]).unwrap();
    held(&mut join, a);
    held(&mut join, b);
    c.fail("broken").unwrap();
    assert!(join.lose("c").unwrap().is_none());
    assert_eq!(run.finish().unwrap().status, Status::Failed);
    let closed = lab.of(Kind::StateClosed);
    assert_eq!(closed.len(), 2);
    for record in closed {
        assert_eq!(record.header.status, Status::Failed);
        let error = record.body.text(Key::Error).unwrap();
        for part in ["a branch was lost", "require_all", "expected a, b, c", "arrived a, b"] {
            assert!(error.contains(part), "{part} in {error}");
        }
    }
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn l19_a_token_that_comes_late_is_failed_and_the_merge_is_untouched() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let [a, b, c] = three(&land, &nodes);
    let mut join = land.join(nodes.merge, Policy::Quorum(2), &["a", "b", "c"]).unwrap();
    held(&mut join, a);
    merged(join.arrive(b).unwrap()).filtered().unwrap();
    let late = c.id();
    assert!(matches!(join.arrive(c).unwrap(), Arrival::Late));
    assert!(join.end(WaitOver::Timeout).unwrap().is_none());
    run.finish().unwrap();
    assert_eq!(lab.of(Kind::StateClosed).pop().unwrap().body.text(Key::ErrorCode), Some("late_arrival"));
    assert_eq!((lab.outcomes(late)[0].path(), lab.count(Kind::TokensCoalesced)), ("unrouted", 1));
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn l33_what_is_not_met_when_the_wait_is_over_fails_and_best_effort_takes_what_is_there() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    for (policy, wait) in [(Policy::RequireAll, WaitOver::Timeout), (Policy::Quorum(2), WaitOver::EndOfSource)] {
        let [a, b, c] = three(&land, &nodes);
        let mut join = land.join(nodes.merge, policy, &["a", "b", "c"]).unwrap();
        let id = a.id();
        held(&mut join, a);
        assert!(join.end(wait).unwrap().is_none());
        assert_eq!(lab.outcomes(id)[0].path(), "unrouted");
        b.filtered().unwrap();
        c.filtered().unwrap();
    }
    let [a, b, c] = three(&land, &nodes);
    let mut join = land.join(nodes.merge, Policy::BestEffort, &["a", "b", "c"]).unwrap();
    held(&mut join, a);
    join.end(WaitOver::Timeout).unwrap().expect("what is there").filtered().unwrap();
    b.filtered().unwrap();
    c.filtered().unwrap();
    run.finish().unwrap();
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn l20_a_dropped_merge_fails_what_waits_and_strangers_are_refused() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let [a, b, c] = three(&land, &nodes);
    let mut join = land.join(nodes.merge, Policy::RequireAll, &["a", "b"]).unwrap();
    held(&mut join, a);
    let stranger = join.arrive(c).unwrap_err();
    assert_eq!(stranger.error.code(), Code::WrongNode);
    let plain = join.arrive(row(&land, &nodes, 2)).unwrap_err();
    assert_eq!(plain.error.code(), Code::WrongNode);
    drop((join, stranger, plain));
    b.filtered().unwrap();
    run.finish().unwrap();
    let closed = lab.of(Kind::StateClosed);
    assert_eq!((closed.len(), closed[0].header.status), (1, Status::Failed));
    assert_eq!(lab.sweep(), Vec::<String>::new());
    assert_eq!(land.join(nodes.merge, Policy::Quorum(3), &["a", "b"]).unwrap_err().code(), Code::EmptyGroup);
    assert_eq!(land.join(nodes.out, Policy::First, &["a"]).unwrap_err().code(), Code::WrongNode);
}
