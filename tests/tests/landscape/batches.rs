//! Batches: gathered, released, consumed in one record; failed and tried again.

use super::trail::{Lab, row};
use audit_runtime::landscape::Trigger;
use audit_runtime::model::{Key, Kind};
use audit_runtime::{Code, Status};

#[test]
fn l1_l15_l41_a_released_batch_consumes_its_members_and_mints_its_outputs() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let mut batch = land.batch(nodes.agg).unwrap();
    for n in 0..3 {
        batch.add(row(&land, &nodes, n)).unwrap();
    }
    let outputs = batch.release(Trigger::Count).unwrap().complete(1, &"sum").unwrap();
    assert_eq!(outputs.len(), 1);
    for output in outputs {
        output.filtered().unwrap();
    }
    assert_eq!(run.finish().unwrap().status, Status::Completed);
    assert_eq!(lab.of(Kind::BatchExecuting)[0].body.text(Key::Trigger), Some("count"));
    assert_eq!(lab.count(Kind::BatchMember), 3);
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn l12_an_output_that_cannot_be_digested_fails_state_batch_and_members() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let mut batch = land.batch(nodes.agg).unwrap();
    batch.add(row(&land, &nodes, 1)).unwrap();
    batch.add(row(&land, &nodes, 2)).unwrap();
    let error = batch.release(Trigger::Age).unwrap().complete(1, &f64::NAN).unwrap_err();
    assert_eq!(error.code(), Code::NotDigestible);
    assert_eq!(run.finish().unwrap().status, Status::Failed);
    let closed = &lab.of(Kind::BatchClosed)[0];
    assert_eq!((closed.header.status, lab.of(Kind::StateClosed)[0].header.status), (Status::Failed, Status::Failed));
    assert_eq!(closed.body.get(Key::Parents).and_then(|list| list.as_array()).map(<[_]>::len), Some(2));
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn l14_a_failed_batch_is_tried_again_with_the_same_members() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let mut batch = land.batch(nodes.agg).unwrap();
    let first = batch.id();
    batch.add(row(&land, &nodes, 1)).unwrap();
    batch.add(row(&land, &nodes, 2)).unwrap();
    let again = batch.release(Trigger::Condition).unwrap().fail("busy").unwrap().retry().unwrap();
    assert_eq!((again.attempt(), again.len()), (1, 2));
    again.release(Trigger::Condition).unwrap().complete(0, &()).unwrap();
    run.finish().unwrap();
    let drafted = lab.of(Kind::BatchDrafted);
    assert_eq!((drafted.len(), drafted[1].body.id(Key::RetryOf)), (2, Some(first)));
    let statuses: Vec<_> = lab.of(Kind::BatchClosed).iter().map(|record| record.header.status).collect();
    assert_eq!(statuses, [Status::Failed, Status::Completed]);
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn l31_dropped_batches_leave_no_member_without_an_outcome() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let mut draft = land.batch(nodes.agg).unwrap();
    draft.add(row(&land, &nodes, 1)).unwrap();
    let empty = land.batch(nodes.agg).unwrap();
    let refused = empty.release(Trigger::EndOfSource).unwrap_err();
    assert_eq!(refused.error.code(), Code::EmptyGroup);
    drop(refused);
    let unfinished = run.finish().unwrap_err();
    drop(draft);
    let mut released = land.batch(nodes.agg).unwrap();
    released.add(row(&land, &nodes, 2)).unwrap();
    drop(released.release(Trigger::EndOfSource).unwrap());
    let mut failed = land.batch(nodes.agg).unwrap();
    failed.add(row(&land, &nodes, 3)).unwrap();
    drop(failed.release(Trigger::EndOfSource).unwrap().fail("no").unwrap());
    assert_eq!(unfinished.run.finish().unwrap().status, Status::Failed);
    assert_eq!(lab.sweep(), Vec::<String>::new());
}
