//! Workspace-level proofs: one file per promise, in `tests/`. What they share stands here, because the child programs
//! that are killed use it too.

#![forbid(unsafe_code)]

pub mod absent;
pub mod journey;
pub mod meeter;
pub mod seed;
pub mod story;
pub mod victim;
