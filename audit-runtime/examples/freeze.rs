//! Run by hand, when a version is about to be released: writes what the tests of the format compare with.
//!
//! `freeze tables` writes the tables of `docs/format.md`; `freeze trail INTO` makes a trail with all that the format has
//! as `INTO/trail`, and its dump beside it. Frozen trails are read for ever and never written again.

#![forbid(unsafe_code)]

#[path = "../tests/format/dump.rs"]
mod dump;
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
            let lines: Vec<String> = dump::dump(&into.join("trail")).iter().map(ToString::to_string).collect();
            fs::write(into.join("dump.jsonl"), lines.join("\n") + "\n")
        }
        _ => {
            eprintln!("usage: freeze tables | freeze trail INTO");
            Ok(())
        }
    }
}
