//! A small shop whose functions are audited: what the testkit's own tests put into labs.

#![forbid(unsafe_code)]

mod programs;
pub mod work;

pub use programs::{audited, sibling};

use audit_runtime::{InAuditContext, audited};
use std::fmt;
use std::time::Duration;

/// Why an order was not served.
#[derive(Debug)]
pub enum Fault {
    /// The amount is no number.
    Amount(std::num::ParseIntError),
    /// The other side is gone.
    Gone,
    /// Nobody has this address.
    Nobody(String),
    /// The audit refused.
    Audit(audit_runtime::Error),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Amount(cause) => write!(f, "no amount: {cause}"),
            Fault::Nobody(address) => write!(f, "nobody has the address {address}"),
            Fault::Gone => f.write_str("the other side is gone"),
            Fault::Audit(cause) => cause.fmt(f),
        }
    }
}

impl std::error::Error for Fault {}

impl From<audit_runtime::Error> for Fault {
    fn from(error: audit_runtime::Error) -> Fault {
        Fault::Audit(error)
    }
}

impl From<std::num::ParseIntError> for Fault {
    fn from(error: std::num::ParseIntError) -> Fault {
        Fault::Amount(error)
    }
}

/// Reads an amount.
///
/// # Errors
/// When it is none.
#[audited(node = "parse")]
pub fn parse(text: &str) -> Result<u64, Fault> {
    Ok(text.trim().parse::<u64>()?)
}

/// Reads an amount whose type is known only from where it goes.
///
/// # Errors
/// When it is none.
#[audited(node = "loose")]
pub fn loose(text: &str) -> Result<u64, Fault> {
    let amount: u64 = text.parse()?;
    Ok(amount)
}

/// Waits for whichever comes first.
#[audited(node = "either")]
pub async fn either() -> u32 {
    tokio::select! {
        biased;
        told = tell(1) => told,
        () = async { tokio::task::yield_now().await } => 0,
    }
}

/// Adds up.
#[audited(node = "total")]
pub fn total(amounts: &[u64]) -> u64 {
    amounts.iter().sum()
}

/// Reads a whole order.
///
/// # Errors
/// When one amount is none.
#[audited(node = "order")]
pub fn order(lines: &[&str]) -> Result<u64, Fault> {
    let mut amounts = Vec::new();
    for line in lines {
        amounts.push(parse(line)?);
    }
    Ok(total(&amounts))
}

/// Takes money, which takes a while.
///
/// # Errors
/// When the audit refuses.
#[audited(node = "charge", effect = external)]
pub async fn charge(amount: u64) -> Result<u64, Fault> {
    tokio::time::sleep(Duration::from_millis(3)).await;
    Ok(amount)
}

/// Tells somebody.
#[audited(node = "tell")]
pub async fn tell(customer: u32) -> u32 {
    tokio::task::yield_now().await;
    customer
}

/// Reads, takes, tells in a task of its own.
///
/// # Errors
/// When one of them fails.
#[audited(node = "checkout")]
pub async fn checkout(lines: &[&str]) -> Result<u64, Fault> {
    let amount = order(lines)?;
    let taken = charge(amount).await?;
    let told = tokio::spawn(tell(7).in_audit_context()).await;
    told.map_err(|_| Fault::Gone)?;
    Ok(taken)
}

/// Stands for work that waits for two things at once.
#[audited(node = "both")]
pub async fn both() -> u32 {
    let (one, two) = tokio::join!(tell(1), tell(2));
    one + two
}
