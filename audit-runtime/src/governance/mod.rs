//! Decisions bound to actions. A gate says ALLOW or DENY and why; only ALLOW yields an [`Authorization`], and only an
//! authorization lets an action run, once, on the payload that was allowed.
//!
//! ```text
//! recorder.gate(profile) ──decide──→ DECISION on the device ──ALLOW──→ Authorization ──execute──┐
//!                                               └──DENY──→ Denial (reasons)                      │
//!        EXECUTION_BLOCKED (own code, body not entered) ←──a check fails─────────────────────────┤
//!        EXECUTION_ATTEMPT (PENDING) on the device ──body──→ EXECUTION_RESULT: SUCCESS / FAILED ←┘
//! ```
//!
//! | file | noun |
//! |---|---|
//! | `correlation` | trace, tenant, actor, session, request and links of one piece of work |
//! | `reason` | why: stable codes, messages, evidence |
//! | `decision` | ALLOW or DENY, with the rules that ran |
//! | `profile` | the policy that a gate applies, and its fingerprint |
//! | `gate` | asks the rules and records the decision |
//! | `action` | actions, executors, what they need and provide |
//! | `payload` | canonical form, digest and limits of what is executed |
//! | `authorization` | the only way into an action |
//! | `execute` | checks, PENDING, body, terminal |
//! | `steps` | composite actions |
//! | `timed` | the same with a time-out, and what the worker does later |
//! | `later` | the same for bodies that are futures |
//! | `alarm` | deadlines for futures |
//! | `links` | what an action says of itself while it runs |
//! | `deed` | what `#[gate]` and `#[action]` expand to |
//! | `pledge` | what a run declares and acknowledges, written to the trail |
//! | `start` | a run and its contract begun together, strictly or leniently |
//! | `case` | the same read back from the trail, and reconciled |
//! | `answer` | a reconciliation as findings and JSON |
//! | `watch` | deadlines, watched while the program lives |
//! | `meter` | what is counted for a metrics recorder, where the feature `metrics` asks for it |
//! | `metrics` | the same and more, computed from the trail |
//! | `kernel` | the phases of a run under contract |
//! | `rebuilt` | the same, rebuilt from the trail for whoever goes on with the run |
//! | `sweep` | contradictions between decisions and actions, and actions PENDING for too long |

mod action;
mod alarm;
mod answer;
mod authorization;
mod case;
mod correlation;
mod decision;
mod deed;
mod execute;
mod gate;
mod kernel;
mod later;
mod links;
#[cfg_attr(not(feature = "metrics"), path = "meter_off.rs")]
mod meter;
mod metrics;
mod payload;
mod pledge;
mod profile;
mod reason;
pub(crate) mod rebuilt;
mod start;
mod steps;
mod sweep;
mod text;
mod timed;
pub(crate) mod watch;

pub use crate::config::rac_enabled;
pub use action::{Action, BlockCode, Catalog, Executor, FailureCode, Lookup, Order, is_semver};
pub use authorization::Authorization;
pub use case::{case_of, phase_of, reconcile_run};
pub use correlation::{Correlation, Relation};
pub use decision::{Decision, RuleVerdict, Rules};
#[doc(hidden)]
pub use deed::{Deed, Done, recorder};
pub use execute::{ActionError, Blocked};
pub use gate::{Decides, Denial, Gate, Ruling};
pub use kernel::{Authorized, Created, Ended, Executing, Finalizing, GovernanceCheck, Governed, Phase, Refused, Work};
pub use later::Task;
pub use links::{current_attempt, link};
pub use metrics::{Metric, Metrics, Sample, metrics_of};
pub use payload::Limits;
pub use profile::Profile;
pub use reason::{GateReason, Reason, ReasonCode, distinct};
pub use rebuilt::Rebuilt;
pub use start::Start;
pub use steps::Steps;
pub use sweep::{inconsistencies, sweep_actions};
pub use watch::Alert;
