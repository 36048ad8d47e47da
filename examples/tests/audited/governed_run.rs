//! A run under contract: whatever strikes it, its gate's decision, its action and its acknowledgements have one end each.

#[expect(dead_code, reason = "the example's own `main` is not called here")]
#[path = "../../examples/governed_run.rs"]
mod example;

use audit_runtime::RunId;
use audit_runtime::governance::reconcile_run;
use audit_runtime::model::Kind;
use audit_testkit::{Case, Lab, Story, audit_test};
use example::{Illness, transfer};
use std::error::Error;

/// Asked behind every kill: a run is told as clean only when all that its contract promised has been acknowledged.
fn only_a_kept_contract_is_clean(case: &Case, story: &Story) {
    let kept = story.of_kind(Kind::ContractAck).len();
    for (run, _) in story.records.iter().filter(|(_, record)| record.header.kind == Kind::RunStarted) {
        let told = reconcile_run(story.path(), RunId(*run)).expect("the trail is asked");
        assert_eq!(told.is_clean(), kept == 3, "{case}: {kept} acknowledgements, and {told}");
    }
}

/// Every fault at every moment of its audited functions.
#[audit_test(matrix)]
fn a_transfer_survives_every_fault(lab: Lab) -> Result<(), Box<dyn Error>> {
    transfer(lab.recorder(), "healthy", Illness::None).map(drop)
}

/// Killed at every moment, and before and inside every write of the journal.
#[audit_test(crash, check = only_a_kept_contract_is_clean)]
fn a_transfer_is_killed_everywhere(lab: Lab) -> Result<(), Box<dyn Error>> {
    transfer(lab.recorder(), "healthy", Illness::None).map(drop)
}
