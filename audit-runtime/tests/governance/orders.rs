//! The contract that several tests hold runs against: an order is reserved, booked and closed.

use audit_runtime::contract::{Contract, Expectation, Outcome, ResultId, Subject};
use std::time::Duration;

pub const SECOND: u64 = 1_000_000_000;

pub fn of(action: &str) -> Subject {
    Subject::new("orders", action)
}

/// Declared where the test says so.
#[track_caller]
pub fn within(action: &str, secs: u64) -> Expectation {
    Expectation::within(of(action), Duration::from_secs(secs))
}

#[track_caller]
pub fn contract() -> Contract {
    Contract::draft("order").expect(within("reserve", 5)).expect(within("book", 5)).finalised_by(within("close", 9))
}

pub fn done() -> Outcome {
    Outcome::Success { result: ResultId::new("r-1").expect("a result") }
}
