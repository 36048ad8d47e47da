//! The testkit's own proofs: one file per promise. Each runner is shown to reach what it should, and to find what it must.

mod bad_input;
mod controls;
mod coverage;
mod crash;
mod isolation;
mod matrix;
mod mutants;
mod newcomer;
mod stores;
mod trails;
mod two_keys;
mod words;
