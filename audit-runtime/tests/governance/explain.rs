//! `explain` by trace, session and tenant: decision, PENDING, terminal and response in order of sequence, and what is missing.

use super::trail::{SEND, Trail, catalog, judge, profile, transfer};
use audit_runtime::Code;
use audit_runtime::governance::{Authorization, Correlation};
use audit_runtime::trail::{Json, Story};
use std::io;

fn asked(session: &str, tenant: &str, request: &str) -> Correlation {
    Correlation::fresh().session(session).tenant(tenant).request("transfer", request)
}

fn allowed(trail: &Trail, correlation: &Correlation) -> Authorization {
    let profile = profile(100);
    let gate = trail.recorder.gate(&profile).correlation(correlation.clone());
    gate.decide(&transfer(7), judge).expect("a decision").allowed().expect("an ALLOW")
}

fn pay(authorization: Authorization) {
    authorization.execute(&catalog(), &SEND, &transfer(7), |_| Ok::<_, io::Error>(7)).expect("a success");
}

fn explain(trail: &Trail, what: &str) -> Story {
    audit_runtime::trail::Trail::scan(trail.path()).unwrap().explain(what).unwrap()
}

fn steps(story: &Story) -> Vec<String> {
    let Some(Json::List(steps)) = story.facts.get("steps") else { panic!("{:?}", story.facts) };
    steps.iter().map(|step| step.get("event_type").and_then(Json::as_text).unwrap_or("").to_owned()).collect()
}

fn missing(story: &Story) -> Vec<&str> {
    story.sentences.iter().filter(|line| line.starts_with("missing")).map(String::as_str).collect()
}

const WHOLE: [&str; 4] = ["DECISION", "EXECUTION_ATTEMPT", "EXECUTION_RESULT", "RESPONSE"];

#[test]
fn a21_trace_session_and_tenant_tell_decision_pending_terminal_and_response_in_order() {
    let (trail, clock) = Trail::with_clock();
    let (first, second) = (asked("s-1", "acme", "r-1"), asked("s-1", "acme", "r-2"));
    for correlation in [&first, &second] {
        clock.step_wall(-5_000_000_000);
        pay(allowed(&trail, correlation));
        correlation.responded(&trail.recorder, "200").unwrap();
    }
    let trace = first.trace().unwrap().to_string();
    let dashed = [&trace[..8], &trace[8..12], &trace[12..16], &trace[16..20], &trace[20..]].join("-");
    for name in [trace.clone(), format!("trace:{trace}"), dashed] {
        let story = explain(&trail, &name);
        assert_eq!((steps(&story), missing(&story)), (WHOLE.map(str::to_owned).to_vec(), vec![]), "{name}");
    }
    for name in ["s-1", "session:s-1", "acme", "tenant:acme"] {
        let story = explain(&trail, name);
        assert_eq!(steps(&story), [WHOLE, WHOLE].concat(), "{name}: by sequence, although the wall clock went back");
        assert_eq!(missing(&story), Vec::<&str>::new());
        assert!(story.sentences.iter().any(|line| line.contains(&trace[..8])), "{:?}", story.sentences);
    }
}

#[test]
fn a21_what_is_missing_is_named_for_its_own_trace() {
    let trail = Trail::new();
    let whole = asked("s-1", "acme", "r-1");
    pay(allowed(&trail, &whole));
    whole.responded(&trail.recorder, "200").unwrap();
    let silent = asked("s-1", "acme", "r-2");
    pay(allowed(&trail, &silent));
    let stopped = asked("s-1", "acme", "r-3");
    drop(allowed(&trail, &stopped));
    let story = explain(&trail, "session:s-1");
    let lost = missing(&story);
    assert_eq!(lost.len(), 3, "{lost:?}");
    assert!(lost[0].starts_with("missing: the response to the request of"), "{lost:?}");
    assert!(lost[1].starts_with("missing: what was allowed by"), "{lost:?}");
    let of_trace = |of: &Correlation| missing(&explain(&trail, &of.trace().unwrap().to_string())).len();
    assert_eq!([of_trace(&whole), of_trace(&silent), of_trace(&stopped)], [0, 1, 2]);
}

#[test]
fn a21_a_name_that_nobody_carries_is_unknown_and_one_that_looks_like_an_id_is_found_by_its_prefix() {
    let trail = Trail::new();
    pay(allowed(&trail, &asked("zzzzzz-1", "acme", "r-1")));
    let ask = |what: &str| audit_runtime::trail::Trail::scan(trail.path()).unwrap().explain(what);
    assert_eq!(ask("nobody").unwrap_err().code(), Code::BadId);
    assert_eq!(ask("tenant:nobody").unwrap_err().code(), Code::UnknownId);
    assert_eq!(ask("yyyyyy-1").unwrap_err().code(), Code::UnknownId);
    assert_eq!(ask("zzzzzz-1").unwrap().what, "session");
    assert_eq!(ask("session:zzzzzz-1").unwrap().what, "session");
}
