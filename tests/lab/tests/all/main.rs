//! The testkit's own proofs: one file per promise. Each runner is shown to reach what it should, and to find what it must.

mod adversity;
mod alone;
mod bad_input;
mod checks;
mod controls;
mod coverage;
mod crash;
mod isolation;
mod killed_controls;
mod matrix;
mod mutants;
mod newcomer;
mod stores;
mod trails;
mod two_keys;
mod words;
