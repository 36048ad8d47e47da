//! The landscape as the trail tells it: every test reads the records back from disk, and asks the sweep.

mod audit_sweep;
mod batches;
mod calls;
mod checkpoint_durability;
mod database_failures;
mod explained;
mod graphs;
mod merges;
mod mutations;
mod overdue;
mod payloads;
mod random_pipelines;
mod resume;
mod resume_batches;
mod resume_order;
mod resume_refused;
mod resume_sinks;
mod resume_summary;
mod retention;
mod trail;
mod whole;
mod xor_invariant;
