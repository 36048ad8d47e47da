//! Authorized runs are claimed by their seat: one worker process of many, again when it is killed, and the finalising
//! acknowledgement stands once, whoever did the work.

use super::trail::{SEND, Trail, catalog, judge, profile, records, transfer};
use audit_runtime::contract::{Contract, Expectation, Outcome, ResultId, Standing, Subject, Verdict};
use audit_runtime::governance::{Phase, Rebuilt, Work, phase_of, reconcile_run};
use audit_runtime::model::{Id, Key, Kind, RunId};
use audit_runtime::{Code, Error, Recorder};
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const CHILD: &str = "AUDIT_TEST_CLAIM_CHILD";

fn pay() -> Subject {
    Subject::new("payments", "pay")
}

fn contract() -> Contract {
    let within = |subject, secs| Expectation::within(subject, Duration::from_secs(secs));
    Contract::draft("payment").expect(within(pay(), 600)).finalised_by(within(Subject::new("payments", "close"), 900))
}

fn result() -> ResultId {
    ResultId::new("receipt-7").expect("a result")
}

/// A run that a gate has allowed, left to whoever claims it.
fn authorized(trail: &Trail) -> RunId {
    let run = trail.recorder.govern("pay", &contract()).expect("a governed run");
    let ruling = run.scope(|| trail.recorder.gate(&profile(100)).decide(&transfer(7), judge)).expect("a decision");
    let proof = ruling.allowed().expect("an ALLOW");
    run.authorize(&proof).expect("its own authorization").hand_over().expect("a run that waits")
}

/// One payment, in the run that was claimed. Dies at the step that is named.
fn work(recorder: &Recorder, run: Rebuilt, die_at: &str) -> Result<(), Error> {
    let die = |at: &str| {
        if at == die_at {
            std::process::abort();
        }
    };
    die("claimed");
    let run = match run {
        Rebuilt::Authorized(run) => run.execute()?,
        Rebuilt::Executing(run) => run,
        Rebuilt::GovernanceCheck(run) => return run.check()?.complete(result()).map(drop),
        Rebuilt::Finalizing(run) => return run.complete(result()).map(drop),
        Rebuilt::Created(run) => return run.fail("nobody has authorized it").map(drop),
    };
    die("executing");
    // What another worker has acknowledged is not done again.
    let done = recorder.reconcile(run.id())?.of(Standing::Acked).any(|found| found.subject == Some(pay()));
    if !done {
        let ruling = run.scope(|| recorder.gate(&profile(100)).decide(&transfer(7), judge))?;
        let proof = ruling.allowed().expect("an ALLOW");
        let paid = run.scope(|| proof.execute(&catalog(), &SEND, &transfer(7), |_| Ok::<_, io::Error>(7)));
        paid.expect("a payment");
        run.acknowledge(&pay(), &Outcome::Success { result: result() })?;
    }
    die("acknowledged");
    let run = run.report(Work::Done)?;
    die("checking");
    let run = run.check()?;
    // What a kill inside of `complete` leaves: the acknowledgement, then the contract's end, never the run's.
    if ["finalised", "closed"].contains(&die_at) {
        recorder.acknowledge(run.id(), &Subject::new("payments", "close"), &Outcome::Success { result: result() })?;
        if die_at == "closed" {
            recorder.close_contract(run.id())?;
        }
        std::process::abort();
    }
    run.complete(result()).map(drop)
}

/// Not a test of its own: a worker process that claims runs until none is left for it.
#[test]
fn child_claims_and_works() {
    let Ok(told) = std::env::var(CHILD) else { return };
    let mut words = told.split('|');
    let mut word = || words.next().expect("trail, run, step");
    let (path, run, die_at) = (word().to_owned(), word().to_owned(), word().to_owned());
    let recorder = audit_runtime::open(Path::new(&path)).expect("the trail opens");
    let run = RunId(Id::parse(&run).expect("a run"));
    match recorder.claim(run) {
        Ok(claimed) => {
            work(&recorder, claimed, &die_at).expect("work");
            println!("DONE");
        }
        Err(error) => println!("REFUSED {}", error.code().text()),
    }
    recorder.close().expect("a clean end");
}

fn worker(path: &Path, run: RunId, die_at: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this test's own path"));
    command.args(["governance::claims::child_claims_and_works", "--exact", "--nocapture"]);
    command.env(CHILD, format!("{}|{run:#}|{die_at}", path.display())).stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().expect("a worker")
}

/// What each of several workers at one instant said: DONE, REFUSED with its code, or nothing when it died.
fn workers(path: &Path, run: RunId, dying: &[&str]) -> Vec<String> {
    let children: Vec<Child> = dying.iter().map(|die_at| worker(path, run, die_at)).collect();
    let said = children.into_iter().map(|child| {
        let output = child.wait_with_output().expect("its end");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = text.lines().find(|line| line.starts_with("DONE") || line.starts_with("REFUSED"));
        line.unwrap_or("DIED").to_owned()
    });
    said.collect()
}

/// Outcomes of the finalising acknowledgements, and statuses of the run's ends, in the order of the attempts.
fn finals(path: &Path) -> (Vec<String>, Vec<(u32, &'static str)>) {
    let all = records(path);
    let acks =
        all.iter().filter(|told| told.record.header.kind == Kind::ContractAck && told.text(Key::Action) == "close");
    let ends = all.iter().filter(|told| told.record.header.kind == Kind::RunEnded);
    let mut ends: Vec<_> = ends.map(|told| (told.record.header.attempt, told.status())).collect();
    ends.sort_unstable();
    (acks.map(|told| told.text(Key::Outcome).to_owned()).collect(), ends)
}

#[test]
fn c20_of_several_workers_one_claims_the_run_and_finalises_it_once() {
    let trail = Trail::new();
    let run = authorized(&trail);
    assert_eq!(phase_of(trail.path(), run).unwrap(), Some(Phase::Authorized));
    assert_eq!(
        reconcile_run(trail.path(), run).unwrap().verdict,
        Verdict::Inconclusive,
        "it waits: nothing is missing"
    );
    let said = workers(&trail.path(), run, &["", "", ""]);
    assert_eq!(said.iter().filter(|word| *word == "DONE").count(), 1, "{said:?}");
    assert!(
        said.iter().all(|word| ["DONE", "REFUSED AUD0710", "REFUSED AUD0711"].contains(&word.as_str())),
        "{said:?}"
    );
    assert_eq!(finals(&trail.path()), (vec!["success".to_owned()], vec![(0, "INTERRUPTED"), (1, "COMPLETED")]));
    assert_eq!(phase_of(trail.path(), run).unwrap(), Some(Phase::Completed));
    assert_eq!(reconcile_run(trail.path(), run).unwrap().verdict, Verdict::Pass);
    assert!(trail.is_intact());
}

#[test]
fn c20_a_run_whose_worker_is_killed_is_claimed_again_and_finalised_once() {
    for die_at in ["claimed", "executing", "acknowledged", "checking", "finalised", "closed"] {
        let trail = Trail::new();
        let run = authorized(&trail);
        assert_eq!(workers(&trail.path(), run, &[die_at]), ["DIED"]);
        // A run whose worker died is not clean before all of its contract is acknowledged.
        let acknowledged = ["finalised", "closed"].contains(&die_at);
        assert_eq!(reconcile_run(trail.path(), run).unwrap().is_clean(), acknowledged, "{die_at}");
        let said = workers(&trail.path(), run, &["", ""]);
        assert_eq!(said.iter().filter(|word| *word == "DONE").count(), 1, "{die_at}: {said:?}");
        let (acks, ends) = finals(&trail.path());
        assert_eq!(ends, [(0, "INTERRUPTED"), (1, "ABANDONED"), (2, "COMPLETED")], "{die_at}");
        assert_eq!(acks, ["success"], "{die_at}: once");
        assert!(trail.is_intact(), "{die_at}");
    }
}

#[test]
fn c20_a_run_that_is_held_or_has_ended_or_has_no_contract_is_not_claimed() {
    let trail = Trail::new();
    let plain = trail.recorder.begin_run("plain").unwrap();
    let code = |run| trail.recorder.claim(run).map(|run| run.phase()).unwrap_err().code();
    assert_eq!(code(plain.id()), Code::RunHeld);
    let id = plain.id();
    plain.interrupt("no contract").unwrap();
    assert_eq!(code(id), Code::PhaseRefused);
    let run = authorized(&trail);
    let Ok(Rebuilt::Authorized(claimed)) = trail.recorder.claim(run) else { panic!("an authorized run") };
    assert_eq!(code(run), Code::RunHeld);
    let ended = claimed.fail("changed our mind").unwrap();
    assert_eq!(ended.phase, Phase::Failed);
    let Ok(Rebuilt::Executing(again)) = trail.recorder.claim(run) else {
        panic!("a failed run is resumed to be failed")
    };
    assert!(again.report(Work::Done).is_err(), "a failure is not taken back");
    assert_eq!(finals(&trail.path()).0, ["failure"], "the finalising acknowledgement stands once");
    // The negative control: one more, by another hand, is seen.
    trail
        .recorder
        .acknowledge(run, &Subject::new("payments", "close"), &Outcome::Success { result: result() })
        .unwrap();
    assert_eq!(finals(&trail.path()).0, ["failure", "success"]);
}
