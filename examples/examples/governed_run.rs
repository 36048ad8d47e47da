//! Runs under contract: one that is healthy, and four that are sick in different ways. Each ends with a verdict that is
//! read back from the trail.
//!
//! `cargo run --release --example governed_run -- [--trail DIR]`

use audit_runtime::contract::{Contract, Expectation, Outcome, ResultId, Subject};
use audit_runtime::governance::{
    Action, ActionError, Catalog, Correlation, Decision, Ended, Executor, Order, Profile, Reason, Rules, Work,
    reconcile_run,
};
use audit_runtime::{Recorder, audited};
use audited_examples::say;
use serde::Serialize;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

type Failure = Box<dyn Error>;

audit_runtime::reason_codes! {
    /// Why a transfer is denied.
    pub enum Refusal {
        /// More than the profile allows.
        OverLimit = "OVER_LIMIT";
    }
}

#[derive(Clone, Serialize)]
struct Transfer {
    amount: u64,
    to: &'static str,
}

#[derive(Serialize)]
struct Policy {
    limit: u64,
}

/// The rules see the policy whose fingerprint the decision carries.
fn judge(policy: &Policy, transfer: &Transfer) -> Decision {
    let mut rules = Rules::new();
    rules.ran("has_recipient", !transfer.to.is_empty());
    if rules.ran("over_limit", transfer.amount > policy.limit) {
        return Decision::deny(Reason::new(Refusal::OverLimit, "above the limit of the profile"), rules);
    }
    Decision::allow(rules)
}

const BOOK: &str = "book";
const NOTIFY: &str = "notify";

fn of(action: &str) -> Subject {
    Subject::new("payments", action)
}

/// One declaration: what is expected, by when, and what ends the run.
fn contract(patience: Duration) -> Contract {
    let soon = Duration::from_secs(5);
    Contract::draft("transfer")
        .expect(Expectation::within(of(BOOK), soon))
        .expect(Expectation::within(of(NOTIFY), soon))
        .finalised_by(Expectation::within(of("close"), patience))
}

/// What is to go wrong.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Illness {
    None,
    TooMuch,
    BankSaysNo,
    NobodyNotified,
    TooSlow,
}

fn success(result: &str) -> Result<Outcome, Failure> {
    let result = ResultId::new(result).ok_or("a result is never blank")?;
    Ok(Outcome::Success { result })
}

/// Stands for a bank.
#[audited(node = "bank", effect = external)]
fn bank(transfer: &Transfer, illness: Illness) -> Result<String, Failure> {
    match illness {
        Illness::BankSaysNo => Err("the bank is closed".into()),
        _ => Ok(format!("booking of {}", transfer.amount)),
    }
}

/// Stands for a letter.
#[audited(node = "letter", effect = external)]
fn letter(transfer: &Transfer) -> Result<String, Failure> {
    Ok(format!("mail to {}", transfer.to))
}

/// One run from its contract to its verdict.
pub(crate) fn transfer(recorder: &Recorder, name: &str, illness: Illness) -> Result<Ended, Failure> {
    let profile = Profile::new("payments", Policy { limit: 1_000 }, [BOOK])?;
    let catalog = Catalog::new()
        .action(Action::new(BOOK, "1.0.0").needs("ledger"))
        .executor(Executor::new("bank", "2.1.0").provides("ledger"));
    let order = Order { action: BOOK, version: "1.0.0", executor: "bank", executor_version: "2.1.0" };
    let payload = Transfer { amount: if illness == Illness::TooMuch { 5_000 } else { 50 }, to: "acc-7" };

    let patience = if illness == Illness::TooSlow { Duration::from_nanos(1) } else { Duration::from_secs(60) };
    let run = recorder.govern(name, &contract(patience))?;
    let gate = recorder.gate(&profile).correlation(Correlation::fresh().tenant("acme").request("transfer", name));
    let authorization = match run.scope(|| gate.decide(&payload, judge))?.allowed() {
        Ok(authorization) => authorization,
        Err(denial) => return Ok(run.fail(&denial.to_string())?),
    };
    let run = run.authorize(&authorization)?.execute()?;
    let booked = run.scope(|| authorization.execute(&catalog, &order, &payload, |transfer| bank(transfer, illness)));
    match booked {
        Ok(_) => run.acknowledge(&of(BOOK), &success("booking-1")?)?,
        Err(ActionError::Failed { error, .. }) => {
            let error = error.to_string();
            run.acknowledge(&of(BOOK), &Outcome::Failure { error: error.clone() })?;
            let refused = run.report(Work::Failed(error.clone())).err().ok_or("failed work leads nowhere")?;
            return Ok(refused.run.fail(&error)?);
        }
        Err(other) => return Err(other.into()),
    };
    if illness != Illness::NobodyNotified {
        let mail = run.scope(|| letter(&payload))?;
        run.acknowledge(&of(NOTIFY), &success(&mail)?)?;
    }
    match run.report(Work::Done)?.check() {
        Ok(run) => Ok(run.complete(ResultId::new("receipt-1").ok_or("a result is never blank")?)?),
        Err(refused) => Ok(refused.run.fail("the contract is not clean")?),
    }
}

fn trail_from_arguments() -> Result<PathBuf, Failure> {
    let mut words = std::env::args().skip(1);
    match (words.next().as_deref(), words.next()) {
        (None, _) => Ok("target/trails/governed_run".into()),
        (Some("--trail"), Some(dir)) => Ok(dir.into()),
        _ => Err("there is one option: --trail DIR".into()),
    }
}

fn main() -> Result<(), Failure> {
    let path = trail_from_arguments()?;
    let recorder = audit_runtime::open(&path)?;
    let cases = [
        ("healthy", Illness::None),
        ("over-the-limit", Illness::TooMuch),
        ("bank-says-no", Illness::BankSaysNo),
        ("nobody-notified", Illness::NobodyNotified),
        ("too-slow", Illness::TooSlow),
    ];
    let mut ended = Vec::new();
    for (name, illness) in cases {
        ended.push((name, transfer(&recorder, name, illness)?));
    }
    recorder.close()?;
    report(&path, &ended)
}

/// Asks the trail, not the values that this process holds.
fn report(path: &Path, ended: &[(&str, Ended)]) -> Result<(), Failure> {
    say!("{:<16} {:<10} {:<13} {:<12} run", "case", "phase", "verdict", "status");
    for (name, ended) in ended {
        let told = reconcile_run(path, ended.summary.run)?;
        say!("{name:<16} {:<10} {:<13} {:<12} {}", ended.phase, told.verdict, told.label(), told.run);
        told.amiss().for_each(|finding| say!("    {finding}"));
    }
    let (trail, id) = (path.display(), ended.last().map(|(_, ended)| ended.summary.run).unwrap_or_default());
    say!("\nlook further:");
    say!("  cargo run --release -p audited-cli -- --trail {trail} runs");
    say!("  cargo run --release -p audited-cli -- --trail {trail} reconcile {id}");
    say!("  cargo run --release -p audited-cli -- --trail {trail} tail --kind DECISION --kind EXECUTION_RESULT");
    say!("  cargo run --release -p audited-cli -- --trail {trail} verify");
    Ok(())
}
