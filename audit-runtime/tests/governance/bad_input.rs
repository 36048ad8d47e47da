//! What comes in broken is refused by its own code, the refusal is in the trail, nothing else is lost, and the next request
//! is served.

use super::trail::{SEND, Trail, allowed, catalog, judge, profile, transfer};
use audit_runtime::Code;
use audit_runtime::contract::{Contract, Expectation, Outcome, ResultId, Subject};
use audit_runtime::governance::{ActionError, Correlation, Decision, Rules, Ruling};
use audit_runtime::model::{Key, Kind, RunId};
use serde::Serialize;
use std::io;
use std::time::Duration;

/// The codes of a denial that the trail holds as it was told.
fn denied(trail: &Trail, ruling: Ruling) -> Vec<String> {
    let Err(denial) = ruling.allowed() else { panic!("an ALLOW") };
    let told = trail.of(Kind::Decision).into_iter().find(|told| told.id == denial.id).expect("its record");
    assert_eq!(told.status(), "DENY");
    told.texts(Key::ReasonCodes)
}

fn decide<T: Serialize>(trail: &Trail, payload: &T) -> Ruling {
    let allow = |_: &super::trail::Policy, _: &T| Decision::allow(Rules::new());
    trail.recorder.gate(&profile(100)).decide(payload, allow).expect("a recorded decision")
}

/// The next request: decided, executed, in sequence.
fn is_served(trail: &Trail) {
    let before = trail.of(Kind::ActionClosed).len();
    let done = allowed(trail, &transfer(7)).execute(&catalog(), &SEND, &transfer(7), |_| Ok::<_, io::Error>(1));
    assert!(done.is_ok());
    let ends = trail.of(Kind::ActionClosed);
    assert_eq!((ends.len(), ends[before].status()), (before + 1, "SUCCESS"));
    assert!(trail.is_intact());
}

#[test]
fn a10_too_deep_and_nan_are_denied_by_name_and_the_next_request_is_served() {
    let trail = Trail::new();
    let deep = (0..80).fold(serde_json::json!(1), |inner, _| serde_json::json!([inner]));
    assert_eq!(denied(&trail, decide(&trail, &deep)), ["LIMIT_EXCEEDED"]);
    is_served(&trail);
    for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(denied(&trail, decide(&trail, &odd)), ["NON_JSON_PAYLOAD"], "{odd}");
    }
    is_served(&trail);
    let blocked = allowed(&trail, &transfer(7)).execute(&catalog(), &SEND, &f64::NAN, |_| Ok::<_, io::Error>(1));
    assert!(matches!(blocked, Err(ActionError::Blocked(_))));
    assert_eq!(trail.of(Kind::ActionBlocked)[0].text(Key::ErrorCode), "NON_JSON_PAYLOAD");
    is_served(&trail);
}

#[test]
fn d17_clock_steps_change_no_decision_no_deadline_and_no_order() {
    let (trail, clock) = Trail::with_clock();
    let run = trail.recorder.begin_run("order").unwrap();
    let within = |action| Expectation::within(Subject::new("orders", action), Duration::from_secs(60));
    let contract = Contract::draft("order").expect(within("reserve")).finalised_by(within("close"));
    trail.recorder.declare_with(run.id(), &contract, true).unwrap();
    for step in [-7_200_000_000_000, 90_000_000_000_000, -1] {
        clock.step_wall(step);
        run.scope(|| is_served(&trail));
    }
    for action in ["reserve", "close"] {
        clock.step_wall(3_600_000_000_000);
        let result = ResultId::new("r").expect("a result");
        trail.recorder.acknowledge(run.id(), &Subject::new("orders", action), &Outcome::Success { result }).unwrap();
    }
    assert!(trail.recorder.reconcile(run.id()).unwrap().is_clean(), "deadlines are monotonic");
    drop(run.finish());
}

#[test]
fn c12_an_ack_for_another_run_a_malformed_run_and_an_odd_trace_are_refusals_in_the_trail() {
    let trail = Trail::new();
    let (mine, other) = (trail.recorder.begin_run("mine").unwrap(), trail.recorder.begin_run("other").unwrap());
    let failed = Outcome::Failure { error: "no".into() };
    let subject = Subject::new("orders", "reserve");
    let acks = [other.id(), RunId::NONE];
    let codes = acks.map(|run| mine.scope(|| trail.recorder.acknowledge(run, &subject, &failed)).unwrap_err().code());
    assert_eq!(codes, [Code::AckMismatch, Code::NoRun]);
    for text in ["", "7k3q9d", "7k3q9d-1-2", "-1", "7k3q9d-99999999999999999999999", "jane@example.org"] {
        assert_eq!(trail.recorder.run_named(text).unwrap_err().code(), Code::BadId, "{text}");
    }
    assert_eq!(trail.of(Kind::Refusal).len(), 8, "each is in the trail");
    let correlation = Correlation::inbound(Some("00-zz"));
    assert!(correlation.rejected().is_some());
    let ruling = mine.scope(|| trail.recorder.gate(&profile(100)).correlation(correlation).decide(&transfer(7), judge));
    assert!(ruling.unwrap().allowed().is_ok(), "the work goes on under a new id");
    mine.scope(|| is_served(&trail));
    drop((mine.finish(), other.finish()));
}
