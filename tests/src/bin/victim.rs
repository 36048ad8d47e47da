//! The program that is killed.

#![forbid(unsafe_code)]

fn main() {
    workspace_tests::victim::main();
}
