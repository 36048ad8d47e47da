//! `audited reconcile`: the scoreboard, the offenders with their place in the code, and an exit code that is 0 for PASS only.

use std::path::Path;
use std::time::Duration;

use audit_runtime::RunId;
use audit_runtime::contract::{Contract, Expectation, Outcome, ResultId, Subject};

use super::support::{audited, recorder};

fn of(action: &str) -> Subject {
    Subject::new("orders", action)
}

/// A run that acknowledges these actions of its contract, and ends.
fn run(dir: &Path, contracted: bool, acks: &[&str]) -> RunId {
    let recorder = recorder(dir);
    let within = |action| Expectation::within(of(action), Duration::from_secs(60));
    let run = recorder.begin_run("order").expect("the run begins");
    if contracted {
        let contract = Contract::draft("order").expect(within("reserve")).finalised_by(within("close"));
        recorder.declare_with(run.id(), &contract, true).expect("the contract is declared");
    }
    for action in acks {
        let result = ResultId::new("r-1").expect("a result");
        recorder.acknowledge(run.id(), &of(action), &Outcome::Success { result }).expect("the ack is kept");
    }
    let id = run.id();
    run.finish().expect("the run ends");
    recorder.close().expect("the stream closes");
    id
}

#[test]
fn c1_a_clean_run_is_a_pass_and_exit_code_0() {
    let dir = tempfile::tempdir().expect("a directory");
    let id = format!("{:#}", run(dir.path(), true, &["reserve", "close"]));
    let said = audited(dir.path(), &["reconcile", &id]);
    assert_eq!(said.code, 0, "{} {}", said.out, said.err);
    assert!(said.out.contains("PASS") && said.out.contains("expected 2  acked 2  missing 0"), "{}", said.out);
    let object = audited(dir.path(), &["reconcile", &id, "--json"]).json();
    assert_eq!((&object["items"][0]["verdict"], &object["items"][0]["status"]), (&"PASS".into(), &"COMPLETE".into()));
    assert_eq!(object["findings"].as_array().map(Vec::len), Some(0));
}

#[test]
fn c2_c11_offenders_are_named_with_their_place_and_exit_code_1() {
    let dir = tempfile::tempdir().expect("a directory");
    let id = format!("{:#}", run(dir.path(), true, &["reserve", "surprise"]));
    let said = audited(dir.path(), &["reconcile", &id, "--json"]);
    assert_eq!(said.code, 1);
    let object = said.json();
    let findings = object["findings"].as_array().expect("findings");
    let rules: Vec<&str> = findings.iter().filter_map(|finding| finding["rule"].as_str()).collect();
    assert_eq!(rules, ["MISSING", "STALE", "DRIFT"]);
    for offender in [&findings[0], &findings[2]] {
        assert!(offender["place"].as_str().is_some_and(|place| place.contains("reconcile.rs:")), "{offender}");
    }
    let text = audited(dir.path(), &["reconcile", &id]);
    assert!(text.out.contains("orders/close") && text.out.contains("orders/surprise"), "{}", text.out);
    assert_eq!(text.code, 1);
}

#[test]
fn c3_a_run_without_contract_is_never_clean() {
    let dir = tempfile::tempdir().expect("a directory");
    let id = format!("{:#}", run(dir.path(), false, &[]));
    let said = audited(dir.path(), &["reconcile", &id]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("INCONCLUSIVE") && said.out.contains("NO_CONTRACT"), "{}", said.out);
}
