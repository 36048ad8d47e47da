//! A reader that goes away (`| head -1`) ends each command without a word, at whichever line it goes; what a command was to
//! write to the trail is written.

use super::support::{Said, audited, program, said, story};
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs a program whose stdout nobody reads, from its first word on.
fn unread(command: &mut Command) -> Said {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    said(command.stdout(writer).output().expect("it runs"))
}

/// As [`unread`], for a reader that goes away behind the first line.
fn read_to_the_first_line(trail: &Path, arguments: &[&str]) -> (String, Said) {
    let mut command = program();
    command.arg("--trail").arg(trail).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it runs");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("a pipe");
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    (line, said(child.wait_with_output().expect("it ends")))
}

fn is_quiet(what: &[&str], said: &Said) {
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{what:?}");
}

#[test]
fn every_command_ends_quietly_when_nobody_reads_its_first_word() {
    let dir = tempfile::tempdir().expect("a directory");
    let run = format!("{}", story(dir.path()));
    let commands: [&[&str]; 15] = [
        &["runs"],
        &["show", &run],
        &["explain", &run],
        &["tail"],
        &["sweep"],
        &["reconcile", &run],
        &["stats"],
        &["metrics"],
        &["doctor"],
        &["verify"],
        &["hold", "list"],
        &["purge", "--older-than", "1d", "--dry-run"],
        &["surface", concat!(env!("CARGO_MANIFEST_DIR"), "/src")],
        &["index", "rebuild"],
        &["index", "dump"],
    ];
    for command in commands {
        let ask = || {
            let mut asked = program();
            asked.arg("--trail").arg(dir.path()).args(command);
            asked
        };
        is_quiet(command, &unread(&mut ask()));
        is_quiet(command, &unread(ask().arg("--json")));
    }
    is_quiet(&["--help"], &unread(program().arg("--help")));
}

#[test]
fn what_a_command_writes_is_written_although_nobody_reads_its_answer() {
    let dir = tempfile::tempdir().expect("a directory");
    let run = format!("{}", story(dir.path()));
    let hold = ["hold", "add", &run, "--authority", "court", "--reason", "a claim"];
    is_quiet(&hold, &unread(program().arg("--trail").arg(dir.path()).args(hold)));
    let held = audited(dir.path(), &["tail", "--kind", "HOLD_PLACED", "--json"]);
    assert_eq!(held.out.lines().count(), 1, "{}", held.out);
    assert_eq!(audited(dir.path(), &["verify"]).code, 0, "the stream is closed");
}

#[test]
fn a_long_answer_whose_reader_stops_behind_its_first_line_ends_quietly() {
    let dir = tempfile::tempdir().expect("a directory");
    // More than a pipe holds.
    for _ in 0..60 {
        story(dir.path());
    }
    let many = ["tail", "--lines", "10000", "--json"];
    let whole = audited(dir.path(), &many).out;
    assert!(whole.len() > 1 << 17, "{} bytes", whole.len());
    for arguments in [&many[..], &["index", "dump"]] {
        let (line, said) = read_to_the_first_line(dir.path(), arguments);
        assert!(line.starts_with('{'), "{line}");
        is_quiet(arguments, &said);
    }
}

/// The list of this program's own tests is said as programs usually say things.
#[test]
fn a_program_that_does_not_bear_it_is_caught() {
    let said = unread(Command::new(std::env::current_exe().expect("this program")).arg("--list"));
    assert!(said.code != 0 && said.err.contains("pipe"), "{} {}", said.code, said.err);
}
