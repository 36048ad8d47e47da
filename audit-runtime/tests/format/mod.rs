//! The format: the page, a decoder that was written from it, and the trails of released versions.

mod dump;
mod every;
mod rich;
mod tables;

use crate::storage::{builder, scratch, tell};
use audit_runtime::model::Kind;
use dump::dump;
use every::{Known, every_trail};
use rich::rich_trail;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

fn workspace(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)
}

/// What the decoder prints; `None` where there is no Python, said loudly.
fn decoded(trail: &Path) -> Option<Vec<Value>> {
    let ran = Command::new("python3").arg(workspace("tests/decoder/decode.py")).arg(trail).output();
    let out = match ran {
        Ok(out) => out,
        Err(cause) => {
            assert!(std::env::var_os("AUDIT_REQUIRE_SERVICES").is_none_or(|v| v != "1"), "python3: {cause}");
            eprintln!("SKIP: no python3 on this machine, so nothing was compared: {cause}");
            return None;
        }
    };
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).expect("text");
    Some(text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect())
}

fn compare(ours: &[Value], theirs: &[Value]) {
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(ours.len(), theirs.len());
}

fn ending_of(lines: &[Value], ending: &str) -> usize {
    lines.iter().filter(|line| line.get("ending").is_some_and(|e| e == ending)).count()
}

#[test]
fn the_page_has_the_tables_of_the_code() {
    let page = std::fs::read_to_string(tables::page()).expect("the page");
    assert_eq!(page, tables::page_with_tables(&page), "run: cargo run -p audit-runtime --example freeze -- tables");
    let drifted = page.replace("| 34 | `STATE_CLOSED` |", "| 35 | `STATE_CLOSED` |");
    assert_ne!(drifted, tables::page_with_tables(&drifted));
}

#[test]
fn a_strangers_decoder_reads_every_field_of_every_record() {
    let dir = scratch();
    let with_spool = rich_trail(dir.path());
    for trail in [with_spool, dir.path().join("trail")] {
        let ours = dump(&trail);
        assert!(ours.len() > 40, "{}", ours.len());
        assert!(ours.iter().any(|line| line.get("torn").is_some_and(|torn| torn == true)));
        assert!(ending_of(&ours, "settled") > 0);
        assert_eq!(ending_of(&ours, "ROOT DIFFERS"), 0);
        let Some(theirs) = decoded(&trail) else { return };
        compare(&ours, &theirs);
        // The control: a decoder that reads one byte differently is noticed.
        let mut altered = theirs;
        altered[3]["mono_ns"] = Value::from(1);
        assert!(std::panic::catch_unwind(|| compare(&ours, &altered)).is_err());
    }
}

/// The dumps of the trails that version 1 wrote, with their directories.
fn frozen() -> Vec<(PathBuf, Vec<Value>)> {
    let first = workspace("tests/formats/v1");
    let later = std::fs::read_dir(&first).expect("frozen trails").flatten().map(|entry| entry.path());
    let mut dirs: Vec<PathBuf> = later.filter(|path| path.join("dump.jsonl").exists()).collect();
    dirs.sort();
    dirs.insert(0, first);
    let read = |dir: &PathBuf| {
        let text = std::fs::read_to_string(dir.join("dump.jsonl")).expect("the dump");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    dirs.into_iter().map(|dir| (dir.clone(), read(&dir))).collect()
}

#[test]
fn j11_the_trails_that_version_1_wrote_read_as_they_did_then() {
    let frozen = frozen();
    for (dir, then) in &frozen {
        let now = dump(&dir.join("trail"));
        compare(then, &now);
        if let Some(theirs) = decoded(&dir.join("trail")) {
            compare(then, &theirs);
        }
    }
    let first = &frozen[0].1;
    assert!(first.iter().any(|line| line.get("spooled").is_some()));
    assert_eq!((ending_of(first, "settled"), ending_of(first, "not attested")), (1, 1));
}

#[test]
fn j11_every_kind_of_record_is_frozen_with_every_field_that_it_may_have() {
    let mut known = Known::default();
    let frozen = frozen();
    frozen.iter().for_each(|(_, dump)| known.take(dump));
    let names: Vec<&str> = known.missing().iter().map(|kind| kind.name()).collect();
    let cure = "cargo run -p audit-runtime --example freeze -- kinds tests/formats/v1/NEW";
    assert_eq!(names, Vec::<&str>::new(), "new on this page of the format; run: {cure}");
    // The control: without the last of them, kinds are missing.
    let mut fewer = Known::default();
    frozen[..frozen.len() - 1].iter().for_each(|(_, dump)| fewer.take(dump));
    assert!(!fewer.missing().is_empty());
}

#[test]
fn a_strangers_decoder_reads_every_kind_with_every_field() {
    let dir = scratch();
    let trail = dir.path().join("trail");
    every_trail(&trail, Kind::ALL);
    let ours = dump(&trail);
    let mut known = Known::default();
    known.take(&ours);
    assert_eq!(known.missing(), []);
    assert_eq!((ending_of(&ours, "closed"), ending_of(&ours, "ROOT DIFFERS")), (1, 0));
    let idle = ours.iter().filter(|line| line.get("counts").is_some_and(|counts| counts == false)).count();
    assert_eq!(idle, 2, "of each group the first record was never committed");
    let Some(theirs) = decoded(&trail) else { return };
    compare(&ours, &theirs);
    for field in ["status", "attempt", "site", "duration_ns", "wall_ns", "parent", "body"] {
        let mut altered = theirs.clone();
        altered[20][field] = Value::from("another");
        assert!(std::panic::catch_unwind(|| compare(&ours, &altered)).is_err(), "{field}");
    }
}
