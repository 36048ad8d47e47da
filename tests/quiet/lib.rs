//! A crate that denies everything, with audited functions of every shape: no warning, no error.
#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, unreachable_pub, unused, let_underscore_drop, unused_qualifications)]
#![deny(rust_2018_idioms, single_use_lifetimes, trivial_casts, unused_lifetimes, unused_results)]
#![deny(clippy::all, clippy::pedantic, clippy::nursery)]

use ledger::{action, audited, contract, gate};
use std::error::Error;
use std::future::Future;
use std::pin::Pin;

/// What went wrong.
#[derive(Debug, ledger::Evidence)]
#[evidence(crate = ::ledger)]
pub enum Failure {
    /// Nothing there.
    Empty,
    /// The audit refused.
    Audit,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("failed")
    }
}

impl Error for Failure {}

impl From<ledger::Error> for Failure {
    fn from(_: ledger::Error) -> Self {
        Self::Audit
    }
}

/// An order.
#[derive(Clone, Debug, ledger::AuditDigest)]
#[audit(crate = ::ledger)]
pub struct Order {
    /// Rows.
    pub rows: Vec<u32>,
    #[audit(redact)]
    name: String,
    #[audit(skip)]
    cache: Option<u8>,
}

/// What is left of an order.
impl Order {
    /// A name.
    #[must_use]
    pub fn name(&self) -> (&str, Option<u8>) {
        (&self.name, self.cache)
    }

    /// Counts.
    ///
    /// # Errors
    /// When there is nothing.
    #[audited(crate = ::ledger, digest(self, factor), digest_output, record(rows = self.rows.len()))]
    pub fn count(&self, factor: usize) -> Result<usize, Failure> {
        if self.rows.is_empty() {
            return Err(Failure::Empty);
        }
        Ok(self.rows.len() * factor)
    }

    /// The first row.
    #[audited(crate = ::ledger)]
    pub fn first(&mut self) -> Option<&mut u32> {
        self.rows.first_mut()
    }

    /// Consumes.
    #[must_use]
    #[audited(crate = ::ledger)]
    pub fn into_rows(self) -> Vec<u32> {
        self.rows
    }
}

/// Not all arguments are used.
///
/// # Errors
/// Never.
#[audited(crate = ::ledger, digest(all))]
pub fn import(rows: u32, _unused: &str, mut names: Vec<String>) -> Result<u32, Box<dyn Error>> {
    names.push(rows.to_string());
    let count = u32::try_from(names.len())?;
    Ok(rows + count)
}

/// Waits.
///
/// # Errors
/// Never.
#[audited(crate = ::ledger, record(rows = rows))]
pub async fn later(rows: u32, _unused: &str) -> Result<u32, Failure> {
    let rows = std::future::ready(rows).await;
    Ok(rows)
}

/// Waits elsewhere.
#[audited(crate = ::ledger)]
pub fn boxed(rows: u32) -> Pin<Box<dyn Future<Output = u32> + Send>> {
    Box::pin(async move { rows })
}

/// Waits somewhere.
#[audited(crate = ::ledger)]
pub fn somewhere(rows: u32) -> impl Future<Output = u32> + Send {
    let more = rows + 1;
    async move { more }
}

/// Nothing comes back.
#[audited(crate = ::ledger)]
pub fn nothing(_rows: u32) {}

/// A generic one.
#[audited(crate = ::ledger)]
pub fn generic<T: Default, const N: usize>(values: [T; N]) -> T {
    values.into_iter().next().unwrap_or_default()
}

/// The caller is told.
#[track_caller]
#[must_use]
#[audited(crate = ::ledger)]
pub fn caller() -> u32 {
    std::panic::Location::caller().line()
}

/// A block.
#[derive(Debug)]
pub struct Block;

#[audited(crate = ::ledger, on_audit_failure = degrade)]
impl Block {
    /// One.
    #[must_use]
    pub const fn one() -> u32 {
        1
    }

    /// Two.
    #[must_use]
    pub fn two(&self) -> u32 {
        2
    }

    /// Three.
    #[audited(skip)]
    #[must_use]
    pub const fn three(&self) -> u32 {
        3
    }
}

impl Drop for Block {
    #[audited(crate = ::ledger, on_audit_failure = degrade)]
    fn drop(&mut self) {
        drop(generic([String::new()]));
    }
}

/// Names that expansions must not fall over.
pub mod shadowed {
    #![allow(dead_code, non_camel_case_types, clippy::module_inception)]
    use ledger::audited;

    /// Not that one.
    #[derive(Debug)]
    pub struct Result;
    /// Not that one.
    #[derive(Debug)]
    pub struct Option;
    /// Not that one.
    #[derive(Debug)]
    pub struct Some;
    /// Not that one.
    #[derive(Debug)]
    pub struct None;
    /// Not that one.
    #[derive(Debug)]
    pub struct Ok;
    /// Not that one.
    #[derive(Debug)]
    pub struct Err;
    /// Not that one.
    #[derive(Debug)]
    pub struct Box;
    /// Not that one.
    #[derive(Debug)]
    pub struct str;
    /// Not that one.
    pub mod std {}
    /// Not that one.
    pub mod core {}
    /// Not that one.
    pub mod audit_runtime {}

    /// Shadowed.
    #[must_use]
    #[audited(crate = ::ledger)]
    pub fn shadow() -> Result {
        Result
    }

    /// Shadowed, async.
    #[audited(crate = ::ledger, record(one = 1_u8))]
    pub async fn shadow_later() -> Option {
        Option
    }

    /// Shadowed in a derive.
    #[derive(Debug, ledger::Evidence, ledger::AuditDigest)]
    #[evidence(crate = ::ledger)]
    #[audit(crate = ::ledger)]
    pub enum Shadow {
        /// One.
        None,
        /// Two.
        Some(u8),
    }
}

/// No prelude at all.
pub mod bare {
    #![no_implicit_prelude]

    /// A type of its own.
    #[derive(::ledger::Evidence, ::ledger::AuditDigest)]
    #[evidence(crate = ::ledger)]
    #[audit(crate = ::ledger)]
    pub struct Bare {
        /// Rows.
        pub rows: u32,
    }

    /// Sync.
    ///
    /// # Errors
    /// Never.
    #[::ledger::audited(crate = ::ledger, digest(all), record(rows = rows))]
    pub fn bare(rows: u32) -> ::std::result::Result<u32, super::Failure> {
        ::std::result::Result::Ok(rows)
    }

    /// Async.
    #[::ledger::audited(crate = ::ledger)]
    pub async fn bare_later(rows: u32) -> u32 {
        rows
    }
}

contract! {
    crate = ::ledger;

    /// What every order promises.
    pub promised(patience: std::time::Duration) {
        domain orders {
            /// Goods are set aside.
            reserve within 5s;
            finally close within (patience);
        }
    }

    kept {
        domain orders {
            finally end within 1h;
        }
    }
}

/// Sets goods aside.
///
/// # Errors
/// When there is nothing.
#[audited(crate = ::ledger, acknowledges(promised::RESERVE), expects(kept::END within 5s))]
pub fn reserve(rows: u32) -> Result<u32, Failure> {
    if rows == 0 { Err(Failure::Empty) } else { Ok(rows) }
}

/// How long a day may be.
#[must_use]
pub fn end_of_day() -> usize {
    kept().expectations().len()
}

/// A desk with a profile of its own.
#[derive(Debug)]
pub struct Desk {
    profile: ledger::governance::Profile<u32>,
}

impl Desk {
    /// Whether so many rows may be imported.
    ///
    /// # Errors
    /// When the decision cannot be recorded.
    #[gate(crate = ::ledger, profile = self.profile, expires = 1m)]
    pub fn admits(&self, #[policy] most: &u32, #[payload] rows: &u32) -> ledger::governance::Decision {
        let mut rules = ledger::governance::Rules::new();
        let _matched = rules.ran("few", rows <= most);
        ledger::governance::Decision::allow(rules)
    }

    /// The same, later.
    ///
    /// # Errors
    /// When the decision cannot be recorded.
    #[gate(crate = ::ledger, profile = self.profile)]
    pub async fn admits_later(&self, rows: u32) -> ledger::governance::Decision {
        let later = std::future::ready(rows).await;
        let mut rules = ledger::governance::Rules::new();
        let _matched = rules.ran("few", later < 7);
        ledger::governance::Decision::allow(rules)
    }

    /// Imports.
    ///
    /// # Errors
    /// When there is nothing, or the audit refuses.
    #[action(crate = ::ledger, version = "1.0.0", limits(bytes = 64, depth = 2, list = 1))]
    pub fn import(&self, authorization: ledger::governance::Authorization, rows: u32) -> Result<u32, Failure> {
        if rows == 0 {
            return Err(Failure::Empty);
        }
        Ok(rows + 1)
    }

    /// Imports later.
    ///
    /// # Errors
    /// When there is nothing, or the audit refuses.
    #[action(crate = ::ledger, version = "1.0.0", within = 5s)]
    pub async fn import_later(
        &self,
        authorization: ledger::governance::Authorization,
        rows: &u32,
    ) -> Result<u32, Failure> {
        let rows = std::future::ready(*rows).await;
        if rows == 0 {
            return Err(Failure::Empty);
        }
        Ok(rows + 1)
    }
}
