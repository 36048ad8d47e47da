//! The ancestor's contract, ready to use.

use std::time::Duration;

crate::contract! {
    crate = crate;

    /// The contract that every governed run of the former system had: an incident is created, policies are evaluated, a
    /// trace is started and completed, each within five seconds, and the run is finalised within its timeout and a grace.
    pub standard_run(timeout: Duration, grace: Duration) {
        domain incidents {
            create_incident within 5s;
        }
        domain policies {
            evaluate_policy within 5s;
        }
        domain logs {
            start_trace within 5s;
            complete_trace within 5s;
        }
        domain orchestrator {
            finally finalize_run within (timeout.saturating_add(grace));
        }
    }
}
