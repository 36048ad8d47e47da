//! Receipts, artifacts and checkpoints: nothing says that a sink was reached before the sink has said so.

use super::trail::{Lab, row, write};
use audit_runtime::landscape::SinkFailure;
use audit_runtime::model::digest::{Scope, digest_bytes};
use audit_runtime::model::{Durability, Key, Kind};
use audit_runtime::{Code, Status};

#[test]
fn l9_states_open_then_receipt_then_completed_then_artifact_then_outcome_then_checkpoint() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let receipt = write(&land, nodes.out, vec![row(&land, &nodes, 1)], Ok(()), Ok(())).unwrap();
    receipt.artifact("part-0", "part-0.csv", digest_bytes(Scope::Bytes, b"lines"), 5).unwrap();
    receipt.deliver().unwrap().checkpoint("line 1").unwrap();
    run.finish().unwrap();
    let order = [
        lab.seq(Kind::StateOpened, Status::Open),
        lab.seq(Kind::SinkPrepared, Status::Prepared),
        lab.seq(Kind::SinkIntent, Status::Intent),
        lab.seq(Kind::SinkAnswered, Status::Returned),
        lab.seq(Kind::SinkReceipt, Status::Finalized),
        lab.seq(Kind::StateClosed, Status::Completed),
        lab.seq(Kind::Artifact, Status::None),
        lab.seq(Kind::TokenOutcome, Status::Ended),
        lab.seq(Kind::Checkpoint, Status::None),
    ];
    assert!(order.is_sorted(), "{order:?}");
    for kind in [Kind::SinkIntent, Kind::SinkReceipt, Kind::Checkpoint] {
        assert_eq!(lab.of(kind)[0].header.durability, Durability::Disk, "{}", kind.name());
    }
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn l8_l43_a_flush_that_errs_fails_every_state_and_the_caller_gets_the_sink_s_error() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    for (effect, flush) in [(Ok(()), Err("no space".to_owned())), (Err("no route".to_owned()), Ok(()))] {
        let said = [&effect, &flush].into_iter().find_map(|said| said.as_ref().err()).unwrap().clone();
        let tokens = vec![row(&land, &nodes, 1), row(&land, &nodes, 2)];
        let Err(SinkFailure::Sink { error, tokens }) = write(&land, nodes.out, tokens, effect, flush) else {
            panic!("the sink's error")
        };
        assert_eq!((error, tokens.len()), (said, 2));
        for token in tokens {
            token.sink_discarded().unwrap();
        }
    }
    assert_eq!(run.finish().unwrap().status, Status::Failed);
    let closed = lab.of(Kind::StateClosed);
    assert_eq!(closed.len(), 4);
    assert!(closed.iter().all(|r| r.header.status == Status::Failed && r.header.duration_ns > 0));
    for kind in [Kind::SinkReceipt, Kind::Artifact, Kind::Checkpoint] {
        assert_eq!(lab.count(kind), 0, "{}", kind.name());
    }
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn what_a_sink_refused_may_go_to_a_failsink() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let failed = write(&land, nodes.out, vec![row(&land, &nodes, 1)], Err("full".to_owned()), Ok(()));
    let Err(SinkFailure::Sink { tokens, .. }) = failed else { panic!("the sink's error") };
    let receipt = write(&land, nodes.bad, tokens, Ok(()), Ok(())).unwrap();
    assert_eq!(receipt.deliver().unwrap().tokens(), 1);
    assert_eq!(run.finish().unwrap().status, Status::Failed);
    let outcome = &lab.of(Kind::TokenOutcome)[0];
    assert_eq!(outcome.body.text(audit_runtime::model::Key::Path), Some("sink_fallback"));
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn a_write_that_is_lost_in_flight_is_said_to_be_lost() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let token = row(&land, &nodes, 1);
    let lost = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let visit = token.enter(nodes.out).unwrap();
        let batch = land.prepare(nodes.out, "p", digest_bytes(Scope::Bytes, b"x"), vec![visit]).unwrap();
        drop(batch.write(|| -> Result<(), String> { panic!("the wire broke") }));
    }));
    assert!(lost.is_err());
    assert_eq!(run.finish().unwrap().status, Status::Failed);
    lab.seq(Kind::SinkAnswered, Status::ResponseLost);
    assert_eq!((lab.count(Kind::SinkReceipt), lab.of(Kind::StateClosed)[0].header.status), (0, Status::Failed));
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn l11_an_artifact_s_key_stands_for_one_content() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let receipt = write(&land, nodes.out, vec![row(&land, &nodes, 1)], Ok(()), Ok(())).unwrap();
    let content = |bytes: &[u8]| digest_bytes(Scope::Bytes, bytes);
    let first = receipt.artifact("k", "a.csv", content(b"one"), 3).unwrap();
    assert_eq!(receipt.artifact("k", "a.csv", content(b"one"), 3).unwrap(), first);
    assert_eq!(receipt.artifact("k", "a.csv", content(b"two"), 3).unwrap_err().code(), Code::ArtifactDiffers);
    drop(receipt);
    run.finish().unwrap();
    assert_eq!((lab.count(Kind::Artifact), lab.count(Kind::TokenOutcome)), (1, 1));
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn l43_a_token_that_its_sink_takes_after_a_refusal_has_arrived_the_way_it_came() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let flaky = || Err("the device failed a sync".to_owned());
    let Err(SinkFailure::Sink { tokens, .. }) = write(&land, nodes.out, vec![row(&land, &nodes, 1)], Ok(()), flaky())
    else {
        panic!("the sink's error")
    };
    let Err(SinkFailure::Sink { tokens, .. }) = write(&land, nodes.out, tokens, Ok(()), flaky()) else {
        panic!("the sink's error")
    };
    write(&land, nodes.out, tokens, Ok(()), Ok(())).unwrap().deliver().unwrap();
    let Err(SinkFailure::Sink { tokens, .. }) = write(&land, nodes.out, vec![row(&land, &nodes, 2)], Ok(()), flaky())
    else {
        panic!("the sink's error")
    };
    write(&land, nodes.bad, tokens, Ok(()), Ok(())).unwrap().deliver().unwrap();
    assert_eq!(run.finish().unwrap().status, Status::CompletedWithFailures);
    let path = audit_runtime::model::Key::Path;
    let paths: Vec<_> = lab.of(Kind::TokenOutcome).iter().map(|r| r.body.text(path).unwrap().to_owned()).collect();
    assert_eq!(paths, ["default_flow", "sink_fallback"]);
    let attempts: Vec<_> = lab.of(Kind::StateOpened).iter().map(|r| r.header.attempt).collect();
    assert_eq!(attempts, [0, 1, 2, 0, 0]);
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[audit_runtime::audited(node = "charge", effect = external)]
fn charge() -> std::io::Result<()> {
    Ok(())
}

#[audit_runtime::audited(node = "inside")]
fn inside() -> std::io::Result<()> {
    Ok(())
}

#[test]
fn d8_what_must_be_on_the_device_is_acknowledged_there_whatever_the_default() {
    use audit_runtime::landscape::CallKind;
    // The default is `Process`; decisions and action attempts are held against it in the tests of gates and actions.
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    run.scope(charge).unwrap();
    run.scope(inside).unwrap();
    let visit = row(&land, &nodes, 1).enter(nodes.clean).unwrap();
    visit.call(CallKind::Http, "https://example.org", &1).unwrap().answered(&2).unwrap();
    let receipt = write(&land, nodes.out, vec![visit.complete().unwrap()], Ok(()), Ok(())).unwrap();
    receipt.deliver().unwrap().checkpoint("line 1").unwrap();
    run.finish().unwrap();
    let level = |kind: Kind| lab.of(kind).iter().map(|record| record.header.durability).collect::<Vec<_>>();
    for kind in [Kind::RunStarted, Kind::CallOpened, Kind::SinkReceipt, Kind::Checkpoint, Kind::RunEnded] {
        assert_eq!(level(kind), [Durability::Disk], "{}", kind.name());
    }
    // Of the two annotated functions, the one with an effect outside and no other.
    let declared: Vec<String> =
        lab.of(Kind::Site).iter().map(|site| site.body.text(Key::Node).unwrap_or_default().to_owned()).collect();
    let states = lab.of(Kind::StateOpened);
    let annotated = states.iter().filter(|state| state.header.site != 0).map(|state| state.header.durability);
    let levels: std::collections::BTreeMap<String, Durability> = declared.into_iter().zip(annotated).collect();
    assert_eq!((levels.get("charge"), levels.get("inside")), (Some(&Durability::Disk), Some(&Durability::Process)));
}
