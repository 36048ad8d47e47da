//! The examples in a lab: copy what is like your own program. Each file tests the functions of one example as they stand.
//! The tests of `async_jobs.rs` are a program of their own.

#![forbid(unsafe_code)]

mod flights;
mod governed_run;
mod governed_service;
mod orchestrator;
mod settlement;
