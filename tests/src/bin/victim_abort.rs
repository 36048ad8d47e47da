//! The program that is killed, in a build whose panics abort.

#![forbid(unsafe_code)]

fn main() {
    workspace_tests::victim::main();
}
