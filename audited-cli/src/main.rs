//! `audited`: what happened to X, what is missing, can I prove it. The command line parses, asks the runtime and prints;
//! it has no logic of its own.
//!
//! | file | noun |
//! |---|---|
//! | `args` | what can be typed |
//! | `ask` | each command's question to the runtime |
//! | `covered` | the question that asks test runs instead |
//! | `near` | what was meant, perhaps |
//! | `answer` | items, findings and the exit code |
//! | `out` | stdout: colour, width, broken pipes |
//! | `progress` | a line on stderr for work over a second |
//! | `print` | answers as text |
//! | `surface` | reads sources for `audited surface` |
//! | `coverage` | merges what test runs left for `audited coverage` |

#![forbid(unsafe_code)]

mod answer;
mod args;
mod ask;
mod coverage;
mod covered;
mod near;
mod out;
mod print;
mod progress;
mod surface;

use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = <args::Cli as clap::Parser>::parse();
    ExitCode::from(ask::run(&cli))
}
