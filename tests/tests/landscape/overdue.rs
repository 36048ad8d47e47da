//! A run that takes too long is OVERDUE while its process lives, and ABANDONED once it is gone.

use super::trail::{Lab, row};
use audit_runtime::Status;
use audit_runtime::clock::ManualClock;
use audit_runtime::model::Kind;
use audit_runtime::trail::{Trail, Weight};
use std::sync::Arc;
use std::time::Duration;

const START: i64 = 1_700_000_000_000_000_000;
const MINUTE: i64 = 60_000_000_000;

fn overdue(trail: &Trail) -> (usize, usize) {
    let of = |findings: Vec<audit_runtime::trail::Finding>| {
        assert!(findings.iter().filter(|f| f.rule == "OVERDUE").all(|f| f.weight == Weight::Problem));
        findings.iter().filter(|finding| finding.rule == "OVERDUE").count()
    };
    (of(trail.sweep(None).unwrap().findings), of(trail.doctor().unwrap().findings))
}

#[test]
fn l38_a_run_older_than_its_timeout_is_overdue_while_its_process_lives_and_abandoned_once_it_is_gone() {
    let lab = Lab::with(|builder| builder.clock(Arc::new(ManualClock::at(START))));
    let (run, land, nodes) = lab.begin();
    let token = row(&land, &nodes, 1);
    let at = |minutes: i64| lab.trail().as_of(START + minutes * MINUTE);
    assert_eq!(overdue(&at(59)), (0, 0));
    assert_eq!(overdue(&at(61)), (1, 1), "one hour unless told");
    assert_eq!(overdue(&at(6 * 60).running_timeout(Duration::from_secs(8 * 3600))), (0, 0));
    assert_eq!(overdue(&at(2).running_timeout(Duration::from_secs(60))), (1, 1));
    assert_eq!(lab.count(Kind::RunEnded), 0, "asking ends nothing");
    // The stream ends with the run open, as a process does that is killed.
    lab.recorder.close().unwrap();
    let again = audit_runtime::Builder::new(lab.path()).clock(Arc::new(ManualClock::at(START))).open().unwrap();
    assert_eq!(lab.end().0, Status::Abandoned);
    assert_eq!(overdue(&at(10 * 60)), (0, 0), "it has an end now");
    drop((token, run));
    again.close().unwrap();
}

#[test]
fn l38_a_program_says_how_long_its_runs_may_take() {
    let lab = Lab::with(|builder| {
        builder.clock(Arc::new(ManualClock::at(START))).running_timeout(Duration::from_secs(5 * 60))
    });
    let (run, _land, _nodes) = lab.begin();
    let at = |minutes: i64| lab.trail().as_of(START + minutes * MINUTE);
    assert_eq!((overdue(&at(4)), overdue(&at(6))), ((0, 0), (1, 1)));
    assert_eq!(overdue(&at(6).running_timeout(Duration::from_secs(3600))), (0, 0), "the asker knows better");
    run.finish().unwrap();
    assert_eq!(overdue(&at(600)), (0, 0));
}
