//! Programs that are killed at every moment and at every operation of their journal, the next process's recovery as well,
//! and what they had been told by then. Built once more with the planted bugs, one of which `AUDIT_SEEDED_BUG` switches on:
//! `all/killed_controls.rs` says which of these tests must fail then.

#![forbid(unsafe_code)]

mod pipeline;
mod script;

/// Switches the bug on that the environment names; children inherit it.
fn bug() {
    #[cfg(feature = "seeded-bugs")]
    if let Ok(bug) = std::env::var("AUDIT_SEEDED_BUG") {
        audit_runtime::seeded::set(&bug);
    }
}
