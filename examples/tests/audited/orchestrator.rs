//! Async gates and actions on behalf of a model: whatever strikes them, each early exit has an end of its own.

#[expect(dead_code, reason = "the example's own `main` is not called here")]
#[path = "../../examples/orchestrator.rs"]
mod example;

use audit_testkit::{Lab, audit_test};
use example::{Failure, Orchestrator, Request, task};

/// A sum, the same from the cache, a language that nobody speaks, a mistake.
async fn executions(lab: Lab) -> Result<(), Failure> {
    let run = lab.recorder().begin_run("orchestrator")?;
    let orchestrator = Orchestrator::new(lab.recorder())?;
    let work = async {
        for task in [task("python", "1 + 2"), task("python", "1 + 2"), task("cobol", "1"), task("rust", "1 + x")] {
            orchestrator.handle(Request::new("one", task)).await?;
        }
        Ok::<_, Failure>(())
    };
    run.scope_async(work).await?;
    run.finish().map_err(audit_runtime::Error::from)?;
    Ok(())
}

/// Every fault at every moment of its audited functions, and a cancel wherever it waits.
#[audit_test(matrix)]
async fn executions_survive_every_fault(lab: Lab) -> Result<(), Failure> {
    executions(lab).await
}

/// Killed at every moment, and before and inside every write of the journal.
#[audit_test(crash)]
async fn executions_are_killed_everywhere(lab: Lab) -> Result<(), Failure> {
    executions(lab).await
}

/// The power fails at every moment: decisions and attempts that were acknowledged are on the device.
#[audit_test(images)]
async fn executions_survive_a_power_cut(lab: Lab) -> Result<(), Failure> {
    executions(lab).await
}
