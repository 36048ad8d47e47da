//! Work of runs: rows on their way to a sink, an action behind a gate, a parcel that was promised.

use crate::{Fault, parse};
use audit_runtime::governance::{Action, ActionError, Catalog, Decision, Executor, Order, Profile, Rules};
use audit_runtime::landscape::{Determinism, NodeKind, SinkFailure};
use audit_runtime::model::digest::{Scope, digest_bytes};
use audit_runtime::{Error, Recorder, audited, contract};

contract! {
    /// What the shop promises to whoever orders.
    pub parcels {
        domain shop {
            parcel_sent within 5s;
            finally order_closed within 1h;
        }
    }
}

impl<E: Into<Fault>> From<SinkFailure<E>> for Fault {
    fn from(failure: SinkFailure<E>) -> Fault {
        match failure {
            SinkFailure::Sink { error, .. } => error.into(),
            SinkFailure::Audit(error) => Fault::Audit(error),
        }
    }
}

impl<E: Into<Fault>> From<ActionError<E>> for Fault {
    fn from(error: ActionError<E>) -> Fault {
        match error {
            ActionError::Failed { error, .. } => error.into(),
            ActionError::Audit(error) => Fault::Audit(error),
            ActionError::Blocked(_) | ActionError::TimedOut { .. } => Fault::Gone,
        }
    }
}

/// Writes to the other side.
///
/// # Errors
/// When the audit refuses.
#[audited(node = "deliver", effect = external)]
pub fn deliver(lines: usize) -> Result<usize, Fault> {
    Ok(lines)
}

/// Loads lines into a sink: read, cleaned, written, delivered, checkpointed.
///
/// # Errors
/// When a line is no amount, or the audit refuses.
pub fn load(recorder: &Recorder, lines: &[&str]) -> Result<(), Fault> {
    let run = recorder.begin_run("load")?;
    let mut graph = run.pipeline();
    let source = graph.node("orders.csv", NodeKind::Source, Determinism::IoRead);
    let clean = graph.node("clean", NodeKind::Transform, Determinism::Deterministic);
    let out = graph.node("out", NodeKind::Sink, Determinism::IoWrite);
    graph.edge(source, "continue", clean);
    graph.edge(clean, "continue", out);
    let land = graph.seal()?;
    let mut visits = Vec::new();
    for (n, line) in lines.iter().enumerate() {
        let visit = land.row(source, &n.to_string(), line)?.enter(clean).map_err(Error::from)?;
        run.scope(|| parse(line))?;
        visits.push(visit.complete()?.enter(out).map_err(Error::from)?);
    }
    let content = digest_bytes(Scope::Bytes, lines.concat().as_bytes());
    let batch = land.prepare(out, "part-0", content, visits).map_err(Error::from)?;
    let (batch, _written) = batch.write(|| run.scope(|| deliver(lines.len())))?;
    let receipt = batch.sync(|| Ok::<(), Fault>(()))?.receipt()?;
    receipt.deliver()?.checkpoint("the last line")?;
    run.finish().map_err(Error::from)?;
    Ok(())
}

/// Sends a line two ways.
///
/// # Errors
/// When the line is no amount, or the audit refuses.
pub fn split(recorder: &Recorder, line: &str) -> Result<(), Fault> {
    let run = recorder.begin_run("split")?;
    let mut graph = run.pipeline();
    let source = graph.node("orders.csv", NodeKind::Source, Determinism::IoRead);
    let land = graph.seal()?;
    let [left, right] = land.row(source, "1", &line)?.fork(["left", "right"]).map_err(Error::from)?;
    run.scope(|| parse(line))?;
    left.filtered()?;
    right.filtered()?;
    run.finish().map_err(Error::from)?;
    Ok(())
}

/// Books an amount: a gate allows it, an action does it.
///
/// # Errors
/// When the amount is none, or the audit refuses.
pub fn book(recorder: &Recorder, amount: &str) -> Result<u64, Fault> {
    let profile = Profile::new("payments", 1_000u64, ["book"])?;
    let catalog = Catalog::new()
        .action(Action::new("book", "1.0.0").needs("ledger"))
        .executor(Executor::new("bank", "2.1.0").provides("ledger"));
    let order = Order { action: "book", version: "1.0.0", executor: "bank", executor_version: "2.1.0" };
    let run = recorder.begin_run("book")?;
    let ruling = run.scope(|| recorder.gate(&profile).decide(amount, |_, _| Decision::allow(Rules::new())))?;
    let authorization = ruling.allowed().map_err(|_| Fault::Gone)?;
    let booked = run.scope(|| authorization.execute(&catalog, &order, amount, parse))?;
    run.finish().map_err(Error::from)?;
    Ok(booked)
}

/// Takes an order, which promises a parcel.
///
/// # Errors
/// When the parcel is not sent, or the audit refuses.
#[audited(node = "take", expects(parcels::PARCEL_SENT within 5s))]
pub fn take(amount: &str) -> Result<u64, Fault> {
    send(amount)
}

/// Sends the parcel.
///
/// # Errors
/// When the amount is none, or the audit refuses.
#[audited(node = "send", effect = external, acknowledges(parcels::PARCEL_SENT))]
pub fn send(amount: &str) -> Result<u64, Fault> {
    parse(amount)
}

/// An order in a run of its own.
///
/// # Errors
/// As [`take`].
pub fn promise(recorder: &Recorder, amount: &str) -> Result<u64, Fault> {
    let run = recorder.begin_run("promise")?;
    let taken = run.scope(|| take(amount))?;
    run.finish().map_err(Error::from)?;
    Ok(taken)
}

/// Puts something aside, whether or not that can be recorded.
#[audited(node = "aside", on_audit_failure = degrade)]
pub fn aside(amount: u64) -> u64 {
    amount
}

/// Refuses a customer, whose address stands in the error.
///
/// # Errors
/// Always.
#[audited(node = "refuse the customer")]
pub fn refuse_customer(address: &str) -> Result<(), Fault> {
    Err(Fault::Nobody(address.to_owned()))
}
