//! Batches: gathered, released, consumed in one record; failed and tried again.

use super::trail::{Lab, row};
use audit_runtime::clock::ManualClock;
use audit_runtime::landscape::{Batch, Trigger};
use audit_runtime::model::record::MAX_RECORD;
use audit_runtime::model::{Key, Kind, Record};
use audit_runtime::{Builder, Code, Id, Status};
use audit_testkit::{Effect, Fault, FaultyStorage, Operation};
use std::io::ErrorKind;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

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

/// A batch that could be gathered and never released would hold its tokens for ever.
#[test]
fn l41_a_batch_refuses_one_token_more_than_its_release_and_its_end_can_name() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let many = NonZeroU32::new(Batch::MOST as u32 + 1).unwrap();
    let mut tokens = row(&land, &nodes, 1).expand(many).unwrap();
    let surplus = tokens.pop().unwrap();
    let mut batch = land.batch(nodes.agg).unwrap();
    for token in tokens {
        batch.add(token).unwrap();
    }
    let refused = batch.add(surplus).unwrap_err();
    assert!(refused.error.is_capacity() && refused.error.code() == Code::RecordTooLarge, "{}", refused.error);
    assert!(refused.error.to_string().contains("release it"), "{}", refused.error);
    assert_eq!(lab.count(Kind::BatchMember), Batch::MOST, "nothing was written for it");
    let failed = batch.release(Trigger::Count).unwrap().fail("busy").unwrap();
    let again = failed.retry().unwrap();
    again.release(Trigger::Count).unwrap().complete(0, &()).unwrap();
    refused.value.filtered().unwrap();
    assert_eq!(run.finish().unwrap().status, Status::Completed);
    let members = |kind| {
        let named =
            |record: &Record| record.body.get(Key::Parents).and_then(|list| list.as_array()).map_or(0, <[_]>::len);
        lab.of(kind).iter().map(named).max()
    };
    for kind in [Kind::BatchDrafted, Kind::BatchExecuting, Kind::BatchClosed] {
        assert_eq!(members(kind), Some(Batch::MOST), "{}", kind.name());
    }
    // The control: with a tenth more, none of these records would fit.
    const { assert!(Batch::MOST * 11 / 10 * 30 > MAX_RECORD) };
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
    assert_eq!(drafted[1].header.attempt, 1);
    let members: Vec<_> = lab.of(Kind::BatchMember).iter().filter_map(|member| member.body.id(Key::Token)).collect();
    let copied = drafted[1].body.get(Key::Parents).and_then(|list| list.as_array()).unwrap();
    let copied: Vec<_> = copied.iter().filter_map(|item| Id::from_bytes(item.as_bytes()?)).collect();
    assert_eq!(copied, members, "the members are copied");
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

#[test]
fn l15_the_trigger_that_fired_stands_in_the_batch_s_record_and_age_fires_while_the_source_is_idle() {
    let clock = Arc::new(ManualClock::at(0));
    let lab = Lab::with(|builder| builder.clock(clock.clone()));
    let (run, land, nodes) = lab.begin();
    for trigger in [Trigger::Count, Trigger::Condition, Trigger::EndOfSource] {
        let mut batch = land.batch(nodes.agg).unwrap();
        batch.add(row(&land, &nodes, 1)).unwrap();
        batch.release(trigger).unwrap().complete(0, &()).unwrap();
    }
    let mut batch = land.batch(nodes.agg).unwrap();
    batch.add(row(&land, &nodes, 2)).unwrap();
    assert_eq!(batch.age(), Duration::ZERO);
    // Nothing comes any more; only time goes by.
    clock.advance(30_000_000_000);
    assert_eq!(batch.age(), Duration::from_secs(30));
    batch.release(Trigger::Age).unwrap().complete(0, &()).unwrap();
    run.finish().unwrap();
    let fired: Vec<_> =
        lab.of(Kind::BatchExecuting).iter().filter_map(|r| r.body.text(Key::Trigger).map(str::to_owned)).collect();
    assert_eq!(fired, ["count", "condition", "end_of_source", "age"]);
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

/// A batch is released, and from then on no sync succeeds; `spool` is where terminals go then.
fn completion_lost(spool: impl FnOnce(&std::path::Path, Builder) -> Builder) -> Lab {
    let storage = FaultyStorage::new();
    let dir = tempfile::tempdir().unwrap();
    let builder = Builder::new(dir.path().join("trail")).storage(Arc::new(storage.clone()));
    let recorder = spool(dir.path(), builder).open().unwrap();
    let lab = Lab { dir, recorder };
    let (run, land, nodes) = lab.begin();
    let mut batch = land.batch(nodes.agg).unwrap();
    batch.add(row(&land, &nodes, 1)).unwrap();
    let released = batch.release(Trigger::Count).unwrap();
    for operation in [Operation::Write, Operation::Sync] {
        let done = storage.count(operation);
        storage.plan(Fault::from(operation, done + 1, Effect::Failed(ErrorKind::Other)));
    }
    let error = released.complete(1, &"sum").unwrap_err();
    assert_eq!((error.code(), error.is_integrity()), (Code::BatchUnfinished, true), "{error}");
    drop(run);
    storage.mend();
    lab
}

#[test]
fn l13_a_released_batch_whose_completion_cannot_be_written_is_an_integrity_error_and_never_left_executing() {
    let spooled = completion_lost(|_, builder| builder);
    let lost = completion_lost(|dir, builder| {
        // A file where the second sink should be: neither of the two takes the terminal.
        std::fs::write(dir.join("taken"), b"").unwrap();
        builder.spool(dir.join("taken").join("spool"))
    });
    for lab in [spooled, lost] {
        let again = audit_runtime::open(lab.path()).unwrap();
        let ended: Vec<Status> = lab.of(Kind::BatchClosed).iter().map(|record| record.header.status).collect();
        assert_eq!(ended.len(), 1, "one end, whoever wrote it: {ended:?}");
        assert_eq!(lab.of(Kind::StateClosed).len(), 1);
        assert_eq!(lab.sweep(), Vec::<String>::new());
        again.close().unwrap();
    }
}

#[test]
fn l5_a_run_that_fails_with_a_batch_under_way_names_it_and_keeps_all_evidence() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let mut batch = land.batch(nodes.agg).unwrap();
    let id = batch.id();
    let member = row(&land, &nodes, 1);
    let token = member.id();
    batch.add(member).unwrap();
    let executing = batch.release(Trigger::Count).unwrap();
    let unfinished = run.finish().unwrap_err();
    assert_eq!(unfinished.error.code(), Code::RunHasOpenWork);
    unfinished.run.fail("stopped").unwrap();
    let (status, mut told) = lab.end();
    told.sort();
    assert_eq!(status, Status::Failed);
    assert_eq!(told, [format!("S1 {token:#}"), format!("S9 {id:#}")]);
    let mut swept = lab.sweep();
    swept.sort();
    assert_eq!(swept, ["S1", "S9", "S9"], "the batch, and the node state of its release");
    assert_eq!((lab.count(Kind::BatchMember), lab.count(Kind::BatchExecuting), lab.count(Kind::RowRead)), (1, 1, 1));
    drop(executing);
}
