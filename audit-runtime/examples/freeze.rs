//! Run by hand, when a version is about to be released: writes what the tests of the format compare with.
//!
//! `freeze tables` writes the tables of `docs/format.md`; `freeze trail INTO` makes a trail that a program has written as
//! `INTO/trail`, and its dump beside it; `freeze kinds INTO` does so with the kinds of records that no frozen trail has yet,
//! or not with all their fields. Frozen trails are read for ever and never written again.

#![forbid(unsafe_code)]

#[path = "../tests/format/dump.rs"]
mod dump;
#[path = "../tests/format/every.rs"]
mod every;
#[path = "../tests/format/rich.rs"]
mod rich;
#[expect(dead_code, reason = "the tests use more of it")]
#[path = "../tests/storage/story.rs"]
mod story;
#[path = "../tests/format/tables.rs"]
mod tables;

use audit_testkit::FaultyStorage;
use std::fs;
use std::path::Path;
use story::{builder, tell};

fn main() -> std::io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["tables"] => {
            let page = fs::read_to_string(tables::page())?;
            fs::write(tables::page(), tables::page_with_tables(&page))
        }
        ["trail", into] => {
            let into = Path::new(into);
            assert!(!into.join("trail").exists(), "a frozen trail is never written again");
            let made = story::scratch();
            FaultyStorage::copy(&rich::rich_trail(made.path()), &into.join("trail"))?;
            write_dump(into)
        }
        ["kinds", into] => {
            let into = Path::new(into);
            assert!(!into.join("trail").exists(), "a frozen trail is never written again");
            let mut known = every::Known::default();
            let frozen = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/formats/v1");
            let later = fs::read_dir(&frozen)?.flatten().map(|entry| entry.path());
            for dump in later.chain([frozen.clone()]).map(|dir| dir.join("dump.jsonl")).filter(|dump| dump.exists()) {
                let lines: Result<Vec<_>, _> = fs::read_to_string(dump)?.lines().map(serde_json::from_str).collect();
                known.take(&lines?);
            }
            every::every_trail(&into.join("trail"), &known.missing());
            write_dump(into)
        }
        _ => {
            eprintln!("usage: freeze tables | freeze trail INTO | freeze kinds INTO");
            Ok(())
        }
    }
}

fn write_dump(into: &Path) -> std::io::Result<()> {
    let lines: Vec<String> = dump::dump(&into.join("trail")).iter().map(ToString::to_string).collect();
    fs::write(into.join("dump.jsonl"), lines.join("\n") + "\n")
}
