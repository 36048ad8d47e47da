//! Contracts by annotation: what an order promises is kept, or seen to be missing, whatever strikes it.

#[expect(dead_code, reason = "the example's own `main` is not called here")]
#[path = "../../examples/settlement.rs"]
mod example;

use audit_runtime::Error;
use audit_testkit::{Lab, audit_test};
use example::accept;

fn order(lab: &Lab) -> Result<(), Error> {
    let run = lab.recorder().begin_run("settlement")?;
    accept(1)?;
    run.finish().map(drop).map_err(Error::from)
}

/// Every fault at every moment.
#[audit_test(matrix)]
fn an_order_survives_every_fault(lab: Lab) -> Result<(), Error> {
    order(&lab)
}

/// Killed at every moment, and before and inside every write of the journal; recovery killed as well.
#[audit_test(crash, depth = 2)]
fn an_order_is_killed_everywhere(lab: Lab) -> Result<(), Error> {
    order(&lab)
}

/// A store that fails at its Nth operation, for every N.
#[audit_test(store)]
fn an_order_survives_a_sick_store(lab: Lab) -> Result<(), Error> {
    order(&lab)
}
