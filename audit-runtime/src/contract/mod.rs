//! What was declared to happen, compared with what did happen. Pure: plain data in, a report out; no clock, no I/O.
//!
//! | file | noun |
//! |---|---|
//! | `moment` | a time that can be compared with another one, within a process and across processes |
//! | `expectation` | one declared claim, and a contract: a set of them with one that finalises |
//! | `term` | one action of a contract, as a constant of the code that declares it |
//! | `standard` | the contract that every governed run of the former system had |
//! | `ack` | the report that an expected action happened, failed or was rolled back |
//! | `reconcile` | the comparison, keyed by run, attempt, domain, action and instance |
//! | `report` | what the comparison found, and the verdict |

mod ack;
mod expectation;
mod moment;
mod reconcile;
mod report;
mod standard;
mod term;
#[cfg(test)]
mod tests;

pub use ack::{Ack, Outcome, ResultId};
pub use expectation::{Contract, Declared, Draft, Expectation, Flaw, Subject};
pub use moment::Moment;
pub use reconcile::{Case, Extent, Known, reconcile};
pub use report::{Counts, Doubt, Finding, Report, Standing, Verdict};
pub use standard::standard_run;
pub use term::{NamesResult, Term};
