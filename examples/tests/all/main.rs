//! The examples, run as a newcomer runs them, and asked what their trails show.

mod flights;
mod flights_killed;
mod flights_lab;
mod governed_run;
mod governed_service;
mod orchestrator;
mod unread;

use std::path::PathBuf;
use std::process::Command;

/// An example as cargo built it beside this test.
fn example(name: &str) -> Command {
    let mut path: PathBuf = std::env::current_exe().expect("this test's own path");
    path.pop();
    path.pop();
    path.push("examples");
    path.push(name);
    assert!(path.exists(), "{} is built by `cargo test` before this runs", path.display());
    Command::new(path)
}
