//! A program of which several work on one run, each with a trail of its own.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    workspace_tests::meeter::main()
}
