//! The crates' own tests with every function annotated: what they say is the same, and the catalogue counts the functions.

use crate::copies::{CRATES, annotate, cargo, fetched, lay_out, results, runtime, start, target};
use std::fs;

/// The page that tells the counts.
const DOCUMENT: &str = include_str!("../../docs/adoption.md");

const COUNTS: &str = "
#[cfg(test)]
#[test]
fn the_catalogue_counts() {
    extern crate std;
    std::println!(\"CATALOGUE {}\", ::audit_runtime::catalogue().sites.len());
}
";

#[test]
fn published_crates_pass_their_own_tests_with_every_function_annotated() {
    for ((name, version), source) in CRATES.iter().zip(fetched()) {
        let dir = target().join("adoption").join(name);
        drop(fs::remove_dir_all(&dir));
        let (plain, audited) = (dir.join("plain"), dir.join("audited"));
        lay_out(source, &plain, "");
        lay_out(source, &audited, &runtime());
        let script = annotate(&audited);
        let library = audited.join("src/lib.rs");
        let text = fs::read_to_string(&library).expect("a source");
        fs::write(&library, text + COUNTS).expect("written");

        let (sound, before) = cargo(&plain, &["test", "--lib", "--tests"]);
        assert!(sound, "{name} passes as it is: {before}");
        let (passes, after) = cargo(&audited, &["test", "--lib", "--tests", "--", "--nocapture", "--test-threads=1"]);
        assert!(passes, "{name} {version} with {script:?}: {after}");
        let (then, now) = (results(&before), results(&after));
        assert_eq!((then.0 + 1, then.1, then.2), now, "the same results, and our own count");
        let counted =
            after.split("CATALOGUE ").nth(1).and_then(|rest| rest.lines().next()).and_then(|n| n.trim().parse().ok());
        assert_eq!(counted, Some(script.annotated), "the catalogue counts what the script annotated");
        let told = format!("{name} {version}");
        let row = DOCUMENT.lines().find(|line| line.starts_with(&format!("| {told} "))).unwrap_or_default();
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let counts = [script.annotated.to_string(), script.test_code.to_string()];
        let tests = format!("{} pass, {} fail", then.0, then.1);
        assert_eq!([cells[3], cells[5], cells[6]], [&*counts[0], &*counts[1], &*tests], "docs/adoption.md on {told}");
        let left_out: usize = cells[4].split_whitespace().filter_map(|word| word.parse::<usize>().ok()).sum();
        assert_eq!(left_out, script.left_out.len(), "docs/adoption.md on {told}");
        println!(
            "{name} {version}: {} functions annotated, {} left out {:?}, {} in test code; {} of its tests pass, {} fail",
            script.annotated,
            script.left_out.len(),
            script.left_out,
            script.test_code,
            then.0,
            then.1
        );
    }
}

#[test]
fn the_script_finds_where_a_function_begins() {
    for (line, at) in
        [("fn ", 0), ("    pub fn ", 4), ("  pub(crate) async unsafe fn ", 2), ("impl X { fn ", 9), ("async fn ", 0)]
    {
        assert_eq!(start(line), at, "{line:?}");
    }
}
