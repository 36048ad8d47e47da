//! The program that forks, with planted bugs.

#[path = "forker.rs"]
mod forker;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    forker::main()
}
