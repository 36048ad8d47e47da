//! Gates and actions by annotation: the same records as by hand, on the device before anybody hears of them.

use super::trail::{Policy, RuleFault, Told, Trail, Transfer, judge, profile, records, transfer};
use audit_runtime::governance::{
    Action, ActionError, Authorization, BlockCode, Catalog, Correlation, Decision, Executor, Order, Profile, Relation,
    Rules, Ruling, current_attempt, link,
};
use audit_runtime::model::cbor::Value;
use audit_runtime::model::{Durability, Exit, Id, Key, Kind, RunId};
use audit_runtime::{AuditContext, Code, action, audit_context, gate};
use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};

static PAYMENTS: LazyLock<Profile<Policy>> = LazyLock::new(|| profile(100));
static SENDS: LazyLock<Profile<Policy>> = LazyLock::new(|| {
    let actions = ["send", "send_later", "send_for_ever", "send_on", "send-it", "nothing"];
    Profile::new("payments", Policy { limit: 100 }, actions).expect("a profile")
});
static BANK: LazyLock<Executor> = LazyLock::new(|| Executor::new("bank", "3.1.4").provides("ledger"));

#[gate(profile = PAYMENTS)]
fn may_pay(#[policy] policy: &Policy, transfer: &Transfer) -> Decision {
    judge(policy, transfer)
}

#[gate(profile = SENDS, expires = 1h, correlation = Correlation::fresh().tenant("acme"))]
async fn may_send(transfer: &Transfer) -> Decision {
    tokio::task::yield_now().await;
    if transfer.amount == 13 {
        panic!("an unlucky amount");
    }
    judge(SENDS.policy(), transfer)
}

#[gate(profile = SENDS)]
async fn may_look_up(
    transfer: Transfer,
    #[allow(unused)]
    #[payload]
    other: u32,
) -> Result<Decision, RuleFault> {
    tokio::task::yield_now().await;
    if transfer.amount == 0 { Err(RuleFault::Unreachable) } else { Ok(Decision::allow(Rules::new())) }
}

struct Desk {
    profile: Profile<Policy>,
}

impl Desk {
    #[gate(profile = self.profile)]
    fn admits(&self, #[policy] policy: &Policy, transfer: &Transfer) -> Result<Decision, RuleFault> {
        if transfer.amount == 0 {
            return Err(RuleFault::Odd("zero".to_owned()));
        }
        Ok(judge(policy, transfer))
    }

    #[action(version = "1.2.0", executor = BANK, needs("ledger"), limits(bytes = 200, depth = 4, list = 8), name = "send")]
    fn pays(&self, _: Authorization, transfer: &Transfer) -> Result<u64, io::Error> {
        Ok(transfer.amount)
    }
}

#[action(version = "1.2.0", executor = BANK, needs("ledger"), limits(bytes = 200))]
fn send(authorization: Authorization, transfer: Transfer) -> Result<String, io::Error> {
    if transfer.amount == 0 {
        return Err(io::Error::other("nothing to send"));
    }
    Ok(format!("receipt for {}", transfer.amount))
}

#[action(version = "1.2.0", name = "send", executor = Executor::new("bank", "3.1.4"), needs("ledger"))]
fn send_by_an_executor_that_cannot(authorization: Authorization, transfer: &Transfer) -> Result<u64, io::Error> {
    Ok(transfer.amount)
}

#[action(version = "2.0.0")]
async fn send_later(
    authorization: Authorization,
    #[payload] transfer: &Transfer,
    path: Option<PathBuf>,
) -> io::Result<u64>
where
    Transfer: Clone,
{
    tokio::task::yield_now().await;
    match (transfer.amount, path) {
        (0, _) => Err(io::Error::other("nothing to send"))?,
        (13, _) => std::panic::panic_any(13_u32),
        (_, Some(path)) => {
            let pending = records(&path).into_iter().filter(|told| told.record.header.kind == Kind::ActionPending);
            assert_eq!(pending.count(), 1, "PENDING is there before the body");
        }
        _ => {}
    }
    Ok(transfer.amount)
}

/// Set when the worker that ran out of time may go on.
static GO_ON: AtomicBool = AtomicBool::new(false);

#[action(version = "1.0.0", within = 20ms, spawn = tokio::spawn)]
async fn send_on(authorization: Authorization, amount: u64) -> Result<u64, io::Error> {
    while !GO_ON.load(Ordering::SeqCst) {
        tokio::task::yield_now().await;
    }
    Ok(amount)
}

#[action(version = "1.0.0", within = 20ms)]
async fn send_for_ever(authorization: Authorization, amount: u64) -> Result<u64, io::Error> {
    std::future::pending::<()>().await;
    Ok(amount)
}

#[action(version = "1.0.0", within = 1h, spawn = tokio::spawn)]
async fn nothing(authorization: Authorization) -> Result<(), io::Error> {
    Ok(())
}

#[action(version = "1.0.0", within = 1h, name = "send-it")]
fn send_on_a_thread(authorization: Authorization, transfer: Transfer) -> Result<Option<String>, io::Error> {
    assert_eq!(transfer.amount, 7);
    Ok(current_attempt().map(|attempt| attempt.to_string()))
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    runtime.block_on(future)
}

fn allow<T: serde::Serialize>(trail: &Trail, payload: &T) -> Authorization {
    let ruling = trail.recorder.gate(&SENDS).decide(payload, |_, _| Decision::allow(Rules::new()));
    ruling.expect("recorded").allowed().expect("an ALLOW")
}

fn only(told: Vec<Told>) -> Told {
    let [one] = <[Told; 1]>::try_from(told).expect("one record");
    one
}

fn site_of(trail: &Trail, told: &Told) -> String {
    let sites = trail.of(Kind::Site);
    let site = sites.iter().find(|site| site.record.header.site == told.record.header.site).expect("a site");
    format!("{} {}", site.text(Key::Function), site.text(Key::NodeKind))
}

#[test]
fn a1_a_gate_by_annotation_denies_with_reason_rules_fingerprint_and_place() {
    let trail = Trail::new();
    let ruling = trail.recorder.scope(|| may_pay(&transfer(500))).expect("recorded");
    let Ruling::Denied(denial) = ruling else { panic!("500 is above the limit") };
    let told = only(trail.of(Kind::Decision));
    assert_eq!((denial.id, told.status(), told.record.header.durability), (told.id, "DENY", Durability::Disk));
    assert_eq!(told.texts(Key::ReasonCodes), ["OVER_LIMIT"]);
    assert_eq!(told.texts(Key::MatchedRules), ["has_recipient", "over_limit"]);
    let fingerprint = told.record.body.slot(Key::ProfileHash).and_then(|slot| slot.digest().cloned());
    assert_eq!(fingerprint.as_ref(), Some(PAYMENTS.fingerprint()));
    assert_eq!(site_of(&trail, &told), "may_pay gate");
    assert!(trail.is_intact());
}

#[test]
fn a2_gate_and_action_by_annotation_leave_decision_pending_and_success_under_one_run_and_trace() {
    let trail = Trail::new();
    let run = trail.recorder.begin_run("pay").expect("a run");
    let desk = Desk { profile: profile(100) };
    let paid = run.scope(|| {
        let authorization = desk.admits(&transfer(7)).expect("recorded").allowed().expect("an ALLOW");
        desk.pays(authorization, &transfer(7))
    });
    assert_eq!(paid.expect("paid"), 7);
    assert_eq!(trail.story(), ["DECISION ALLOW", "EXECUTION_ATTEMPT PENDING", "EXECUTION_RESULT SUCCESS"]);
    let (decision, pending) = (only(trail.of(Kind::Decision)), only(trail.of(Kind::ActionPending)));
    let closed = only(trail.of(Kind::ActionClosed));
    let all = [&decision, &pending, &closed];
    assert!(all.iter().all(|told| told.record.header.run == run.id() && told.trace() == decision.trace()));
    assert!(all.iter().all(|told| told.record.header.durability == Durability::Disk));
    assert_eq!((pending.text(Key::Action), pending.text(Key::ActionVersion)), ("send", "1.2.0"));
    assert_eq!((pending.text(Key::ExecutorId), pending.text(Key::ExecutorVersion)), ("bank", "3.1.4"));
    assert_eq!(pending.texts(Key::Capabilities), ["ledger"]);
    assert_eq!([site_of(&trail, &decision), site_of(&trail, &pending)], ["admits gate", "pays action"]);
    run.finish().expect("an end");
}

#[test]
fn a6_errors_and_panics_in_annotated_gates_are_denials_with_their_codes() {
    let trail = Trail::new();
    let desk = Desk { profile: profile(100) };
    trail.recorder.scope(|| desk.admits(&transfer(0))).expect("recorded").allowed().expect_err("a DENY");
    block_on(trail.recorder.scope_async(may_send(&transfer(13)))).expect("recorded").allowed().expect_err("a DENY");
    block_on(trail.recorder.scope_async(may_look_up(transfer(0), 1))).expect("recorded").allowed().expect_err("a DENY");
    let told = trail.of(Kind::Decision);
    let codes: Vec<Vec<String>> = told.iter().map(|told| told.texts(Key::ReasonCodes)).collect();
    assert_eq!(codes, [["LIST_ODD"], ["GATE_EXCEPTION"], ["LIST_UNREACHABLE"]]);
    let types: Vec<&str> =
        told.iter().map(|told| told.text(Key::ErrorType).rsplit("::").next().unwrap_or("")).collect();
    assert_eq!(types, ["RuleFault", "panic", "RuleFault"]);
    let reason =
        told[1].record.body.get(Key::Reasons).and_then(Value::as_array).and_then(|r| r[0].as_map().map(<[_]>::to_vec));
    assert!(format!("{reason:?}").contains("an unlucky amount"));
}

#[test]
fn a1_without_a_recorder_nothing_is_decided_and_a_closed_one_tells_nothing() {
    let told =
        std::thread::spawn(|| may_pay(&transfer(1)).map(drop).map_err(|error| error.code())).join().expect("it ends");
    assert_eq!(told, Err(Code::NotInstalled));
    let trail = Trail::new();
    trail.recorder.close().expect("a clean end");
    let told = trail.recorder.scope(|| may_pay(&transfer(1)));
    assert!(told.is_err_and(|error| error.is_refused()));
    let told = block_on(trail.recorder.scope_async(may_send(&transfer(1))));
    assert!(told.is_err_and(|error| error.is_refused()));
    assert!(trail.of(Kind::Decision).is_empty());
}

#[test]
fn a3_a4_what_an_annotated_action_refuses_is_blocked_with_its_code_and_its_body_not_entered() {
    let trail = Trail::new();
    let blocked = |result: Result<u64, ActionError<io::Error>>| match result {
        Err(ActionError::Blocked(blocked)) => blocked.code,
        other => panic!("not blocked: {other:?}"),
    };
    let text = |result: Result<String, _>| blocked(result.map(|_| 0));
    let long = Transfer { amount: 1, to: "x".repeat(300) };
    assert_eq!(text(send(allow(&trail, &transfer(7)), transfer(8))), BlockCode::InputDigestMismatch);
    assert_eq!(text(send(allow(&trail, &long), long)), BlockCode::LimitExceeded);
    let cannot = send_by_an_executor_that_cannot(allow(&trail, &transfer(7)), &transfer(7));
    assert_eq!(blocked(cannot), BlockCode::CapabilityMismatch);
    let other =
        trail.recorder.gate(&PAYMENTS).decide(&transfer(7), judge).expect("recorded").allowed().expect("an ALLOW");
    let mismatch = block_on(send_later(other, &transfer(7), None));
    assert_eq!(blocked(mismatch), BlockCode::ProfileActionMismatch);
    let told: Vec<String> =
        trail.of(Kind::ActionBlocked).iter().map(|told| told.text(Key::ErrorCode).to_owned()).collect();
    assert_eq!(told, ["INPUT_DIGEST_MISMATCH", "LIMIT_EXCEEDED", "CAPABILITY_MISMATCH", "PROFILE_ACTION_MISMATCH"]);
    assert!(trail.of(Kind::ActionPending).is_empty());
}

#[test]
fn a18_an_annotated_future_that_succeeds_errs_panics_or_is_dropped_has_one_terminal_each() {
    let trail = Trail::new();
    let path = Some(trail.path());
    assert_eq!(block_on(send_later(allow(&trail, &transfer(7)), &transfer(7), path)).expect("sent"), 7);
    let failed = block_on(send_later(allow(&trail, &transfer(0)), &transfer(0), None));
    assert!(matches!(failed, Err(ActionError::Failed { error, .. }) if error.to_string() == "nothing to send"));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        block_on(send_later(allow(&trail, &transfer(13)), &transfer(13), None))
    }));
    assert_eq!(panicked.expect_err("a panic").downcast_ref::<u32>(), Some(&13), "the payload goes on");
    let lucky = transfer(9);
    let mut dropped = Box::pin(send_later(allow(&trail, &lucky), &lucky, None));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(dropped.as_mut().poll(&mut cx).is_pending());
    drop(dropped);
    let closed = trail.of(Kind::ActionClosed);
    let ends: Vec<(&str, Exit, &str)> =
        closed.iter().map(|told| (told.status(), told.record.header.exit, told.text(Key::ErrorCode))).collect();
    assert_eq!(
        ends,
        [
            ("SUCCESS", Exit::Returned, ""),
            ("FAILED", Exit::Errored, "EXECUTOR_EXCEPTION"),
            ("FAILED", Exit::Panicked, "EXECUTOR_EXCEPTION"),
            ("FAILED", Exit::Cancelled, "EXECUTOR_CANCELLED"),
        ]
    );
    assert_eq!(trail.of(Kind::ActionPending).len(), 4);
    assert!(closed.iter().skip(1).all(|told| told.record.body.get(Key::OutputDigest).is_none()));
    assert!(trail.is_intact());
}

#[test]
fn a18_an_async_action_that_runs_out_of_time_is_failed_and_its_worker_ends_late() {
    let trail = Trail::new();
    block_on(async {
        let late = send_on(allow(&trail, &5_u64), 5).await;
        assert!(matches!(late, Err(ActionError::TimedOut { .. })));
        let closed = only(trail.of(Kind::ActionClosed));
        assert_eq!((closed.status(), closed.text(Key::ErrorCode)), ("FAILED", "EXECUTOR_TIMEOUT"));
        assert!(closed.record.body.is(Key::StillRunning));
        assert!(trail.of(Kind::LateCompletion).is_empty());
        GO_ON.store(true, Ordering::SeqCst);
        while trail.of(Kind::LateCompletion).is_empty() {
            tokio::task::yield_now().await;
        }
        let late = only(trail.of(Kind::LateCompletion));
        assert_eq!((late.text(Key::Outcome), late.record.header.subject), ("success", closed.record.header.subject));
        assert_eq!(only(trail.of(Kind::ActionPending)).record.body.uint(Key::TimeoutMs), Some(20));
    });
    assert_eq!(trail.of(Kind::ActionClosed).len(), 1, "the terminal stands alone");
    assert!(trail.is_intact());
}

/// A body that is dropped does nothing more, so nothing is said to be running.
#[test]
fn a18_an_async_body_that_is_dropped_by_its_timeout_is_not_still_running() {
    let trail = Trail::new();
    let dropped = block_on(send_for_ever(allow(&trail, &5_u64), 5));
    assert!(matches!(dropped, Err(ActionError::TimedOut { .. })));
    let closed = only(trail.of(Kind::ActionClosed));
    assert_eq!((closed.text(Key::ErrorCode), closed.record.body.is(Key::StillRunning)), ("EXECUTOR_TIMEOUT", false));
    assert!(trail.of(Kind::LateCompletion).is_empty());
}

#[test]
fn a18_workers_within_their_time_are_ordinary_successes() {
    let trail = Trail::new();
    block_on(nothing(allow(&trail, &()))).expect("done");
    let attempt = send_on_a_thread(allow(&trail, &transfer(7)), transfer(7)).expect("sent");
    let pending = trail.of(Kind::ActionPending);
    assert_eq!(attempt, Some(pending[1].id.to_string()), "the body's context is its attempt");
    assert_eq!(pending[1].text(Key::Action), "send-it");
    assert!(trail.of(Kind::ActionClosed).iter().all(|told| told.status() == "SUCCESS"));
}

#[action(version = "1.0.0", name = "send")]
async fn answer(
    authorization: Authorization,
    #[payload] question: u64,
    producer: Option<Id>,
) -> Result<u64, audit_runtime::Error> {
    if let Some(producer) = producer {
        link(Relation::CachedFrom, producer)?;
    }
    Ok(question * 2)
}

#[test]
fn a_cache_hit_is_a_success_that_names_its_producer() {
    let trail = Trail::new();
    block_on(answer(allow(&trail, &4_u64), 4, None)).expect("made");
    let producer = trail.of(Kind::ActionPending)[0].id;
    block_on(answer(allow(&trail, &4_u64), 4, Some(producer))).expect("from the cache");
    let closed = trail.of(Kind::ActionClosed);
    let links: Vec<Option<&Value>> = closed.iter().map(|told| told.record.body.get(Key::Links)).collect();
    let named = Value::Map(vec![(Value::Text("cached_from".to_owned()), Value::Text(format!("{producer:#}")))]);
    assert_eq!(links, [None, Some(&named)]);
    assert!(closed.iter().all(|told| told.status() == "SUCCESS"));
    assert_eq!(link(Relation::CachedFrom, producer).expect_err("no action runs here").code(), Code::NoAction);
}

#[test]
fn a15_an_async_composite_stops_at_its_failing_step_and_each_step_names_its_parent() {
    let trail = Trail::new();
    let catalog = Catalog::new().action(Action::new("send", "1.0.0")).executor(Executor::new("bank", "1.0.0"));
    let order = Order { action: "send", version: "1.0.0", executor: "bank", executor_version: "1.0.0" };
    let authorization = allow(&trail, &1_u64);
    let done = block_on(authorization.execute_steps_async(&catalog, &order, &1_u64, |mut steps| async move {
        steps.step_later("reserve", &1, async { Ok::<_, io::Error>(1) }).await?;
        steps.step_later("book", &2, async { Err::<(), _>(io::Error::other("no such account")) }).await?;
        steps.step_later("confirm", &3, async { Ok::<_, io::Error>(3) }).await
    }));
    assert!(matches!(done, Err(ActionError::Failed { .. })));
    let pending = trail.of(Kind::ActionPending);
    assert_eq!(pending.iter().map(|told| told.text(Key::Action)).collect::<Vec<_>>(), ["send", "reserve", "book"]);
    assert!(pending[1..].iter().all(|step| step.record.header.parent == pending[0].id));
    let closed = trail.of(Kind::ActionClosed);
    let ends: Vec<_> = closed.iter().map(|told| (told.text(Key::Action), told.status())).collect();
    assert_eq!(ends, [("reserve", "SUCCESS"), ("book", "FAILED"), ("send", "FAILED")]);
    assert_eq!(closed[1].text(Key::ErrorCode), "EXECUTOR_EXCEPTION");
}

/// Attempts, their terminals, and pairs that are not exactly one to one.
fn pairs(path: &std::path::Path) -> (usize, usize, usize) {
    let all = records(path);
    let of = |kind: Kind| all.iter().filter(move |told| told.record.header.kind == kind);
    let ended: BTreeSet<Id> = of(Kind::ActionClosed).map(|told| told.record.header.subject).collect();
    let begun: BTreeSet<Id> = of(Kind::ActionPending).map(|told| told.id).collect();
    (of(Kind::ActionPending).count(), of(Kind::ActionClosed).count(), begun.symmetric_difference(&ended).count())
}

fn executions(n: u64) -> (Trail, RunId) {
    let trail = Trail::new();
    let run = trail.recorder.begin_run("many").expect("a run");
    let context: AuditContext = run.scope(audit_context);
    block_on(async {
        let mut tasks = Vec::new();
        for i in 0..n {
            let context = context.clone();
            tasks.push(tokio::spawn(context.wrap_future(async move {
                let one = Transfer { amount: 20 + i % 70, to: format!("acc-{i}") };
                let authorization = may_send(&one).await.expect("recorded").allowed().expect("an ALLOW");
                send_later(authorization, &one, None).await.map_err(|error| error.to_string())
            })));
        }
        for task in tasks {
            task.await.expect("no panic").expect("sent");
        }
    });
    let id = run.id();
    run.finish().expect("an end");
    (trail, id)
}

#[test]
fn d3_d5_ten_and_a_thousand_concurrent_executions_leave_that_many_pairs() {
    let more = std::env::var("AUDIT_EXECUTIONS").ok().and_then(|n| n.parse().ok());
    for n in [Some(10), Some(1_000), more].into_iter().flatten() {
        let (trail, run) = executions(n);
        let n = usize::try_from(n).expect("a number");
        assert_eq!(pairs(&trail.path()), (n, n, 0));
        let decisions = trail.of(Kind::Decision);
        assert_eq!(decisions.len(), n);
        assert!(decisions.iter().all(|told| told.record.header.run == run && told.status() == "ALLOW"));
        assert!(trail.is_intact());
    }
}

/// The control: an attempt that has not ended yet is a pair too few.
#[test]
fn d3_an_attempt_without_its_end_is_noticed() {
    let trail = Trail::new();
    let catalog = Catalog::new().action(Action::new("send", "1.0.0")).executor(Executor::new("bank", "1.0.0"));
    let order = Order { action: "send", version: "1.0.0", executor: "bank", executor_version: "1.0.0" };
    let path = trail.path();
    let seen = allow(&trail, &1_u64).execute(&catalog, &order, &1_u64, |_| Ok::<_, io::Error>(pairs(&path)));
    assert_eq!(seen.expect("it ran"), (1, 0, 1));
    assert_eq!(pairs(&path), (1, 1, 0));
}

/// What has been told is on the device: the process ends the moment its future is ready.
#[test]
fn d5_the_records_of_a_ready_future_survive_a_process_that_stops_at_once() {
    let trail = Trail::new();
    let one = transfer(7);
    block_on(trail.recorder.scope_async(async {
        let authorization = may_send(&one).await.expect("recorded").allowed().expect("an ALLOW");
        send_later(authorization, &one, None).await.expect("sent");
        // A copy of the files at this very moment, by a reader that shares nothing with the writer.
        let copy = tempfile::tempdir().expect("a directory");
        let copied = std::process::Command::new("cp").arg("-r").arg(trail.path()).arg(copy.path()).status();
        assert!(copied.expect("cp runs").success());
        assert_eq!(pairs(&copy.path().join("trail")), (1, 1, 0));
    }));
}
