//! What a run declares and acknowledges, reconciled from the trail: by the process that runs and by one that only reads.

use super::orders::{SECOND, contract, done, of, within};
use super::trail::Trail;
use audit_runtime::contract::{
    Contract, Expectation, Outcome, Report, ResultId, Standing, Subject, Verdict, standard_run,
};
use audit_runtime::governance::reconcile_run;
use audit_runtime::model::{Durability, Id, Key, Kind, RunId, StreamId};
use audit_runtime::{Code, Run};
use std::time::Duration;

fn begun(trail: &Trail, contract: &Contract) -> Run {
    let run = trail.recorder.begin_run("order").expect("a run");
    trail.recorder.declare_with(run.id(), contract, true).expect("a declaration");
    run
}

fn ack(trail: &Trail, run: RunId, action: &str, outcome: &Outcome) -> Id {
    trail.recorder.acknowledge(run, &of(action), outcome).expect("an acknowledgement")
}

fn all_done(trail: &Trail, run: RunId) {
    for action in ["reserve", "book", "close"] {
        ack(trail, run, action, &done());
    }
}

fn said(report: &Report) -> Vec<String> {
    let name = |subject: &Option<Subject>| subject.as_ref().map_or("run".to_owned(), Subject::to_string);
    report.findings.iter().map(|finding| format!("{} {}", finding.standing, name(&finding.subject))).collect()
}

#[test]
fn c1_every_expectation_acked_in_time_is_a_pass_for_every_reader() {
    let (trail, clock) = Trail::with_clock();
    let run = begun(&trail, &contract());
    for action in ["reserve", "book", "close"] {
        clock.advance(SECOND);
        ack(&trail, run.id(), action, &done());
    }
    let reports = [trail.recorder.reconcile(run.id()).unwrap(), reconcile_run(trail.path(), run.id()).unwrap()];
    for report in &reports {
        assert!(report.is_clean(), "{report}");
        assert_eq!((report.counts.expected, report.counts.acked), (3, 3));
    }
    let told = trail.of(Kind::ContractAck);
    assert!(told.iter().all(|told| told.record.header.durability == Durability::Disk));
    assert!(told[0].text(Key::Location).contains("contract.rs:"));
    assert!(trail.is_intact());
}

#[test]
fn c2_of_five_runs_exactly_the_three_that_crashed_are_stale() {
    let (trail, clock) = Trail::with_clock();
    let runs: Vec<Run> = (0..5).map(|_| begun(&trail, &contract())).collect();
    clock.advance(SECOND);
    for run in &runs[..2] {
        all_done(&trail, run.id());
    }
    ack(&trail, runs[2].id(), "reserve", &done());
    let ids: Vec<RunId> = runs.iter().map(Run::id).collect();
    clock.advance(9 * SECOND);
    drop(runs);
    let stale: Vec<bool> =
        ids.iter().map(|id| reconcile_run(trail.path(), *id).unwrap().of(Standing::Stale).next().is_some()).collect();
    assert_eq!(stale, [false, false, true, true, true]);
    let partly = reconcile_run(trail.path(), ids[2]).unwrap();
    assert_eq!(said(&partly), ["ACKED orders/reserve", "MISSING orders/book", "MISSING orders/close", "STALE run"]);
    assert!(
        partly.of(Standing::Missing).all(|finding| finding.place.as_ref().is_some_and(|p| p.contains("contract.rs:")))
    );
}

#[test]
fn c3_a_contract_is_declared_before_the_work_or_the_run_is_uncontracted() {
    let trail = Trail::new();
    let run = trail.recorder.begin_run("order").unwrap();
    let report = trail.recorder.reconcile(run.id()).unwrap();
    assert_eq!((report.verdict, said(&report)), (Verdict::Inconclusive, vec!["NO_CONTRACT run".to_owned()]));
    let nobody = RunId(Id::new(StreamId([9; 16]), 4));
    assert_eq!(trail.recorder.reconcile(nobody).unwrap().verdict, Verdict::Inconclusive);
    let flawed = Contract::assembled("order", vec![Expectation::undated(of("reserve"))]);
    assert!(trail.recorder.govern("order", &flawed).is_err());
    assert_eq!(trail.of(Kind::RunStarted).len(), 1, "a run whose contract has a flaw does not start");
    drop(run.finish());
}

#[test]
fn c4_twice_acked_is_duplicate_and_twice_expected_is_counted() {
    let (trail, _) = Trail::with_clock();
    let run = begun(&trail, &contract());
    trail.recorder.expect(run.id(), &within("reserve", 5)).unwrap();
    let (first, second) = (ack(&trail, run.id(), "book", &done()), ack(&trail, run.id(), "book", &done()));
    ack(&trail, run.id(), "reserve", &done());
    ack(&trail, run.id(), "close", &done());
    let report = trail.recorder.close_contract(run.id()).unwrap();
    let doubled: Vec<Id> = report.of(Standing::Duplicate).flat_map(|finding| finding.acks.clone()).collect();
    assert_eq!(doubled, [first, second]);
    assert_eq!((report.counts.missing, report.counts.expected), (1, 4));
    drop(run.finish());
}

#[test]
fn c7_an_ack_before_its_declaration_is_matched_once_declared_and_drift_until_then() {
    let (trail, _) = Trail::with_clock();
    let run = begun(&trail, &contract());
    let early = ack(&trail, run.id(), "refund", &done());
    // Nobody has declared it yet: it is named, and counts for nothing else.
    let report = trail.recorder.reconcile(run.id()).unwrap();
    let drift: Vec<Id> = report.of(Standing::Drift).flat_map(|finding| finding.acks.clone()).collect();
    assert_eq!((drift, report.counts.acked), (vec![early], 0));
    trail.recorder.expect(run.id(), &within("refund", 5)).unwrap();
    for action in ["reserve", "book", "close"] {
        ack(&trail, run.id(), action, &done());
    }
    // Declared now: the same ack is its answer, wholly.
    let report = reconcile_run(trail.path(), run.id()).unwrap();
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.counts.expected, report.counts.acked, report.counts.drift), (4, 4, 0));
}

#[test]
fn c5_late_by_a_millisecond_whenever_it_is_asked() {
    let (mut trail, clock) = Trail::with_clock();
    let run = begun(&trail, &contract());
    ack(&trail, run.id(), "book", &done());
    clock.advance(5 * SECOND + 1_000_000);
    clock.step_wall(-3_600_000_000_000);
    ack(&trail, run.id(), "reserve", &done());
    ack(&trail, run.id(), "close", &done());
    let late = |report: &Report| report.of(Standing::Late).filter_map(|f| f.lateness).collect::<Vec<_>>();
    let now = trail.recorder.reconcile(run.id()).unwrap();
    clock.advance(100 * SECOND);
    let later = trail.recorder.close_contract(run.id()).unwrap();
    let id = run.id();
    drop(run.finish());
    trail.restart();
    let ever_after = trail.recorder.reconcile(id).unwrap();
    for report in [now, later, ever_after] {
        assert_eq!(late(&report), [Duration::from_millis(1)], "{report}");
    }
}

#[test]
fn c6_c10_recovered_and_rolled_back_keep_every_ack_in_order() {
    let (trail, _) = Trail::with_clock();
    let run = begun(&trail, &contract());
    let failed = ack(&trail, run.id(), "reserve", &Outcome::Failure { error: "no stock".into() });
    let retried = ack(&trail, run.id(), "reserve", &done());
    let booked = ack(&trail, run.id(), "book", &done());
    let undone = ack(&trail, run.id(), "book", &Outcome::RolledBack { reason: "the customer left".into() });
    ack(&trail, run.id(), "close", &done());
    let report = trail.recorder.reconcile(run.id()).unwrap();
    let acks = |standing| report.of(standing).flat_map(|finding| finding.acks.clone()).collect::<Vec<_>>();
    assert_eq!(acks(Standing::Recovered), [failed, retried]);
    assert_eq!(acks(Standing::RolledBack), [booked, undone]);
    assert!(report.of(Standing::RolledBack).all(|finding| finding.detail == "the customer left"));
    drop(run.finish());
}

#[test]
fn c11_drift_is_listed_with_its_place_and_the_standard_flow_has_none() {
    let (trail, _) = Trail::with_clock();
    let standard = standard_run(Duration::from_secs(60), Duration::from_secs(10));
    let run = begun(&trail, &standard);
    for expectation in standard.expectations() {
        trail.recorder.acknowledge(run.id(), &expectation.subject, &done()).unwrap();
    }
    assert!(trail.recorder.reconcile(run.id()).unwrap().is_clean());
    ack(&trail, run.id(), "surprise", &done());
    let report = trail.recorder.reconcile(run.id()).unwrap();
    let drift: Vec<_> = report.of(Standing::Drift).collect();
    assert_eq!((drift.len(), report.verdict), (1, Verdict::Fail));
    assert!(drift[0].place.as_ref().is_some_and(|place| place.contains("contract.rs:")));
    drop(run.finish());
}

#[test]
fn c12_an_ack_for_another_run_and_a_malformed_run_id_are_refused_and_recorded() {
    let (trail, _) = Trail::with_clock();
    let (mine, other) = (begun(&trail, &contract()), begun(&trail, &contract()));
    let mismatch = mine.scope(|| trail.recorder.acknowledge(other.id(), &of("reserve"), &done()));
    assert_eq!(mismatch.unwrap_err().code(), Code::AckMismatch);
    let nobody = trail.recorder.acknowledge(RunId::NONE, &of("reserve"), &done());
    assert_eq!(nobody.unwrap_err().code(), Code::NoRun);
    assert_eq!(trail.recorder.run_named("jane@example.org").unwrap_err().code(), Code::BadId);
    assert_eq!(trail.recorder.run_named(&format!("{:#}", mine.id())).unwrap(), mine.id());
    let refusals = trail.of(Kind::Refusal);
    assert_eq!(refusals.iter().map(|told| told.text(Key::Code)).collect::<Vec<_>>(), ["AUD0801", "AUD0803", "AUD0603"]);
    assert_eq!(refusals[0].record.header.run, mine.id());
    assert!(trail.of(Kind::ContractAck).is_empty());
    assert!(!trail.bytes().windows(4).any(|window| window == b"jane"));
    drop((mine.finish(), other.finish()));
}

#[test]
fn c13_a_contract_with_a_flaw_that_was_built_at_run_time_is_invalid() {
    let (trail, _) = Trail::with_clock();
    let flawed = Contract::assembled("order", vec![Expectation::undated(of("reserve"))]);
    let run = begun(&trail, &flawed);
    ack(&trail, run.id(), "reserve", &done());
    let report = trail.recorder.reconcile(run.id()).unwrap();
    assert_eq!((report.verdict, report.label()), (Verdict::Fail, "INVALID"));
    drop(run.finish());
}

#[test]
fn c14_a_declared_contract_is_never_changed_and_nothing_is_added_behind_its_end() {
    let (mut trail, _) = Trail::with_clock();
    let run = begun(&trail, &contract());
    let again = trail.recorder.declare_with(run.id(), &standard_run(Duration::ZERO, Duration::ZERO), true);
    assert_eq!(again.unwrap_err().code(), Code::ContractClosed);
    all_done(&trail, run.id());
    assert_eq!(trail.recorder.expect(run.id(), &within("more", 5)).unwrap_err().code(), Code::ContractClosed);
    assert!(trail.recorder.close_contract(run.id()).unwrap().is_clean());
    assert_eq!(trail.recorder.close_contract(run.id()).unwrap_err().code(), Code::ContractClosed);
    let id = run.id();
    drop(run.finish());
    trail.restart();
    assert_eq!(trail.recorder.expect(id, &within("more", 5)).unwrap_err().code(), Code::ContractClosed);
    assert_eq!(trail.recorder.declare_with(id, &contract(), true).unwrap_err().code(), Code::ContractClosed);
    assert_eq!(trail.of(Kind::ContractDeclared).len(), 1);
    assert_eq!(trail.of(Kind::ContractClosed)[0].text(Key::Verdict), "PASS");
}

#[test]
fn c15_a_restart_in_mid_run_changes_no_status() {
    let (mut trail, _) = Trail::with_clock();
    let run = begun(&trail, &contract());
    ack(&trail, run.id(), "reserve", &done());
    ack(&trail, run.id(), "book", &Outcome::Failure { error: "no route".into() });
    let before = said(&trail.recorder.reconcile(run.id()).unwrap());
    assert_eq!(before, ["ACKED orders/reserve", "FAILED orders/book", "INCONCLUSIVE orders/close"]);
    let id = run.id();
    std::mem::forget(run);
    trail.restart();
    let after = said(&reconcile_run(trail.path(), id).unwrap());
    assert_eq!(after[..2], before[..2]);
    assert_eq!(after[2..], ["MISSING orders/close", "STALE run"], "the run was abandoned: nothing more comes");
}

#[test]
fn c17_before_its_deadlines_a_run_is_inconclusive_with_the_time_left() {
    let (trail, clock) = Trail::with_clock();
    let run = begun(&trail, &contract());
    ack(&trail, run.id(), "reserve", &done());
    clock.advance(2 * SECOND);
    let report = trail.recorder.reconcile(run.id()).unwrap();
    assert_eq!(report.verdict, Verdict::Inconclusive);
    let left: Vec<_> = report.of(Standing::Inconclusive).filter_map(|finding| finding.left).collect();
    assert_eq!(left, [Duration::from_secs(3), Duration::from_secs(7)]);
    clock.advance(4 * SECOND);
    assert_eq!(trail.recorder.reconcile(run.id()).unwrap().verdict, Verdict::Fail);
    drop(run.finish());
}

#[test]
fn c18_switched_off_is_disabled_never_pass_and_recording_goes_on() {
    let (trail, _) = Trail::with_clock();
    let run = trail.recorder.begin_run("order").unwrap();
    trail.recorder.declare_with(run.id(), &contract(), false).unwrap();
    all_done(&trail, run.id());
    let report = trail.recorder.reconcile(run.id()).unwrap();
    assert_eq!((report.verdict, report.is_clean()), (Verdict::Disabled, false));
    assert!(trail.of(Kind::ContractDeclared)[0].record.body.is(Key::Disabled));
    assert_eq!(trail.of(Kind::ContractAck).len(), 3);
    drop(run.finish());
}

#[test]
fn c19_ten_threads_lose_and_double_nothing() {
    let (trail, _) = Trail::with_clock();
    let each = |n: u32| Expectation::within(of("pack").instance(n.to_string()), Duration::from_secs(5));
    let draft = (0..200).fold(Contract::draft("order"), |draft, n| draft.expect(each(n)));
    let run = begun(&trail, &draft.finalised_by(within("close", 9)));
    std::thread::scope(|scope| {
        for thread in 0..10 {
            let (recorder, id) = (&trail.recorder, run.id());
            scope.spawn(move || {
                for n in (0..200).filter(|n| n % 10 == thread) {
                    recorder.acknowledge(id, &of("pack").instance(n.to_string()), &done()).unwrap();
                }
            });
        }
    });
    ack(&trail, run.id(), "close", &done());
    let report = reconcile_run(trail.path(), run.id()).unwrap();
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.counts.acked, 201);
    drop(run.finish());
}

#[test]
fn p11_p12_no_canary_reaches_the_trail_through_contracts() {
    let (trail, _) = Trail::with_clock();
    let run = begun(&trail, &contract());
    let error = "jane.canary@example.org paid with 4111 1111 1111 1111, token=sk-canary1234567890abcdef".to_owned();
    ack(&trail, run.id(), "reserve", &Outcome::Failure { error: error.clone() });
    let both = Outcome::RollbackFailed { reason: error.clone(), error: error.clone() };
    ack(&trail, run.id(), "reserve", &both);
    let canary = of("book").instance("jane.canary@example.org");
    let result = ResultId::new("jane.canary@example.org").unwrap();
    trail.recorder.acknowledge(run.id(), &canary, &Outcome::Success { result }).unwrap();
    drop(run.finish());
    let bytes = trail.bytes();
    for canary in ["jane.canary", "4111 1111", "sk-canary"] {
        assert!(!bytes.windows(canary.len()).any(|window| window == canary.as_bytes()), "{canary}");
    }
}
