//! The phases of a run under contract: what each needs, and that every end acknowledges its finalising action once.

use super::trail::{SEND, Trail, catalog, judge, profile, transfer};
use audit_runtime::Code;
use audit_runtime::contract::{Contract, Expectation, Outcome, ResultId, Standing, Subject, Verdict};
use audit_runtime::governance::{Authorization, Created, Executing, GovernanceCheck, Governed, Phase, Work, phase_of};
use audit_runtime::model::{Key, Kind, Status};
use std::io;
use std::time::Duration;

fn pay() -> Subject {
    Subject::new("payments", "pay")
}

fn contract() -> Contract {
    let within = |subject, secs| Expectation::within(subject, Duration::from_secs(secs));
    Contract::draft("payment").expect(within(pay(), 5)).finalised_by(within(Subject::new("payments", "close"), 60))
}

fn result() -> ResultId {
    ResultId::new("receipt-7").expect("a result")
}

fn authorization(trail: &Trail, run: &Governed<Created>) -> Authorization {
    let profile = profile(100);
    let ruling = run.scope(|| trail.recorder.gate(&profile).decide(&transfer(7), judge)).expect("a decision");
    ruling.allowed().expect("an ALLOW")
}

/// A run that executes; its action is done.
fn executing(trail: &Trail) -> Governed<Executing> {
    let run = trail.recorder.govern("pay", &contract()).expect("a governed run");
    let proof = authorization(trail, &run);
    let run = run.authorize(&proof).expect("its own authorization").execute().expect("a phase");
    run.scope(|| proof.execute(&catalog(), &SEND, &transfer(7), |_| Ok::<_, io::Error>(7))).expect("a success");
    run
}

fn checking(trail: &Trail) -> Governed<GovernanceCheck> {
    let run = executing(trail);
    run.acknowledge(&pay(), &Outcome::Success { result: result() }).expect("an acknowledgement");
    run.report(Work::Done).expect("work that was done")
}

fn phases(trail: &Trail) -> Vec<String> {
    trail.of(Kind::RunPhase).iter().map(|told| told.text(Key::Phase).to_owned()).collect()
}

/// Outcomes of the finalising acknowledgements.
fn finals(trail: &Trail) -> Vec<String> {
    let acks = trail.of(Kind::ContractAck);
    acks.iter()
        .filter(|told| told.text(Key::Action) == "close")
        .map(|told| told.text(Key::Outcome).to_owned())
        .collect()
}

#[test]
fn c8_a_healthy_run_passes_every_phase_and_nothing_counts_as_missing_or_stale() {
    let trail = Trail::new();
    let run = checking(&trail);
    let id = run.id();
    let ended = run.check().expect("a clean contract").complete(result()).unwrap();
    assert_eq!((ended.phase, ended.summary.status), (Phase::Completed, Status::Completed));
    assert_eq!((ended.report.verdict, ended.report.counts.missing), (Verdict::Pass, 0));
    assert_eq!(ended.report.of(Standing::Stale).count(), 0);
    assert_eq!(phases(&trail), ["CREATED", "AUTHORIZED", "EXECUTING", "GOVERNANCE_CHECK", "FINALIZING", "COMPLETED"]);
    assert_eq!(finals(&trail), ["success"]);
    assert_eq!(trail.of(Kind::ContractClosed)[0].text(Key::Verdict), "PASS");
    assert_eq!(trail.of(Kind::RunEnded)[0].status(), "COMPLETED");
    assert_eq!(phase_of(trail.path(), id).unwrap(), Some(Phase::Completed));
    assert!(trail.is_intact());
}

#[test]
fn c9_work_that_was_reported_as_failed_cannot_end_completed() {
    let trail = Trail::new();
    let refused = executing(&trail).report(Work::Failed("the bank is closed".into())).expect_err("no way on");
    assert_eq!(refused.error.code(), Code::PhaseRefused);
    let refused = refused.run.report(Work::Done).expect_err("a failure is not taken back");
    let ended = refused.run.fail("the bank is closed").unwrap();
    assert_eq!((ended.phase, ended.summary.status), (Phase::Failed, Status::Failed));
    assert_eq!(phases(&trail), ["CREATED", "AUTHORIZED", "EXECUTING", "FAILED"]);
    assert_eq!(finals(&trail), ["failure"]);
    assert_eq!(trail.of(Kind::RunEnded)[0].status(), "FAILED");
}

#[test]
fn c9_work_of_which_nothing_succeeded_is_not_done() {
    let trail = Trail::new();
    let run = trail.recorder.govern("pay", &contract()).unwrap();
    let proof = authorization(&trail, &run);
    let run = run.authorize(&proof).unwrap().execute().unwrap();
    let failed = run.scope(|| proof.execute(&catalog(), &SEND, &transfer(7), |_| Err::<(), _>(io::Error::other("no"))));
    assert!(failed.is_err());
    assert_eq!(run.report(Work::Done).expect_err("nothing succeeded").error.code(), Code::PhaseRefused);
    assert_eq!(finals(&trail), ["failure"], "the run that came back was dropped");
    assert_eq!(trail.of(Kind::RunEnded)[0].status(), "FAILED");
}

#[test]
fn c8_a_run_with_a_missing_step_does_not_pass_the_check() {
    let trail = Trail::new();
    let run = executing(&trail).report(Work::Done).unwrap();
    let refused = run.check().expect_err("the step is open");
    let report = refused.report.expect("what was found");
    assert_eq!(report.verdict, Verdict::Inconclusive);
    refused.run.acknowledge(&pay(), &Outcome::Success { result: result() }).unwrap();
    let ended = refused.run.check().expect("clean now").complete(result()).unwrap();
    assert_eq!(ended.phase, Phase::Completed);
}

#[test]
fn a_run_that_is_finalised_too_late_is_failed() {
    let (trail, clock) = Trail::with_clock();
    let run = checking(&trail).check().expect("a clean contract");
    clock.advance(61_000_000_000);
    let ended = run.complete(result()).unwrap();
    assert_eq!((ended.phase, ended.report.verdict), (Phase::Failed, Verdict::Fail));
    assert_eq!(ended.report.of(Standing::Late).count(), 1);
    assert_eq!(finals(&trail), ["success"]);
    assert_eq!(trail.of(Kind::RunEnded)[0].status(), "FAILED");
}

#[test]
fn an_authorization_of_another_run_opens_no_phase() {
    let trail = Trail::new();
    let (one, two) =
        (trail.recorder.govern("one", &contract()).unwrap(), trail.recorder.govern("two", &contract()).unwrap());
    let proof = authorization(&trail, &two);
    let refused = one.authorize(&proof).expect_err("it belongs to the other run");
    assert_eq!(refused.error.code(), Code::PhaseRefused);
    assert!(two.authorize(&proof).is_ok());
}

#[test]
fn a_run_that_is_dropped_in_any_phase_is_failed_with_one_final_ack() {
    let trail = Trail::new();
    drop(trail.recorder.govern("created", &contract()).unwrap());
    drop(executing(&trail));
    drop(checking(&trail));
    drop(checking(&trail).check().unwrap());
    assert_eq!(finals(&trail), ["failure"; 4]);
    assert_eq!(trail.of(Kind::RunEnded).iter().map(|told| told.status()).collect::<Vec<_>>(), ["FAILED"; 4]);
    assert_eq!(phases(&trail).iter().filter(|phase| *phase == "FAILED").count(), 4);
    assert_eq!(trail.of(Kind::ContractClosed).len(), 4);
}

#[test]
fn the_finalising_action_is_not_acknowledged_by_hand() {
    let trail = Trail::new();
    let run = executing(&trail);
    let by_hand = run.acknowledge(&Subject::new("payments", "close"), &Outcome::Success { result: result() });
    assert_eq!(by_hand.unwrap_err().code(), Code::PhaseRefused);
    drop(run);
    assert_eq!(finals(&trail), ["failure"]);
}
