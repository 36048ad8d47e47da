//! The same program with planted bugs, one of which `AUDIT_SEEDED_BUG` switches on.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    if let Ok(bug) = std::env::var("AUDIT_SEEDED_BUG") {
        audit_runtime::seeded::set(&bug);
    }
    workspace_tests::meeter::main()
}
