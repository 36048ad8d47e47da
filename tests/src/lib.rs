//! Workspace-level proofs: one file per promise, in `tests/`.

#![forbid(unsafe_code)]
