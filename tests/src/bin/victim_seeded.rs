//! The program that is killed, with the planted bug that `AUDIT_SEEDED_BUG` names.

#![forbid(unsafe_code)]

fn main() {
    if let Ok(bug) = std::env::var("AUDIT_SEEDED_BUG") {
        audit_runtime::seeded::set(&bug);
    }
    workspace_tests::victim::main();
}
