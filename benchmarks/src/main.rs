//! Side-by-side measurements: ours and a peer, in pairs, within seconds of each other. Ratios count; absolute times do
//! not travel between machines.
//!
//! ```text
//! cargo run --release -p benchmarks -- [NAME…] [--json]
//! ```
//! Each bench runs in a process of its own, because a recorder once installed stays known to its process.

mod allocations;
mod benches;
mod harness;
mod machine;
mod row;
mod sqlite;
mod trails;

use row::Row;
use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((first, rest)) if first == "--alone" => alone(rest),
        Some((first, rest)) if first == "--victim" => benches::recover::victim(rest),
        _ => compare(&arguments),
    }
}

/// Runs one bench in this process and prints a JSON line for each row.
fn alone(names: &[String]) -> ExitCode {
    for name in names {
        let Some((_, bench)) = benches::ALL.iter().find(|(known, _)| known == name) else { return ExitCode::from(2) };
        match bench() {
            Ok(rows) => rows.iter().for_each(|row| println!("{}", row.json())),
            Err(error) => {
                eprintln!("{name}: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

/// Runs the named benches, each in a child, and prints the table or the lines.
fn compare(arguments: &[String]) -> ExitCode {
    let json = arguments.iter().any(|argument| argument == "--json");
    let mut names: Vec<&str> = arguments.iter().map(String::as_str).filter(|argument| *argument != "--json").collect();
    let known: Vec<&str> = benches::ALL.iter().map(|(name, _)| *name).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
        eprintln!("there is no bench `{unknown}`; there are: {}", known.join(", "));
        return ExitCode::from(2);
    }
    if names.is_empty() {
        names = known.into_iter().filter(|name| !benches::ON_REQUEST.contains(name)).collect();
    }
    if !json {
        println!("{}\n\n{}", machine::describe(), Row::heading());
    }
    let mut failed = false;
    for name in names {
        failed |= !in_a_child(name, json);
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn in_a_child(name: &str, json: bool) -> bool {
    let started = std::env::current_exe()
        .and_then(|program| Command::new(program).args(["--alone", name]).stdout(Stdio::piped()).spawn());
    let mut child = match started {
        Ok(child) => child,
        Err(error) => {
            eprintln!("{name}: cannot start a process: {error}");
            return false;
        }
    };
    let lines = child.stdout.take().map(|out| BufReader::new(out).lines()).into_iter().flatten();
    for line in lines.map_while(Result::ok) {
        match serde_json::from_str(&line) {
            _ if json => println!("{line}"),
            Ok(row) => println!("{}", Row::table_line(&row)),
            Err(_) => println!("{line}"),
        }
    }
    child.wait().is_ok_and(|status| status.success())
}
