//! What a service does with a request: whatever strikes it, each request that is decided has one decision, and each action
//! that begins has one end.

#[expect(dead_code, reason = "the example's listener and its command line are not called here")]
#[path = "../../examples/governed_service.rs"]
mod example;

use audit_runtime::governance::{Correlation, sweep_actions};
use audit_testkit::{Case, Lab, Story, audit_test};
use example::{Failure, Service};
use std::time::Duration;

/// Longer than a test takes: nothing here is about time.
const PATIENCE: Duration = Duration::from_secs(600);

/// One request that is executed, one that is denied, one that is nothing, one in three steps.
fn requests(lab: &Lab) -> Result<(), Failure> {
    let run = lab.recorder().begin_run("service")?;
    let service = Service::new(lab.recorder(), run.handle(), PATIENCE)?;
    let asked = |body: &[u8]| service.handle(&Correlation::fresh().request("transfer", "1"), body, Service::send);
    let healthy = br#"{"amount":50,"to":"acc-7"}"#;
    let answers = run.scope(|| {
        let settled = service.handle(&Correlation::fresh().request("settlement", "1"), healthy, Service::settle);
        [asked(healthy), asked(br#"{"amount":5000,"to":"acc-7"}"#), asked(b"{"), settled]
    });
    let statuses = answers.map(|(status, _)| status.as_u16());
    run.finish().map_err(audit_runtime::Error::from)?;
    if statuses == [200, 403, 403, 200] { Ok(()) } else { Err(format!("answered {statuses:?}").into()) }
}

/// Asked behind every kill: no attempt is without its decision, none has two ends.
fn every_attempt_is_accounted_for(case: &Case, story: &Story) {
    let found = sweep_actions(story.path(), None, i64::MAX, Duration::from_secs(1)).expect("the trail is asked");
    assert!(found.is_empty(), "{case}: {found:?}");
}

/// Every fault at every moment of its audited functions.
#[audit_test(matrix)]
fn requests_survive_every_fault(lab: Lab) -> Result<(), Failure> {
    requests(&lab)
}

/// Killed at every moment, and before and inside every write of the journal.
#[audit_test(crash, check = every_attempt_is_accounted_for)]
fn requests_are_killed_everywhere(lab: Lab) -> Result<(), Failure> {
    requests(&lab)
}
