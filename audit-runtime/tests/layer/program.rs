//! Runs one part of this test binary as a program of its own: a global subscriber is for a whole process.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a program is told by its environment; `None` in an ordinary test run.
pub fn told() -> Option<(String, PathBuf)> {
    Some((std::env::var("AUDIT_TEST_PROGRAM").ok()?, std::env::var_os("AUDIT_TEST_TRAIL")?.into()))
}

/// The program behind the test `entry`, told to be `name` on this trail.
pub fn command(entry: &str, name: &str, trail: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command.args(["--exact", entry, "--nocapture", "--test-threads=1"]);
    command.env("AUDIT_TEST_PROGRAM", name).env("AUDIT_TEST_TRAIL", trail);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it to its end and gives what it printed to stdout and stderr.
pub fn run(entry: &str, name: &str, trail: &Path) -> (String, String) {
    let output = command(entry, name, trail).output().expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{name}: {}\n{out}\n{err}", output.status);
    (out, err)
}

/// The number that stands behind `word` in what a program printed.
pub fn number_after(word: &str, printed: &str) -> usize {
    let rest = printed.split(word).nth(1).unwrap_or_else(|| panic!("no {word:?} in:\n{printed}"));
    let digits: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}
