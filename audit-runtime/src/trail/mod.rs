//! Questions about a trail, answered from evidence or answered with "unknown". Everything here reads; nothing writes.
//!
//! | file | noun |
//! |---|---|
//! | `open` | a trail open for questions; ids resolved from what people type |
//! | `entry` | node states as answers show them |
//! | `runs` | runs with status and counts; one run in full |
//! | `explain` | what is known of one id, as a story |
//! | `journey` | the same for tokens and rows, back to the source |
//! | `governed` | decisions and actions of one trace, in order |
//! | `payloads` | which payloads records name, what became of the bytes, what a run can be replayed from |
//! | `rules`, `sweep` | the rules S1 to S17, and everything that is open and should not be |
//! | `overdue` | runs that take longer than they may |
//! | `absent` | processes that have no hold on their streams: gone, or only not here |
//! | `levels` | a few numbers of the whole trail |
//! | `stats` | latencies, the slowest, what never ended |
//! | `actions` | what became of decisions and actions |
//! | `tail` | records as they come |
//! | `doctor` | whether the parts are in order |
//! | `finding` | what is not as it should be |
//! | `invariants` | what must hold of every trail: exactly one terminal, parents, order, what was acknowledged |
//! | `orders` | what must stand behind what in a pipeline; part of `invariants` |
//! | `verify` | frames, sequence, tree, lifecycle: the journal alone |
//! | `run_steps` | the life of runs across the streams of their processes |
//! | `lean` | the load check without an allocation |
//! | `text` | times and durations for people |

mod absent;
mod actions;
mod doctor;
mod entry;
mod explain;
mod finding;
mod governed;
mod invariants;
mod journey;
mod lean;
mod levels;
mod open;
mod orders;
mod overdue;
mod payloads;
mod rules;
mod run_steps;
mod runs;
mod stats;
mod sweep;
mod tail;
pub mod text;
mod verify;

pub use crate::index::json::Json;
pub use actions::{ActionCounts, Governance};
pub use doctor::Checkup;
pub use entry::Entry;
pub use explain::Story;
pub use finding::{Finding, Weight};
pub use invariants::{Acknowledged, Census, Known, Opening, Terminal, invariants};
pub use levels::Levels;
pub use open::Trail;
pub use payloads::{Hold, PayloadStanding, PayloadView, PurgePlan, ReplayGrade};
pub use runs::{Counts, NodeCounts, ResumeView, RunStory, RunView};
pub use stats::{Latency, Stats};
pub use sweep::Sweep;
pub use tail::{Tail, Told, record_json};
pub use verify::{Ending, StreamReport, Verdict, verify};

#[cfg(test)]
mod query_tests;
#[cfg(test)]
mod verify_tests;
