//! The tables of `docs/format.md`, written from the code that reads and writes records.

use audit_runtime::model::digest::{DigestErrorCode, Scope};
use audit_runtime::model::kind::Shape;
use audit_runtime::model::{Durability, Exit, Key, Kind, Status};
use std::fmt::Write as _;
use std::path::PathBuf;

const BEGIN: &str =
    "<!-- tables: written by `cargo run -p audit-runtime --example freeze -- tables`, checked by a test -->\n";
const END: &str = "<!-- end of tables -->\n";

/// The page.
pub fn page() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/format.md"))
}

fn names(keys: &[Key]) -> String {
    keys.iter().map(|key| key.name()).collect::<Vec<_>>().join(", ")
}

/// The tables as they must stand on the page.
pub fn tables() -> String {
    let mut out = String::new();
    let mut codes = |title: &str, rows: Vec<(u16, String)>| {
        let _ = writeln!(out, "\n### {title}\n\n| number | name |\n|---|---|");
        for (code, name) in rows {
            let _ = writeln!(out, "| {code} | {name} |");
        }
    };
    codes("Status", Status::ALL.iter().map(|s| (u16::from(s.code()), s.name().to_owned())).collect());
    codes("Exit", Exit::ALL.iter().map(|s| (u16::from(s.code()), s.name().to_owned())).collect());
    codes("Durability", Durability::ALL.iter().map(|s| (u16::from(s.code()), s.name().to_owned())).collect());
    codes("Scope of a digest", Scope::ALL.iter().map(|s| (u16::from(s.code()), s.name().to_owned())).collect());
    codes(
        "Absence of a digest",
        ["not_requested", "not_serialisable", "erased", "no_value"]
            .iter()
            .zip(1..)
            .map(|(n, c)| (c, (*n).to_owned()))
            .collect(),
    );
    codes(
        "Reason of `not_serialisable`",
        DigestErrorCode::ALL.iter().map(|s| (u16::from(s.code()), s.name().to_owned())).collect(),
    );
    let _ = writeln!(
        out,
        "\n### Kinds\n\n| number | name | fields that it has | fields that it may have |\n|---|---|---|---|"
    );
    for kind in Kind::ALL {
        let (must, may) = (names(kind.required()), names(kind.optional()));
        let _ = writeln!(out, "| {} | `{}` | {must} | {may} |", kind.code(), kind.name());
    }
    let _ = writeln!(out, "\n### Keys\n\n| number | name | shape |\n|---|---|---|");
    for key in Key::ALL {
        let _ = writeln!(out, "| {} | {} | {} |", key.code(), key.name(), Shape::name(key.shape()));
    }
    out.push('\n');
    out
}

/// The page with its tables written anew.
pub fn page_with_tables(page: &str) -> String {
    let begin = page.find(BEGIN).expect("the tables begin") + BEGIN.len();
    let end = page.find(END).expect("the tables end");
    format!("{}{}{}", &page[..begin], tables(), &page[end..])
}
