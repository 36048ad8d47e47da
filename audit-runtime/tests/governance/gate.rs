//! What a gate records, and that it records before it tells.

use super::trail::{Policy, Refusal, RuleFault, Trail, any_reason, is_refusal, judge, profile, transfer};
use audit_runtime::governance::{Correlation, Decision, GateReason, Profile, Reason, Rules, Ruling};
use audit_runtime::model::cbor::Value;
use audit_runtime::model::trace::TraceId;
use audit_runtime::model::{Durability, Key, Kind};
use std::collections::BTreeMap;
use std::sync::{Arc, Barrier, RwLock};

fn denied(ruling: Ruling) -> Vec<String> {
    let denial = ruling.allowed().expect_err("a DENY");
    denial.reasons.iter().map(|reason| reason.code().to_owned()).collect()
}

#[test]
fn a1_a_denial_has_reasons_fingerprint_and_rules_and_nothing_follows() {
    let trail = Trail::new();
    let profile = profile(100);
    let codes = denied(trail.recorder.gate(&profile).decide(&transfer(101), judge).unwrap());
    assert_eq!(codes, ["OVER_LIMIT"]);
    assert_eq!(trail.story(), ["DECISION DENY"]);
    let told = &trail.of(Kind::Decision)[0];
    assert_eq!(told.text(Key::Decision), "DENY");
    assert_eq!(told.text(Key::ProfileId), "payments");
    assert_eq!(told.texts(Key::ReasonCodes), ["OVER_LIMIT"]);
    assert_eq!(told.texts(Key::MatchedRules), ["has_recipient", "over_limit"]);
    assert_eq!(told.record.body.slot(Key::ProfileHash), Some(profile.fingerprint().clone().into()));
    assert_eq!(told.record.header.durability, Durability::Disk);
    assert!(trail.of(Kind::StateOpened).is_empty());
    assert!(trail.is_intact());
}

#[test]
fn a5_a_policy_without_canonical_form_and_a_blank_profile_append_nothing() {
    let trail = Trail::new();
    let before = trail.records().len();
    let nan = Profile::new("p", f64::NAN, ["send"]).err();
    let blank = Profile::new("  ", 1, ["send"]).err();
    assert!([nan, blank].iter().flatten().filter(|error| is_refusal(error)).count() == 2);
    assert_eq!(trail.records().len(), before);
}

#[test]
fn a6_a_rule_that_errs_or_panics_is_a_denial_with_its_own_code() {
    let trail = Trail::new();
    let profile = profile(100);
    let ask = |fault: RuleFault| {
        denied(trail.recorder.gate(&profile).try_decide(&transfer(1), move |_, _| Err(fault)).unwrap())
    };
    assert_eq!(ask(RuleFault::Unreachable), ["LIST_UNREACHABLE"]);
    assert_eq!(ask(RuleFault::Odd("jane@example.org".into())), ["LIST_ODD"]);
    let panic = |_: &Policy, _: &super::trail::Transfer| -> Decision { panic!("password=hunter2") };
    assert_eq!(denied(trail.recorder.gate(&profile).decide(&transfer(1), panic).unwrap()), ["GATE_EXCEPTION"]);
    let told = trail.of(Kind::Decision);
    assert!(told[0].text(Key::ErrorType).ends_with("RuleFault"));
    assert_eq!(told[2].text(Key::ErrorType), "panic");
    let bytes = trail.bytes();
    for canary in [b"jane@example.org".as_slice(), b"hunter2"] {
        assert!(!bytes.windows(canary.len()).any(|window| window == canary));
    }
}

#[test]
fn a6_a_renamed_code_is_still_read() {
    assert_eq!(Refusal::from_code("AMOUNT_TOO_HIGH"), Some(Refusal::OverLimit));
    assert_eq!(Refusal::from_code("OVER_LIMIT"), Some(Refusal::OverLimit));
    assert_eq!(Refusal::from_code("NO_ACCOUNT"), Some(Refusal::NoAccount));
    assert_eq!(Refusal::from_code("WHATEVER"), None);
}

#[test]
fn a7_field_names_are_bounded_and_rules_stand_in_order_with_their_verdicts() {
    let trail = Trail::new();
    let names: Vec<String> = (0..40).map(|n| format!("field_{n}")).collect();
    let profile = profile(100);
    let ruling = trail.recorder.gate(&profile).decide(&transfer(1), |_, _| {
        let mut rules = Rules::new();
        rules.ran("b", false);
        rules.ran("a", true);
        let reason = Reason::new(GateReason::UnknownFieldsPresent, "not in the profile");
        Decision::deny(reason.fields(names.iter().map(String::as_str)), rules)
    });
    assert_eq!(denied(ruling.unwrap()), ["UNKNOWN_FIELDS_PRESENT"]);
    let told = &trail.of(Kind::Decision)[0];
    assert_eq!(told.texts(Key::FieldNames).len(), 32);
    assert_eq!(told.record.body.uint(Key::FieldsOmitted), Some(8));
    let rules = told.record.body.get(Key::Rules).and_then(Value::as_array).unwrap();
    let rules: Vec<Vec<&str>> =
        rules.iter().map(|rule| rule.as_array().unwrap().iter().filter_map(Value::as_text).collect()).collect();
    assert_eq!(rules, [["b", "not_matched"], ["a", "matched"]]);
}

#[test]
fn a7_ten_thousand_reasons_are_cut_and_counted() {
    let trail = Trail::new();
    let profile = profile(100);
    let ruling = trail.recorder.gate(&profile).decide(&transfer(1), |_, _| {
        (0..9_999).fold(Decision::deny(any_reason(), Rules::new()), |decision, _| decision.because(any_reason()))
    });
    assert_eq!(denied(ruling.unwrap()).len(), 10_000);
    let told = &trail.of(Kind::Decision)[0];
    let reasons = told.record.body.get(Key::Reasons).and_then(Value::as_array).unwrap();
    assert_eq!(reasons.len(), 65);
    assert_eq!(reasons[64].as_map().unwrap()[0].1, Value::Uint(9_936));
    let again = trail.recorder.gate(&profile).decide(&transfer(1), judge).unwrap();
    assert!(again.allowed().is_ok(), "the next request is served");
}

#[test]
fn a8_each_decision_names_the_policy_that_made_it() {
    let trail = Trail::new();
    let profiles = [Arc::new(profile(10)), Arc::new(profile(1000))];
    let current = RwLock::new(Arc::clone(&profiles[0]));
    let barrier = Barrier::new(31);
    std::thread::scope(|scope| {
        for _ in 0..30 {
            scope.spawn(|| {
                barrier.wait();
                let profile = Arc::clone(&current.read().unwrap());
                drop(trail.recorder.gate(&profile).decide(&transfer(100), judge).unwrap());
            });
        }
        barrier.wait();
        for turn in 0..50 {
            *current.write().unwrap() = Arc::clone(&profiles[turn % 2]);
        }
    });
    let explains = BTreeMap::from([
        (profiles[0].fingerprint().clone().to_string(), "DENY"),
        (profiles[1].fingerprint().clone().to_string(), "ALLOW"),
    ]);
    assert_eq!(explains.len(), 2);
    let told = trail.of(Kind::Decision);
    assert_eq!(told.len(), 30);
    for decision in told {
        let slot = decision.record.body.slot(Key::ProfileHash).unwrap();
        let printed = slot.digest().map(ToString::to_string).unwrap_or_default();
        assert_eq!(explains.get(&printed).copied(), Some(decision.text(Key::Decision)));
    }
}

#[test]
fn a10_equal_payloads_have_one_digest_and_illegal_ones_are_denied_by_name() {
    let trail = Trail::new();
    let profile = Profile::new("any", (), ["send"]).unwrap();
    let decide = |payload: &serde_json::Value| {
        trail.recorder.gate(&profile).decide(payload, |(), _| Decision::allow(Rules::new())).unwrap()
    };
    let ordered = serde_json::json!({"a": 1, "b": [1.0, "x"]});
    let other: serde_json::Value = serde_json::from_str(r#"{"b":[1e0,"\u0078"],"a":1}"#).unwrap();
    drop((decide(&ordered), decide(&other), decide(&serde_json::json!({"a": 2, "b": [1.0, "x"]}))));
    let slots: Vec<_> = trail.of(Kind::Decision).iter().map(|told| told.record.body.slot(Key::InputDigest)).collect();
    assert_eq!(slots[0], slots[1]);
    assert_ne!(slots[0], slots[2]);
    let nan = trail.recorder.gate(&profile).decide(&f64::NAN, |(), _| Decision::allow(Rules::new())).unwrap();
    assert_eq!(denied(nan), ["NON_JSON_PAYLOAD"]);
    let deep = (0..80).fold(serde_json::json!(1), |inner, _| serde_json::json!([inner]));
    assert_eq!(denied(decide(&deep)), ["LIMIT_EXCEEDED"]);
}

#[test]
fn a14_a_valid_trace_goes_through_and_a_malformed_one_is_replaced_and_recorded() {
    let trail = Trail::new();
    let profile = profile(100);
    let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let uuid = "4bf92f35-77b3-4da6-a3ce-929d0e0e4736";
    for text in [header, uuid] {
        let correlation = Correlation::inbound(Some(text)).tenant("acme").session("s-1").request("transfer", "r-1");
        let authorization = trail
            .recorder
            .gate(&profile)
            .correlation(correlation)
            .decide(&transfer(1), judge)
            .unwrap()
            .allowed()
            .unwrap();
        let outbound = authorization.correlation().outbound().unwrap();
        assert_eq!(Some(outbound.trace), authorization.correlation().trace());
    }
    let secret = "jane@example.org sent this";
    let correlation = Correlation::inbound(Some(secret));
    let replaced = correlation.trace().unwrap();
    drop(trail.recorder.gate(&profile).correlation(correlation).decide(&transfer(1), judge).unwrap());
    let told = trail.of(Kind::Decision);
    let expected = TraceId::parse(uuid).unwrap().bytes().to_vec();
    assert_eq!([told[0].trace(), told[1].trace()], [expected.clone(), expected]);
    assert_eq!(told[0].text(Key::Caller), "00f067aa0ba902b7");
    assert_eq!((told[0].text(Key::Tenant), told[0].text(Key::Session)), ("acme", "s-1"));
    assert_eq!(told[0].text(Key::Request), "transfer r-1");
    assert_eq!(told[2].trace(), replaced.bytes());
    let notes = trail.of(Kind::Note);
    assert_eq!((notes.len(), notes[0].text(Key::NoteKind)), (1, "trace_rejected"));
    assert!(notes[0].id.seq < told[2].id.seq);
    assert!(!trail.bytes().windows(secret.len()).any(|window| window == secret.as_bytes()));
}

#[test]
fn a17_a_decision_that_lost_its_run_says_so() {
    let trail = Trail::new();
    let (one, two) = (trail.recorder.begin_run("one").unwrap(), trail.recorder.begin_run("two").unwrap());
    let profile = profile(100);
    std::thread::scope(|scope| {
        scope.spawn(|| drop(trail.recorder.gate(&profile).decide(&transfer(1), judge).unwrap()));
    });
    one.scope(|| drop(trail.recorder.gate(&profile).decide(&transfer(1), judge).unwrap()));
    let told = trail.of(Kind::Decision);
    assert!(told[0].record.body.is(Key::Unattributed) && told[0].record.header.run.0.is_none());
    assert!(!told[1].record.body.is(Key::Unattributed) && told[1].record.header.run == one.id());
    drop((one.finish(), two.finish()));
}

#[test]
fn a1_a_decision_that_cannot_be_recorded_is_not_told() {
    let trail = Trail::new();
    let profile = profile(100);
    drop(trail.recorder.close());
    let asked = trail.recorder.gate(&profile).decide(&transfer(1), judge);
    assert!(asked.err().is_some_and(|error| error.is_refused()));
    assert_eq!(trail.story(), Vec::<String>::new());
}
