//! Nothing of a canary is left: not in any file of the trail, not beside it, not in any answer. Marked data goes in on every
//! way that there is (`victim canary`), and every byte that came of it is looked at.

use crate::child::{Victim, nested, place};
use std::path::{Path, PathBuf};
use std::process::Command;
use workspace_tests::victim::canary::{CANARY, NEEDLES, mirror};

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn holds(bytes: &[u8], needle: &str) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
}

/// `where: what` of each needle that is found.
fn scan(place: &str, bytes: &[u8]) -> Vec<String> {
    NEEDLES.iter().filter(|needle| holds(bytes, needle)).map(|needle| format!("{place}: {needle}")).collect()
}

/// What the command line says of the trail, each answer as text and as JSON.
fn answers(trail: &Path, run: &str) -> Vec<(String, Vec<u8>)> {
    let audited = nested(&["--bin", "audited", "--package", "audited-cli"]);
    let questions: &[&[&str]] = &[
        &["index", "rebuild"],
        &["runs"],
        &["show", run, "--limit", "1000"],
        &["explain", run],
        &["tail", "-n", "100000"],
        &["sweep"],
        &["reconcile", run],
        &["stats"],
        &["metrics"],
        &["doctor"],
        &["verify"],
        &["index", "dump"],
    ];
    let mut said = Vec::new();
    for question in questions {
        for json in [false, true] {
            let mut command = Command::new(&audited);
            command.arg("--trail").arg(trail).args(*question).args(json.then_some("--json"));
            let output = command.output().expect("the program runs");
            assert!(
                !output.stdout.is_empty(),
                "{question:?} says nothing: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            said.push((question.join(" "), [output.stdout, output.stderr].concat()));
        }
    }
    said
}

/// Everything that a process with canaries left, file by file and answer by answer.
fn leaks(victim: &Victim) -> (Vec<String>, usize) {
    let (dir, trail) = place();
    let ended = victim.run(&["canary", &trail.to_string_lossy()]);
    assert!(ended.status.success(), "{}", ended.said);
    let run = ended.said.lines().find_map(|line| line.strip_prefix("RUN ")).expect("its run").to_owned();
    let said = answers(&trail, &run);
    let mut found = Vec::new();
    let mut looked_at = 0;
    for file in files(dir.path()) {
        let bytes = std::fs::read(&file).expect("a file");
        looked_at += bytes.len();
        found.extend(scan(&file.strip_prefix(dir.path()).unwrap_or(&file).display().to_string(), &bytes));
    }
    for (question, bytes) in &said {
        looked_at += bytes.len();
        found.extend(scan(&format!("audited {question}"), bytes));
    }
    assert!(files(dir.path()).contains(&mirror(&trail)), "the mirror stands beside the trail");
    assert!(looked_at > 100_000, "there was something to look at: {looked_at} bytes");
    (found, looked_at)
}

#[test]
fn p11_p12_p13_no_byte_of_a_canary_is_in_any_file_or_answer() {
    let (found, looked_at) = leaks(&Victim::plain());
    assert!(found.is_empty(), "{found:#?}");
    println!("{looked_at} bytes looked at, {} needles, 0 found", NEEDLES.len());
}

/// The negative control: one text path without the scrubber.
#[test]
fn t17_a_path_without_the_scrubber_is_caught_by_its_canary_and_its_file() {
    assert_eq!(scan("here", CANARY.as_bytes()).len(), NEEDLES.len(), "every needle is part of the canary");
    let (found, _) = leaks(&Victim::with_bug("unscrubbed_message"));
    for place in ["trail/streams/", "trail/index.sqlite", "trail.mirror.jsonl", "audited tail", "audited index dump"] {
        assert!(found.iter().any(|leak| leak.starts_with(place)), "{place}: {found:#?}");
    }
}
