//! Marked personal data and secrets on every way that leads into a trail: arguments, outputs, errors, panics, URLs,
//! metadata, tracing events. Whoever reads what is left must find none of it.

use super::Words;
use audit_runtime::contract::{Contract, Expectation, Outcome, ResultId, Subject};
use audit_runtime::governance::{
    Action, Authorization, Catalog, Correlation, Decision, Executor, Order, Profile, Reason, Rules, Steps,
};
use audit_runtime::landscape::Pipeline;
use audit_runtime::model::graph::{CallKind, Determinism, NodeKind};
use audit_runtime::{Builder, Error, Recorder, Redacted, Run, Severity, audited};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;
use tracing_subscriber::prelude::*;

/// A text with one of each; what must not be found of it stands in [`NEEDLES`].
pub const CANARY: &str = "jane.canary@example.org, +1 415 555 2671, card 4111 1111 1111 1111, ssn 078-05-1120, \
    key sk-canaryKEY1234567890abcdef, Bearer canaryBEARERabcdefghijklmnop, \
    eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.canarySIGNATUREabcdefghijkl, postgres://app:canaryPASSWORD@db.internal/app";

/// Parts of it that no file and no output may hold.
pub const NEEDLES: &[&str] = &[
    "jane.canary",
    "415 555 2671",
    "4111 1111 1111 1111",
    "078-05-1120",
    "canaryKEY",
    "canaryBEARER",
    "canarySIGNATURE",
    "canaryPASSWORD",
];

audit_runtime::reason_codes! {
    /// Why it is denied.
    pub enum Refusal {
        /// It is a canary.
        Canary = "CANARY";
    }
}

#[audited(node = "errs", digest(all), digest_output)]
fn errs(text: &str, fails: bool) -> io::Result<String> {
    tracing::info!(customer = text, url = %format!("https://example.org/?mail={text}"), "seen: {text}");
    if fails { Err(io::Error::other(text.to_owned())) } else { Ok(text.to_owned()) }
}

#[audited(node = "panics", record(customer = Redacted::new(text)))]
fn panics(text: &str) -> io::Result<()> {
    panic!("{text}")
}

#[audited(node = "waits", digest(text))]
async fn waits(text: &str) -> io::Result<String> {
    std::future::pending::<()>().await;
    Ok(text.to_owned())
}

/// `canary TRAIL`: everything once.
pub(super) fn canary(words: &Words) -> Result<(), Error> {
    let trail = words.trail();
    let recorder = Builder::new(&trail).mirror(mirror(&trail)).open()?;
    let installed = recorder.install()?;
    // Panics are told by the runtime's own hook, on our standard error, which nobody reads.
    tracing_subscriber::registry().with(recorder.layer()).init();
    let run = recorder.begin_run(CANARY)?;
    run.scope(|| entries(&recorder));
    run.scope(|| governed(&recorder))?;
    contracts(&recorder, &run)?;
    rows(&run)?;
    recorder.note("security", Severity::Warning, &[("what", CANARY), (CANARY, "a name that came from outside")])?;
    println!("RUN {:#}", run.id());
    run.fail(CANARY)?;
    recorder.begin_run("interrupted")?.interrupt(CANARY)?;
    installed.close()
}

/// Where the mirror of the trail stands.
#[must_use]
pub fn mirror(trail: &Path) -> std::path::PathBuf {
    trail.with_extension("mirror.jsonl")
}

fn entries(recorder: &Recorder) {
    // What came back was told to fail; the trail is what is looked at.
    drop(errs(CANARY, false));
    drop(errs(CANARY, true));
    drop(catch_unwind(|| panics(CANARY)));
    let mut cancelled = Box::pin(waits(CANARY));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(cancelled.as_mut().poll(&mut context).is_pending(), "it waits");
    drop(cancelled);
    if let Ok(guard) = recorder.enter("by hand") {
        drop(guard.fail(CANARY));
    }
}

fn governed(recorder: &Recorder) -> Result<(), Error> {
    let profile = Profile::new("canaries", CANARY.len(), ["send", "other"])?;
    let catalog = Catalog::new()
        .action(Action::new("send", "1.0.0").needs("ledger"))
        .executor(Executor::new("bank", "2.0.0").provides("ledger"));
    let order = Order { action: "send", version: "1.0.0", executor: "bank", executor_version: "2.0.0" };
    let odd = Order { action: CANARY, version: CANARY, executor: CANARY, executor_version: CANARY };
    let correlation = || {
        Correlation::inbound(Some(CANARY))
            .caller(CANARY)
            .tenant(CANARY)
            .actor(CANARY)
            .session(CANARY)
            .request(CANARY, CANARY)
    };
    let deny = |_: &usize, _: &str| {
        let reason = Reason::new(Refusal::Canary, CANARY).evidence("customer", CANARY).evidence(CANARY, "x");
        let mut rules = Rules::new();
        rules.ran(CANARY, true);
        Decision::deny(reason.fields([CANARY]), rules)
    };
    drop(recorder.gate(&profile).correlation(correlation()).decide(CANARY, deny)?);
    let panic = |_: &usize, _: &str| -> Decision { panic!("{CANARY}") };
    drop(recorder.gate(&profile).correlation(correlation()).decide(CANARY, panic)?);
    let allow = |_: &usize, _: &str| Decision::allow(Rules::new());
    let allowed = || -> Result<Authorization, Error> {
        let ruling = recorder.gate(&profile).correlation(correlation()).decide(CANARY, allow)?;
        Ok(ruling.allowed().unwrap_or_else(|denial| panic!("{denial}")))
    };
    drop(allowed()?.execute(&catalog, &order, CANARY, |text| Ok::<_, io::Error>(text.to_owned())));
    drop(allowed()?.execute(&catalog, &order, CANARY, |text| Err::<(), _>(io::Error::other(text.to_owned()))));
    drop(allowed()?.execute(&catalog, &odd, CANARY, |_| Ok::<_, io::Error>(())));
    let doomed = allowed()?;
    let panics = |text: &str| -> Result<(), io::Error> { panic!("{text}") };
    drop(catch_unwind(AssertUnwindSafe(|| drop(doomed.execute(&catalog, &order, CANARY, panics)))));
    let steps =
        |_: &str, steps: &mut Steps| steps.step(CANARY, CANARY, |text| Err::<(), _>(io::Error::other(text.to_owned())));
    drop(allowed()?.execute_steps(&catalog, &order, CANARY, steps));
    correlation().responded(recorder, CANARY).map(drop)
}

fn contracts(recorder: &Recorder, run: &Run) -> Result<(), Error> {
    let within =
        |action: &str| Expectation::within(Subject::new("orders", action).instance(CANARY), Duration::from_secs(60));
    let contract = Contract::draft(CANARY).expect(within("reserve")).finalised_by(within("close"));
    recorder.declare_with(run.id(), &contract, true)?;
    recorder.expect(run.id(), &within(CANARY))?;
    let failed = Outcome::Failure { error: CANARY.to_owned() };
    let undone = Outcome::RollbackFailed { reason: CANARY.to_owned(), error: CANARY.to_owned() };
    let result = ResultId::new(CANARY).into_iter().map(|result| Outcome::Success { result });
    for outcome in [failed, undone].into_iter().chain(result) {
        recorder.acknowledge(run.id(), &Subject::new("orders", "reserve").instance(CANARY), &outcome)?;
    }
    drop(recorder.run_named(CANARY));
    recorder.close_contract(run.id()).map(drop)
}

fn rows(run: &Run) -> Result<(), Error> {
    let mut pipeline: Pipeline = run.pipeline();
    let source = pipeline.node("source", NodeKind::Source, Determinism::IoRead);
    let land = pipeline.seal()?;
    land.row(source, CANARY, &CANARY)?.fail(CANARY)?;
    land.row(source, "2", &CANARY)?.discarded()?;
    let operation = land.operation(source, "load")?;
    operation.call(CallKind::Http, &format!("https://example.org/{CANARY}"), &CANARY)?.failed(CANARY)?;
    operation.fail(CANARY)
}
