//! The format: the page, a decoder that was written from it, and the trails of released versions.

mod dump;
mod rich;
mod tables;

use crate::storage::{builder, scratch, tell};
use dump::dump;
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

#[test]
fn j11_the_trail_that_version_1_wrote_reads_as_it_did_then() {
    let frozen = workspace("tests/formats/v1");
    let then = std::fs::read_to_string(frozen.join("dump.jsonl")).expect("the dump");
    let then: Vec<Value> = then.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let now = dump(&frozen.join("trail"));
    compare(&then, &now);
    assert!(now.iter().any(|line| line.get("spooled").is_some()));
    assert_eq!((ending_of(&now, "settled"), ending_of(&now, "not attested")), (1, 1));
    if let Some(theirs) = decoded(&frozen.join("trail")) {
        compare(&then, &theirs);
    }
}
