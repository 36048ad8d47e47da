//! A run that is resumed: what has an outcome is left alone, what has none is given back, and the trail says all of it.

use super::trail::{Lab, Nodes, row, write};
use audit_runtime::landscape::{Again, Arrival, Join, Landscape, Origin, Policy, Token, Trigger};
use audit_runtime::model::{Key, Kind, Record};
use audit_runtime::{Id, Status};
use std::num::NonZeroU32;

/// The tokens of row `n` that are on their way.
pub fn open(land: &Landscape, nodes: &Nodes, n: u32) -> Vec<Token> {
    match land.row_again(nodes.source, &n.to_string(), &n).expect("the row is known") {
        Again::Open(tokens) => tokens,
        other => panic!("{other:?}"),
    }
}

fn is_done(land: &Landscape, nodes: &Nodes, n: u32) -> bool {
    matches!(land.row_again(nodes.source, &n.to_string(), &n).expect("the row is known"), Again::Done)
}

fn one(mut tokens: Vec<Token>) -> Token {
    assert_eq!(tokens.len(), 1, "{tokens:?}");
    tokens.remove(0)
}

/// The openings of a token's visits, as attempt and mark.
pub fn visits(lab: &Lab, token: Id) -> Vec<(u32, Option<Id>)> {
    let of = |record: &Record| record.body.id(Key::Token) == Some(token);
    let opened = lab.of(Kind::StateOpened).into_iter().filter(of);
    opened.map(|record| (record.header.attempt, record.body.id(Key::Resume))).collect()
}

/// Rows, successes, failures and replaced tokens, as the run's last record counts them.
pub fn tally(lab: &Lab) -> Vec<(String, u64)> {
    let record = lab.of(Kind::RunEnded).pop().expect("the run has ended");
    let pairs = record.body.get(Key::Counts).and_then(|counts| counts.as_map()).expect("counts").to_vec();
    let pair = |(name, n): &(_, _)| Some((audit_text(name)?, audit_uint(n)?));
    pairs.iter().filter_map(pair).collect()
}

fn audit_text(value: &audit_runtime::model::cbor::Value) -> Option<String> {
    value.as_text().map(str::to_owned)
}

fn audit_uint(value: &audit_runtime::model::cbor::Value) -> Option<u64> {
    value.as_uint()
}

fn merged(join: &mut Join, token: Token) -> Token {
    match join.arrive(token).expect("it arrives") {
        Arrival::Merged(token) => token,
        other => panic!("{other:?}"),
    }
}

/// A row whose branch `left` has ended, while `right` is in the middle of a visit.
fn half_a_fork(land: &Landscape, nodes: &Nodes) -> (Id, audit_runtime::landscape::Visit) {
    let [left, right] = row(land, nodes, 1).fork(["left", "right"]).unwrap();
    left.filtered().unwrap();
    let right_id = right.id();
    (right_id, right.enter(nodes.clean).unwrap())
}

#[test]
fn l27_only_the_missing_child_is_driven() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    row(&land, &nodes, 0).filtered().unwrap();
    let (right, visit) = half_a_fork(&land, &nodes);
    let id = run.id();
    run.interrupt("a stop").unwrap();
    drop((visit, land));
    let (run, land, nodes) = lab.resume(id);
    assert!(is_done(&land, &nodes, 0));
    let token = one(open(&land, &nodes, 1));
    assert_eq!((token.id(), token.branch(), token.origin()), (right, Some("right"), Origin::Branch));
    assert!(token.is_again() && !token.has_completed(nodes.clean));
    token.enter(nodes.clean).unwrap().complete().unwrap().filtered().unwrap();
    let Again::New(fresh) = land.row_again(nodes.source, "2", &2).unwrap() else { panic!("a new row") };
    fresh.enter(nodes.clean).unwrap().complete().unwrap().filtered().unwrap();
    let mark = land.resume();
    assert_eq!(run.finish().unwrap().status, Status::Completed);
    assert_eq!(visits(&lab, right), [(0, None), (1, mark)]);
    assert_eq!(lab.count(Kind::RowRead), 3);
    let (told, journey) = (lab.explain(id.0), lab.explain(right));
    assert!(told.contains("It was INTERRUPTED and was resumed") && told.contains("1 token driven again"), "{told}");
    assert!(journey.contains("attempt 1, driven again by the resume"), "{journey}");
    let count = |name: &str| tally(&lab).into_iter().find(|(known, _)| known == name).map(|(_, n)| n);
    assert_eq!(["rows", "success", "failure", "replaced"].map(count), [3, 4, 0, 1].map(Some));
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn l37_one_record_says_that_the_run_goes_on_before_anything_is_driven_again() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    write(&land, nodes.out, vec![row(&land, &nodes, 7)], Ok(()), Ok(())).unwrap().deliver().unwrap();
    let receipt = write(&land, nodes.out, vec![row(&land, &nodes, 8)], Ok(()), Ok(())).unwrap();
    let checkpoint = receipt.deliver().unwrap().checkpoint("row 8").unwrap();
    let (_, visit) = half_a_fork(&land, &nodes);
    let id = run.id();
    run.fail("it broke").unwrap();
    drop((visit, land));
    assert_eq!(lab.sweep(), ["S1"], "a failed run names what it left");
    let again = lab.recorder.resume_run(id).unwrap();
    assert_eq!(lab.count(Kind::RunResumed), 0, "nothing before the graph is declared again");
    let (land, nodes) = Lab::declare(&again).unwrap();
    one(open(&land, &nodes, 1)).enter(nodes.clean).unwrap().complete().unwrap().filtered().unwrap();
    again.finish().unwrap();
    let records = lab.records();
    let resumed: Vec<_> = records.iter().filter(|(_, record)| record.header.kind == Kind::RunResumed).collect();
    let [(place, record)] = resumed.as_slice() else { panic!("{} records", resumed.len()) };
    assert_eq!((record.header.subject, record.header.attempt), (id.0, 1));
    assert_eq!(record.body.text(Key::PriorStatus), Some("FAILED"));
    assert_eq!(record.body.id(Key::Checkpoint), Some(checkpoint));
    assert_eq!(record.body.uint(Key::Redriven), Some(1));
    assert!(record.body.text(Key::Actor).is_some_and(|actor| !actor.is_empty()));
    let driven = records.iter().find(|(_, record)| record.body.id(Key::Resume).is_some()).map(|(seq, _)| *seq);
    assert!(driven.is_some_and(|driven| driven > *place), "{driven:?} behind {place}");
    assert_eq!(lab.end().0, Status::Completed);
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn l36_only_the_missing_children_of_an_expansion_are_driven() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let children = row(&land, &nodes, 1).expand(NonZeroU32::new(3).unwrap()).unwrap();
    let [first, second, third] = <[Token; 3]>::try_from(children).unwrap();
    second.filtered().unwrap();
    let id = run.id();
    run.interrupt("between the children").unwrap();
    drop((first, third, land));
    let (run, land, nodes) = lab.resume(id);
    let tokens = open(&land, &nodes, 1);
    assert_eq!(tokens.iter().map(Token::origin).collect::<Vec<_>>(), [Origin::Child(0), Origin::Child(2)]);
    tokens.into_iter().for_each(|token| token.filtered().unwrap());
    run.finish().unwrap();
    assert_eq!((lab.count(Kind::TokenExpanded), lab.count(Kind::TokenOutcome)), (1, 3));
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn l28_a_held_branch_waits_again_and_the_merge_takes_place_once() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let [left, right] = row(&land, &nodes, 1).fork(["left", "right"]).unwrap();
    let left = left.enter(nodes.clean).unwrap().complete().unwrap();
    let held = left.id();
    let mut join = land.join(nodes.merge, Policy::RequireAll, &["left", "right"]).unwrap();
    assert!(matches!(join.arrive(left).unwrap(), Arrival::Held));
    let id = run.id();
    run.interrupt("one branch waits").unwrap();
    drop((join, right, land));
    let (run, land, nodes) = lab.resume(id);
    let mut join = land.join(nodes.merge, Policy::RequireAll, &["left", "right"]).unwrap();
    let [left, right] = <[Token; 2]>::try_from(open(&land, &nodes, 1)).unwrap();
    assert!(left.has_completed(nodes.clean) && !left.has_completed(nodes.merge) && !right.has_completed(nodes.clean));
    assert!(matches!(join.arrive(left).unwrap(), Arrival::Held));
    let token = merged(&mut join, right.enter(nodes.clean).unwrap().complete().unwrap());
    write(&land, nodes.out, vec![token], Ok(()), Ok(())).unwrap().deliver().unwrap();
    let mark = land.resume();
    run.finish().unwrap();
    assert_eq!(visits(&lab, held), [(0, None), (0, None), (1, mark)], "clean, a hold, and a hold again");
    assert_eq!(lab.count(Kind::TokensCoalesced), 1);
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn l28_a_branch_that_ended_before_the_resume_is_lost_to_the_merge() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let [left, right] = row(&land, &nodes, 1).fork(["left", "right"]).unwrap();
    left.fail("broken").unwrap();
    let id = run.id();
    run.interrupt("one branch is lost").unwrap();
    drop((right, land));
    let (run, land, nodes) = lab.resume(id);
    let mut join = land.join(nodes.merge, Policy::RequireAll, &["left", "right"]).unwrap();
    drop(join.arrive(one(open(&land, &nodes, 1))).unwrap());
    assert_eq!(run.finish().unwrap().status, Status::Failed);
    let closed = lab.of(Kind::StateClosed).pop().unwrap();
    assert!(closed.body.text(Key::Error).unwrap().contains("a branch was lost"), "{closed:?}");
    assert_eq!((lab.count(Kind::TokensCoalesced), lab.sweep()), (0, Vec::<String>::new()));
}

#[test]
fn l34_a_batch_in_draft_goes_on_with_its_members_and_its_age() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let mut batch = land.batch(nodes.agg).unwrap();
    (1..=3).for_each(|n| batch.add(row(&land, &nodes, n)).unwrap());
    let (id, drafted, age) = (run.id(), batch.id(), batch.age());
    run.interrupt("3 of 5").unwrap();
    drop((batch, land));
    assert_eq!(lab.count(Kind::BatchClosed), 0, "it outlives its process");
    let (run, land, nodes) = lab.resume(id);
    assert!((1..=3).all(|n| is_done(&land, &nodes, n)), "they wait in the batch");
    let mut batches = land.batches_again(nodes.agg).unwrap();
    assert!(land.batches_again(nodes.agg).unwrap().is_empty());
    let mut batch = batches.pop().unwrap();
    assert_eq!((batches.len(), batch.id(), batch.len(), batch.attempt()), (0, drafted, 3, 0));
    assert!(batch.age() >= age);
    (4..=5).for_each(|n| match land.row_again(nodes.source, &n.to_string(), &n).unwrap() {
        Again::New(token) => batch.add(token).unwrap(),
        other => panic!("{other:?}"),
    });
    let outputs = batch.release(Trigger::Count).unwrap().complete(1, &"sum").unwrap();
    outputs.into_iter().for_each(|token| token.filtered().unwrap());
    run.finish().unwrap();
    let ordinals: Vec<_> = lab.of(Kind::BatchMember).iter().map(|r| r.body.uint(Key::Ordinal)).collect();
    assert_eq!(ordinals, [0, 1, 2, 3, 4].map(Some));
    assert_eq!(
        (lab.count(Kind::BatchDrafted), lab.count(Kind::BatchExecuting), lab.count(Kind::BatchClosed)),
        (1, 1, 1)
    );
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn a_batch_that_was_worked_on_is_tried_again_with_the_same_members() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let mut batch = land.batch(nodes.agg).unwrap();
    (1..=2).for_each(|n| batch.add(row(&land, &nodes, n)).unwrap());
    let executing = batch.release(Trigger::Count).unwrap();
    let id = run.id();
    run.interrupt("in the middle of the release").unwrap();
    drop((executing, land));
    let (run, land, nodes) = lab.resume(id);
    let batch = land.batches_again(nodes.agg).unwrap().pop().unwrap();
    assert_eq!((batch.len(), batch.attempt()), (2, 1));
    let output = one(batch.release(Trigger::Count).unwrap().complete(1, &"sum").unwrap());
    assert_eq!(output.origin(), Origin::Batch);
    let id = run.id();
    run.interrupt("an output on its way").unwrap();
    drop((output, land));
    let (run, land, _) = lab.resume(id);
    one(land.gathered_again().unwrap()).filtered().unwrap();
    run.finish().unwrap();
    let ended: Vec<_> = lab.of(Kind::BatchClosed).iter().map(|record| record.header.status).collect();
    assert_eq!(ended, [Status::Failed, Status::Completed]);
    assert_eq!(lab.count(Kind::RunResumed), 2);
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn a_row_that_its_source_refused_is_refused_again_without_a_second_note() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let told = land.quarantine(nodes.source, "1", &f64::NAN, "no number").unwrap();
    let id = run.id();
    run.interrupt("before its outcome").unwrap();
    drop((told, land));
    let (run, land, nodes) = lab.resume(id);
    let Again::Open(tokens) = land.quarantine_again(nodes.source, "1", &f64::NAN, "no number").unwrap() else {
        panic!("its token is on its way")
    };
    one(tokens).quarantined().unwrap();
    assert_eq!(run.finish().unwrap().status, Status::Failed);
    assert_eq!((lab.count(Kind::Note), lab.count(Kind::TokenOutcome), lab.count(Kind::RowRead)), (1, 1, 1));
    assert_eq!(lab.sweep(), Vec::<String>::new());
}
