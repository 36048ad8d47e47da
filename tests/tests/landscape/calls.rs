//! Exchanges with the outside: opened before the effect, closed after it, numbered without gaps.

use super::trail::{Lab, row};
use audit_runtime::landscape::{CallKind, CallParent};
use audit_runtime::model::{Durability, Key, Kind};
use audit_runtime::{Code, Status};

#[test]
fn l25_calls_of_eight_threads_under_one_parent_are_numbered_without_gaps() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let visit = row(&land, &nodes, 1).enter(nodes.clean).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for n in 0..500u32 {
                    visit.call(CallKind::Http, "http://example.org", &n).unwrap().answered(&n).unwrap();
                }
            });
        }
    });
    visit.complete().unwrap().filtered().unwrap();
    run.finish().unwrap();
    let opened = lab.of(Kind::CallOpened);
    let ordinals: Vec<_> = opened.iter().filter_map(|record| record.body.uint(Key::Ordinal)).collect();
    assert_eq!(ordinals, (0..4000).collect::<Vec<u64>>());
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn l26_an_exchange_that_errs_has_its_request_and_latency_and_the_state_fails() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let visit = row(&land, &nodes, 1).enter(nodes.clean).unwrap();
    let call = visit.call(CallKind::Http, "https://user:hunter2@example.org/x", &"question").unwrap();
    assert_eq!(lab.of(Kind::CallOpened)[0].header.durability, Durability::Disk, "on disk before the effect");
    call.failed("503").unwrap();
    visit.fail("503").unwrap().fail("503").unwrap();
    run.finish().unwrap();
    let (opened, closed) = (lab.of(Kind::CallOpened), lab.of(Kind::CallClosed));
    assert!(opened[0].body.slot(Key::Input).unwrap().digest().is_some());
    assert!(!opened[0].body.text(Key::Endpoint).unwrap().contains("hunter2"), "l42: the endpoint is scrubbed");
    assert_eq!((closed[0].header.status, closed[0].header.duration_ns > 0), (Status::Error, true));
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn l42_a_blank_endpoint_is_refused_and_nothing_is_written() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let operation = land.operation(nodes.source, "load").unwrap();
    let refused = land.call(CallParent::Operation(&operation), CallKind::File, "  ", &()).unwrap_err();
    assert_eq!((refused.code(), lab.count(Kind::CallOpened)), (Code::MissingField, 0));
    operation.call(CallKind::File, "rows.csv", &()).unwrap().answered(&3).unwrap();
    drop(operation.call(CallKind::File, "rows.csv", &()).unwrap());
    operation.complete().unwrap();
    run.finish().unwrap();
    let closed: Vec<_> = lab.of(Kind::CallClosed).iter().map(|record| record.header.status).collect();
    assert_eq!(closed, [Status::Success, Status::Error]);
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn l24_a_call_of_another_run_s_state_is_refused() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let (other_run, other, _) = lab.begin();
    let visit = row(&land, &nodes, 1).enter(nodes.clean).unwrap();
    let refused = other.call(CallParent::State(&visit), CallKind::Http, "example.org", &()).unwrap_err();
    assert_eq!((refused.code(), lab.count(Kind::CallOpened)), (Code::ForeignEntity, 0));
    visit.complete().unwrap().filtered().unwrap();
    run.finish().unwrap();
    other_run.finish().unwrap();
}

#[test]
fn a_dropped_operation_is_failed_and_an_open_one_keeps_the_run_from_its_success() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let operation = land.operation(nodes.out, "commit").unwrap();
    let unfinished = run.finish().unwrap_err();
    assert_eq!(unfinished.error.code(), Code::RunHasOpenWork);
    drop(operation);
    unfinished.run.finish().unwrap();
    assert_eq!(lab.of(Kind::OperationClosed)[0].header.status, Status::Failed);
    assert_eq!(lab.sweep(), Vec::<String>::new());
}
