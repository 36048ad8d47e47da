//! An action that fails once by itself, retried three times at most, each fault at each moment: one fault more leaves it
//! a retry in hand.

use audit_runtime::audited;
use audit_testkit::{Lab, Matrix};
use std::fmt;
use tokio_retry::strategy::FixedInterval;
use tokio_retry::Retry;

mod told;

#[derive(Debug)]
struct Failure;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not yet")
    }
}

impl std::error::Error for Failure {}

impl From<audit_runtime::Error> for Failure {
    fn from(_: audit_runtime::Error) -> Failure {
        Failure
    }
}

#[audited]
async fn attempt(nth: u32) -> Result<u32, Failure> {
    tokio::task::yield_now().await;
    if nth == 1 {
        Err(Failure)
    } else {
        Ok(nth)
    }
}

async fn retried(lab: Lab) {
    let mut nth = 0;
    let action = move || {
        nth += 1;
        attempt(nth)
    };
    let retrying = Retry::start(FixedInterval::from_millis(10).take(3), action);
    // An action that panics does so in a task of its own.
    if let Ok(outcome) = tokio::spawn(retrying).await {
        // Behind a record that could not be written the recorder refuses every further attempt.
        let refuses = !lab.recorder().health().healthy;
        assert!(outcome.is_ok() || refuses, "{} one fault, and three retries were not enough", told::OWN);
    }
}

#[test]
fn one_fault_leaves_a_retry_in_hand() {
    told::tell(Matrix::new(retried).matrix().try_run());
}
