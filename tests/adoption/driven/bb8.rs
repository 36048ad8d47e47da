//! Three customers of a pool with one connection, each fault at each moment: what one of them meets must not cost the
//! next ones theirs.

use audit_runtime::audited;
use audit_testkit::{Lab, Matrix};
use bb8::{ManageConnection, Pool};
use std::fmt;
use std::time::Duration;

mod told;

#[derive(Debug)]
struct Failure;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no connection")
    }
}

impl std::error::Error for Failure {}

impl From<audit_runtime::Error> for Failure {
    fn from(_: audit_runtime::Error) -> Failure {
        Failure
    }
}

struct Manager;

impl ManageConnection for Manager {
    type Connection = u32;
    type Error = Failure;

    #[audited]
    async fn connect(&self) -> Result<u32, Failure> {
        tokio::time::sleep(Duration::from_millis(3)).await;
        Ok(7)
    }

    #[audited]
    async fn is_valid(&self, _: &mut u32) -> Result<(), Failure> {
        tokio::task::yield_now().await;
        Ok(())
    }

    #[audited]
    fn has_broken(&self, _: &mut u32) -> bool {
        false
    }
}

async fn three_customers(lab: Lab) {
    let builder = Pool::builder().max_size(1).retry_connection(false).max_lifetime(None).idle_timeout(None);
    let pool = builder.connection_timeout(Duration::from_secs(1)).build_unchecked(Manager);
    let mut served = 0;
    for _ in 0..3 {
        let pool = pool.clone();
        // A customer who panics does so in a task of its own.
        let customer = tokio::spawn(async move { pool.get().await.map(drop) });
        served += usize::from(matches!(customer.await, Ok(Ok(()))));
    }
    // Behind a record that could not be written the recorder refuses everybody, which is no fault of the pool's.
    let refuses = !lab.recorder().health().healthy;
    assert!(served >= 2 || refuses, "{} one fault, and {served} of 3 were served", told::OWN);
}

#[test]
fn one_fault_costs_one_customer() {
    told::tell(Matrix::new(three_customers).matrix().try_run());
}
