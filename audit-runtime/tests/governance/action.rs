//! What becomes of an authorization: blocked, executed, failed, timed out, lost with its process.

use super::trail::{SEND, Told, Trail, Transfer, allowed, catalog, judge, profile, records, transfer};
use audit_runtime::clock::Clock;
use audit_runtime::governance::{Action, ActionError, BlockCode, Executor, Lookup, Order, Steps, sweep_actions};
use audit_runtime::model::{Durability, Exit, Key, Kind, Status};
use std::collections::BTreeSet;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::channel;
use std::time::Duration;

fn pay(transfer: &Transfer) -> Result<String, io::Error> {
    Ok(format!("receipt for {}", transfer.amount))
}

#[test]
fn a2_decision_pending_and_success_stand_in_order_under_one_run_and_trace() {
    let trail = Trail::new();
    let run = trail.recorder.begin_run("pay").unwrap();
    let receipt = run.scope(|| {
        let authorization = allowed(&trail, &transfer(7));
        let path = trail.path();
        authorization.execute(&catalog(), &SEND, &transfer(7), |transfer| {
            let seen = records(&path);
            let pending: Vec<_> = seen.iter().filter(|told| told.record.header.kind == Kind::ActionPending).collect();
            assert_eq!((pending.len(), pending[0].record.header.durability), (1, Durability::Disk));
            pay(transfer)
        })
    });
    assert_eq!(receipt.unwrap(), "receipt for 7");
    assert_eq!(trail.story(), ["DECISION ALLOW", "EXECUTION_ATTEMPT PENDING", "EXECUTION_RESULT SUCCESS"]);
    let governed: Vec<Told> =
        trail.records().into_iter().filter(|told| (96..=99).contains(&told.record.header.kind.code())).collect();
    let runs: BTreeSet<_> = governed.iter().map(|told| told.record.header.run).collect();
    let traces: BTreeSet<_> = governed.iter().map(Told::trace).collect();
    assert_eq!((runs, traces.len()), (BTreeSet::from([run.id()]), 1));
    let (decision, pending, result) = (&governed[0], &governed[1], &governed[2]);
    assert_eq!(pending.record.header.parent, decision.id);
    assert_eq!((result.record.header.subject, result.record.header.parent), (pending.id, decision.id));
    assert_eq!(pending.record.body.slot(Key::InputDigest), decision.record.body.slot(Key::InputDigest));
    assert!(result.record.body.slot(Key::OutputDigest).is_some_and(|slot| slot.digest().is_some()));
    assert_eq!((pending.text(Key::Action), pending.text(Key::ActionVersion)), ("send", "1.2.0"));
    assert_eq!((pending.text(Key::ExecutorId), pending.text(Key::ExecutorVersion)), ("bank", "3.1.4"));
    assert_eq!(pending.texts(Key::Capabilities), ["ledger"]);
    assert_eq!(run.finish().unwrap().status, Status::Completed);
    assert!(trail.is_intact());
}

/// A look-up that knows nothing because it fails.
struct Broken;

impl Lookup for Broken {
    fn action(&self, _: &str) -> Result<Option<Action>, String> {
        Err("the registry at db://app:hunter2@registry/main is away".to_owned())
    }

    fn executor(&self, _: &str) -> Result<Option<Executor>, String> {
        Ok(None)
    }
}

#[test]
fn a3_a19_each_refusal_between_gate_and_body_has_its_own_code_and_no_pending() {
    let long = Transfer { amount: 1, to: "x".repeat(300) };
    let cases: Vec<(Order<'_>, Transfer, BlockCode)> = vec![
        (Order { action: " ", ..SEND }, transfer(1), BlockCode::ActionMalformed),
        (Order { action: "se\nnd", ..SEND }, transfer(1), BlockCode::ActionMalformed),
        (Order { version: "", ..SEND }, transfer(1), BlockCode::ActionVersionInvalid),
        (Order { version: "1.2", ..SEND }, transfer(1), BlockCode::ActionVersionInvalid),
        (Order { action: "other", version: "1.0.0", ..SEND }, transfer(1), BlockCode::ProfileActionMismatch),
        (Order { action: "undeclared", ..SEND }, transfer(1), BlockCode::UnknownAction),
        (Order { version: "1.3.0", ..SEND }, transfer(1), BlockCode::UnknownAction),
        (Order { executor: "nobody", ..SEND }, transfer(1), BlockCode::ExecutorNotFound),
        (Order { executor_version: "3.1.5", ..SEND }, transfer(1), BlockCode::ExecutorVersionMismatch),
        (Order { action: "crooked", version: "1.0.0", ..SEND }, transfer(1), BlockCode::CapabilityMismatch),
        (SEND, long, BlockCode::LimitExceeded),
    ];
    let trail = Trail::new();
    let mut codes = Vec::new();
    for (order, payload, code) in &cases {
        let blocked = allowed(&trail, payload)
            .execute(&catalog(), order, payload, |_| -> io::Result<()> { panic!("the body was entered") });
        let Err(ActionError::Blocked(blocked)) = blocked else { panic!("{code} was not refused: {blocked:?}") };
        assert_eq!(blocked.code, *code, "{}", blocked.detail);
        codes.push(code.code().to_owned());
    }
    let broken = allowed(&trail, &transfer(1)).execute(&Broken, &SEND, &transfer(1), pay);
    assert!(matches!(&broken, Err(ActionError::Blocked(blocked)) if blocked.code == BlockCode::ActionLookupFailed));
    codes.push(BlockCode::ActionLookupFailed.code().to_owned());
    let told = trail.of(Kind::ActionBlocked);
    assert_eq!(told.iter().map(|told| told.text(Key::ErrorCode).to_owned()).collect::<Vec<_>>(), codes);
    let decisions = trail.of(Kind::Decision);
    assert!(told.iter().zip(&decisions).all(|(blocked, allow)| blocked.record.header.parent == allow.id));
    assert!(trail.of(Kind::ActionPending).is_empty());
    assert!(!trail.bytes().windows(7).any(|window| window == b"hunter2"));
}

#[test]
fn a4_a_payload_that_changed_since_allow_is_blocked() {
    let trail = Trail::new();
    let blocked = allowed(&trail, &transfer(7)).execute(&catalog(), &SEND, &transfer(8), pay);
    assert!(matches!(&blocked, Err(ActionError::Blocked(blocked)) if blocked.code == BlockCode::InputDigestMismatch));
    assert_eq!(trail.story(), ["DECISION ALLOW", "EXECUTION_BLOCKED BLOCKED"]);
}

#[test]
fn a4_an_authorization_that_is_too_old_is_blocked() {
    let trail = Trail::new();
    let profile = profile(100);
    let gate = trail.recorder.gate(&profile).expires(Duration::from_nanos(1));
    let authorization = gate.decide(&transfer(7), judge).unwrap().allowed().unwrap();
    let blocked = authorization.execute(&catalog(), &SEND, &transfer(7), pay);
    assert!(matches!(&blocked, Err(ActionError::Blocked(blocked)) if blocked.code == BlockCode::AuthorizationExpired));
}

#[test]
fn a15_a_composite_stops_at_its_failing_step_and_each_step_names_its_parent() {
    let trail = Trail::new();
    let done = allowed(&trail, &transfer(7)).execute_steps(&catalog(), &SEND, &transfer(7), |_, steps: &mut Steps| {
        steps.step("reserve", &1, |n| Ok::<_, io::Error>(*n))?;
        steps.step("book", &2, |_| Err::<(), _>(io::Error::other("no such account")))?;
        steps.step("confirm", &3, |n| Ok::<_, io::Error>(*n))
    });
    assert!(matches!(done, Err(ActionError::Failed { .. })));
    assert_eq!(
        trail.story(),
        [
            "DECISION ALLOW",
            "EXECUTION_ATTEMPT PENDING",
            "EXECUTION_ATTEMPT PENDING",
            "EXECUTION_RESULT SUCCESS",
            "EXECUTION_ATTEMPT PENDING",
            "EXECUTION_RESULT FAILED",
            "EXECUTION_RESULT FAILED"
        ]
    );
    let pending = trail.of(Kind::ActionPending);
    let names: Vec<&str> = pending.iter().map(|told| told.text(Key::Action)).collect();
    assert_eq!(names, ["send", "reserve", "book"]);
    assert!(pending[1..].iter().all(|step| step.record.header.parent == pending[0].id));
    assert_eq!(pending[2].record.body.uint(Key::Step), Some(1));
    let failed = &trail.of(Kind::ActionClosed)[1];
    assert_eq!((failed.text(Key::Action), failed.text(Key::ErrorCode)), ("book", "EXECUTOR_EXCEPTION"));
}

#[test]
fn a18_an_executor_that_errs_or_panics_is_failed_with_its_type() {
    let trail = Trail::new();
    let run = trail.recorder.begin_run("pay").unwrap();
    let erred = run.scope(|| {
        let fail =
            |_: &Transfer| Err::<(), _>(io::Error::other("token=sk-1234567890abcdef1234567890 of jane@example.org"));
        allowed(&trail, &transfer(7)).execute(&catalog(), &SEND, &transfer(7), fail)
    });
    assert!(matches!(erred, Err(ActionError::Failed { error, .. }) if error.to_string().contains("jane")));
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        run.scope(|| {
            let fail = |_: &Transfer| -> io::Result<()> { std::panic::panic_any(41_u32) };
            drop(allowed(&trail, &transfer(8)).execute(&catalog(), &SEND, &transfer(8), fail));
        });
    }));
    assert_eq!(panicked.expect_err("a panic").downcast_ref::<u32>(), Some(&41), "the payload goes on");
    let closed = trail.of(Kind::ActionClosed);
    assert_eq!(closed.iter().map(|told| told.record.header.exit).collect::<Vec<_>>(), [Exit::Errored, Exit::Panicked]);
    for told in &closed {
        assert_eq!((told.status(), told.text(Key::ErrorCode)), ("FAILED", "EXECUTOR_EXCEPTION"));
        assert!(told.record.body.get(Key::OutputDigest).is_none());
    }
    assert_eq!([closed[0].text(Key::ErrorType), closed[1].text(Key::ErrorType)], ["std::io::error::Error", "panic"]);
    assert!(!trail.bytes().windows(4).any(|window| window == b"jane"));
    assert_eq!(run.finish().unwrap().status, Status::Failed, "a failed execution cannot end COMPLETED");
}

#[test]
fn a18_a_timeout_is_failed_and_what_the_worker_does_later_is_linked_to_it() {
    let trail = Trail::new();
    let (go, wait) = channel::<()>();
    let late = allowed(&trail, &transfer(7)).execute_within(
        Duration::from_millis(20),
        &catalog(),
        &SEND,
        transfer(7),
        move |transfer| {
            assert!(wait.recv().is_err(), "nothing is ever sent");
            pay(&transfer)
        },
    );
    assert!(matches!(late, Err(ActionError::TimedOut { .. })));
    let closed = &trail.of(Kind::ActionClosed)[0];
    assert_eq!((closed.status(), closed.text(Key::ErrorCode)), ("FAILED", "EXECUTOR_TIMEOUT"));
    assert!(closed.record.body.is(Key::StillRunning));
    drop(go);
    while trail.of(Kind::LateCompletion).is_empty() {
        std::thread::yield_now();
    }
    let late = &trail.of(Kind::LateCompletion)[0];
    assert_eq!((late.text(Key::Outcome), late.record.header.subject), ("success", closed.record.header.subject));
    assert_eq!(late.trace(), closed.trace());
    assert_eq!(trail.of(Kind::ActionClosed).len(), 1, "the terminal stands alone");
    assert!(trail.is_intact());
}

#[test]
fn a18_a_worker_within_its_time_is_an_ordinary_success() {
    let trail = Trail::new();
    let hour = Duration::from_secs(3600);
    let work = |transfer: Transfer| pay(&transfer);
    let done = allowed(&trail, &transfer(7)).execute_within(hour, &catalog(), &SEND, transfer(7), work);
    assert_eq!(done.unwrap(), "receipt for 7");
    assert_eq!(trail.story(), ["DECISION ALLOW", "EXECUTION_ATTEMPT PENDING", "EXECUTION_RESULT SUCCESS"]);
}

#[test]
fn a12_an_output_without_canonical_form_is_no_success() {
    let trail = Trail::new();
    let done = allowed(&trail, &transfer(7)).execute(&catalog(), &SEND, &transfer(7), |_| Ok::<_, io::Error>(f64::NAN));
    assert!(matches!(done, Err(ActionError::Audit(error)) if error.is_in_doubt()));
    let closed = &trail.of(Kind::ActionClosed)[0];
    assert_eq!((closed.status(), closed.text(Key::ErrorCode)), ("FAILED", "OUTPUT_NOT_DIGESTIBLE"));
}

#[test]
fn a2_thirty_callers_leave_thirty_decisions_and_pairs() {
    let trail = Trail::new();
    std::thread::scope(|scope| {
        for caller in 0..30 {
            let trail = &trail;
            scope.spawn(move || {
                for round in 0..5 {
                    let payload = transfer(caller + round);
                    allowed(trail, &payload).execute(&catalog(), &SEND, &payload, pay).unwrap();
                }
            });
        }
    });
    let (decisions, pending, closed) =
        (trail.of(Kind::Decision), trail.of(Kind::ActionPending), trail.of(Kind::ActionClosed));
    assert_eq!((decisions.len(), pending.len(), closed.len()), (150, 150, 150));
    let parents: BTreeSet<_> = pending.iter().map(|told| told.record.header.parent).collect();
    let subjects: BTreeSet<_> = closed.iter().map(|told| told.record.header.subject).collect();
    assert_eq!((parents.len(), subjects.len()), (150, 150));
    assert!(trail.is_intact());
}

const DIE_IN: &str = "AUDIT_TEST_DIE_IN_ACTION";

/// The process that dies: only in the child that the test below starts.
#[test]
fn child_dies_inside_an_action() {
    let Some(path) = std::env::var_os(DIE_IN) else { return };
    let recorder = audit_runtime::open(path).expect("the parent's trail");
    let profile = profile(100);
    let ruling = recorder.gate(&profile).decide(&transfer(7), judge).expect("a decision");
    let authorization = ruling.allowed().expect("an ALLOW");
    drop(authorization.execute(&catalog(), &SEND, &transfer(7), |_| -> io::Result<()> { std::process::exit(0) }));
}

#[test]
fn an_action_that_dies_with_its_process_is_abandoned_never_guessed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trail");
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "governance::action::child_dies_inside_an_action"])
        .env(DIE_IN, &path)
        .output()
        .unwrap();
    assert!(child.status.success(), "{child:?}");
    let recorder = audit_runtime::open(&path).unwrap();
    assert_eq!(recorder.recovered().streams.iter().map(|stream| stream.abandoned).sum::<u64>(), 1);
    let told = records(&path);
    let of = |kind| told.iter().filter(|told| told.record.header.kind == kind).collect::<Vec<_>>();
    let (pending, closed) = (of(Kind::ActionPending), of(Kind::ActionClosed));
    assert_eq!((pending.len(), closed.len()), (1, 1));
    assert_eq!((closed[0].status(), closed[0].record.header.exit), ("ABANDONED", Exit::Lost));
    assert_eq!(closed[0].record.header.subject, pending[0].id);
    assert_eq!(closed[0].record.header.parent, of(Kind::Decision)[0].id);
    assert!(!closed[0].text(Key::AbandonReason).is_empty());
    let layout = audit_runtime::journal::Layout::at(&path);
    assert!(audit_runtime::trail::verify(&layout, &mut |_| {}).unwrap().is_intact());
}

#[test]
fn a20_an_action_that_is_pending_for_too_long_is_listed_with_its_age() {
    let (trail, clock) = Trail::with_clock();
    let path = trail.path();
    let limit = Duration::from_secs(60);
    let done = allowed(&trail, &transfer(7)).execute(&catalog(), &SEND, &transfer(7), |transfer| {
        let sweep = || sweep_actions(&path, None, clock.wall_ns(), limit).expect("a readable trail");
        assert_eq!(sweep(), []);
        clock.advance(61_000_000_000);
        let found = sweep();
        assert_eq!((found.len(), found[0].rule, found[0].message.as_str()), (1, "S27", "PENDING for 61.0 s"));
        pay(transfer)
    });
    assert!(done.is_ok());
    assert_eq!(sweep_actions(&path, None, clock.wall_ns(), limit).unwrap(), []);
}

#[test]
fn a21_a_trace_is_explained_as_decision_pending_and_terminal_with_what_is_missing() {
    let trail = Trail::new();
    let authorization = allowed(&trail, &transfer(7));
    let trace = authorization.correlation().trace().unwrap().to_string();
    let explain = || audit_runtime::trail::Trail::scan(trail.path()).unwrap().explain(&trace).unwrap().sentences;
    let told = explain();
    assert!(told.iter().any(|line| line.ends_with("DECISION ALLOW")), "{told:?}");
    assert!(told.iter().any(|line| line.starts_with("missing: what ")), "{told:?}");
    drop(authorization.execute(&catalog(), &SEND, &transfer(7), |_| Err::<(), _>(io::Error::other("no"))));
    let told = explain();
    let at =
        |text: &str| told.iter().position(|line| line.contains(text)).unwrap_or_else(|| panic!("{text}: {told:?}"));
    let order = [at("DECISION ALLOW"), at("EXECUTION_ATTEMPT send"), at("EXECUTION_RESULT send: EXECUTOR_EXCEPTION")];
    assert!(order.is_sorted(), "{told:?}");
    assert!(!told.iter().any(|line| line.starts_with("missing")), "{told:?}");
}
