//! Rules that check themselves: which module may import which, where `unsafe` may stand, what never lands. Each rule has
//! a planted violation that it must find, so that it cannot go blind.

use std::fs;
use std::path::{Path, PathBuf};

/// Inside audit-runtime: what a module may import. The same table stands in `docs/modules.md`.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("error", &["model"]),
    ("site", &["model", "error", "contract"]),
    ("fault", &["model", "error", "site"]),
    ("clock", &["model"]),
    ("config", &["model", "error"]),
    ("evidence", &["model"]),
    ("seeded", &[]),
    ("journal", &["model", "error", "clock", "seeded"]),
    ("ledger", &["model"]),
    ("payload", &["model", "error", "seeded"]),
    ("meeting", &["model", "error", "config", "contract", "seeded"]),
    (
        "recorder",
        &[
            "model", "error", "clock", "config", "journal", "site", "ledger", "contract", "payload", "meeting",
            "seeded", "fault",
        ],
    ),
    ("context", &["model", "error", "config", "site", "recorder", "seeded"]),
    ("guard", &["model", "error", "site", "context", "recorder", "contract", "evidence", "seeded", "fault"]),
    ("index", &["model", "error", "journal", "seeded"]),
    ("contract", &["model"]),
    ("trail", &["model", "error", "config", "journal", "index", "contract", "payload", "meeting", "seeded"]),
    ("retention", &["model", "error", "clock", "journal", "recorder", "payload", "trail", "seeded"]),
    (
        "landscape",
        &["model", "error", "site", "clock", "journal", "ledger", "recorder", "payload", "context", "seeded"],
    ),
    (
        "governance",
        &[
            "model", "error", "site", "clock", "journal", "ledger", "recorder", "context", "contract", "trail",
            "evidence", "config", "meeting", "seeded",
        ],
    ),
    (
        "session",
        &[
            "model",
            "error",
            "site",
            "clock",
            "config",
            "evidence",
            "journal",
            "ledger",
            "recorder",
            "context",
            "guard",
            "index",
            "contract",
            "trail",
            "landscape",
            "governance",
            "payload",
            "meeting",
            "seeded",
            "fault",
        ],
    ),
    ("layer", &["model", "error", "context", "recorder", "contract", "session", "clock", "seeded"]),
    ("private", &["model", "error", "site", "guard", "context", "contract", "governance", "evidence", "seeded"]),
];

/// The one file of the published crates that may hold `unsafe`, with its reasons at its head.
const UNSAFE_ALLOWED: &str = "audit-runtime/src/journal/map.rs";

/// Longest source file, in lines.
const LONGEST: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every Rust file below a folder, with its path from the workspace's root.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let name = path.strip_prefix(root()).unwrap_or(&path).display().to_string();
                found.push((name, fs::read_to_string(&path).expect("a source file can be read")));
            }
        }
    }
    found.sort();
    found
}

/// The module of audit-runtime that a file belongs to.
fn module_of(file: &str) -> Option<&str> {
    let inside = file.strip_prefix("audit-runtime/src/")?;
    Some(inside.split(['/', '.']).next().unwrap_or(inside))
}

/// Modules that a line imports or names by `crate::…`; code in tests may reach anywhere.
fn named_modules(line: &str) -> Vec<&str> {
    let code = line.split("//").next().unwrap_or("");
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let names: Vec<&str> = match rest.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap_or("").split(',').collect(),
            None => vec![rest],
        };
        found.extend(names.into_iter().map(|name| {
            let name = name.trim();
            name.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("")
        }));
    }
    found
}

/// `file:line` of every import against the arrows.
fn back_arrows(file: &str, text: &str) -> Vec<String> {
    let Some(module) = module_of(file).filter(|module| *module != "lib") else { return Vec::new() };
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == module) else {
        return vec![format!("{file}:1: module `{module}` has no row in the table of arrows")];
    };
    let production = text.split("\n#[cfg(test)]").next().unwrap_or(text);
    let mut found = Vec::new();
    for (at, line) in production.lines().enumerate() {
        for named in named_modules(line) {
            let known = ARROWS.iter().any(|(name, _)| *name == named);
            if known && named != module && !allowed.contains(&named) {
                found.push(format!("{file}:{}: `{module}` must not import `{named}`", at + 1));
            }
        }
    }
    found
}

/// Re-exports at the crate's root would hide an arrow: inside the crate, names come from their modules.
fn root_imports(file: &str, text: &str) -> Vec<String> {
    if module_of(file).is_none_or(|module| module == "lib") {
        return Vec::new();
    }
    let production = text.split("\n#[cfg(test)]").next().unwrap_or(text);
    let hidden = |line: &str| {
        named_modules(line)
            .iter()
            .any(|name| name.starts_with(char::is_uppercase) && !matches!(*name, "Id" | "RunId" | "StreamId"))
    };
    let lines =
        production.lines().enumerate().filter(|(_, line)| line.trim_start().starts_with("use ") && hidden(line));
    lines.map(|(at, _)| format!("{file}:{}: import from the module that owns the name", at + 1)).collect()
}

#[test]
fn arrows_point_one_way() {
    let found: Vec<String> = sources("audit-runtime/src")
        .iter()
        .filter(|(file, _)| !file.contains("/tests"))
        .flat_map(|(file, text)| back_arrows(file, text).into_iter().chain(root_imports(file, text)))
        .collect();
    assert!(found.is_empty(), "back-arrows:\n{}", found.join("\n"));
}

/// Modules that reach themselves again along the arrows.
fn circles(arrows: &[(&'static str, &[&'static str])]) -> Vec<&'static str> {
    let to = |from: &str| arrows.iter().find(|(name, _)| *name == from).map_or(&[][..], |(_, to)| to);
    let comes_back = |start: &str| {
        let (mut seen, mut ahead) = (Vec::new(), to(start).to_vec());
        while let Some(module) = ahead.pop() {
            if module == start {
                return true;
            }
            if !seen.contains(&module) {
                seen.push(module);
                ahead.extend(to(module));
            }
        }
        false
    };
    arrows.iter().map(|(name, _)| *name).filter(|name| comes_back(name)).collect()
}

#[test]
fn the_table_of_arrows_has_no_circle() {
    assert_eq!(circles(ARROWS), Vec::<&str>::new());
    let named = ARROWS.iter().flat_map(|(_, to)| *to).filter(|to| !ARROWS.iter().any(|(name, _)| name == *to));
    assert_eq!(named.count(), 0, "every module that is named has a row");
    let planted: &[(&str, &[&str])] = &[("model", &[]), ("index", &["model", "trail"]), ("trail", &["index"])];
    assert_eq!(circles(planted), ["index", "trail"]);
}

/// Rows of the page's table that differ from ours, and rows of ours that it lacks.
fn rows_that_differ(page: &str) -> Vec<String> {
    let rows: Vec<(String, String)> = page
        .lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.strip_prefix("| `")?.split('|').map(str::trim).collect();
            Some((cells.first()?.trim_end_matches('`').to_owned(), (*cells.get(2)?).to_owned()))
        })
        .collect();
    let ours = |(name, to): &(&str, &[&str])| {
        let to = if to.is_empty() { "–".to_owned() } else { to.join(", ") };
        ((*name).to_owned(), to)
    };
    let ours: Vec<(String, String)> = ARROWS.iter().map(ours).collect();
    let stray = rows.iter().filter(|row| !ours.contains(row));
    stray.chain(ours.iter().filter(|row| !rows.contains(row))).map(|(name, to)| format!("{name}: {to}")).collect()
}

#[test]
fn the_page_of_modules_has_the_same_table() {
    let page = fs::read_to_string(root().join("docs/modules.md")).expect("the page");
    assert_eq!(rows_that_differ(&page), Vec::<String>::new());
    let altered = page.replace("| model, error, clock, seeded |", "| model, error, clock, trail, seeded |");
    assert_eq!(rows_that_differ(&altered).len(), 2);
}

#[test]
fn a_planted_back_arrow_is_found_with_its_line() {
    let planted = "use std::fmt;\nuse crate::recorder::Recorder;\n";
    assert_eq!(
        back_arrows("audit-runtime/src/journal/writer.rs", planted),
        ["audit-runtime/src/journal/writer.rs:2: `journal` must not import `recorder`"]
    );
    let listed = "use crate::{error::Error, session::open};\n";
    assert_eq!(back_arrows("audit-runtime/src/trail/mod.rs", listed).len(), 1);
    assert_eq!(back_arrows("audit-runtime/src/nobody.rs", "").len(), 1);
    assert!(back_arrows("audit-runtime/src/recorder/mod.rs", "use crate::journal::Journal;\n").is_empty());
}

#[test]
fn unsafe_stands_in_one_file() {
    let needle = ["unsafe", " {"].concat();
    let found: Vec<String> =
        ["audit-macros/src", "audit-runtime/src", "audit-testkit/src", "audited-cli/src", "examples"]
            .iter()
            .flat_map(|folder| sources(folder))
            .filter(|(file, _)| file != UNSAFE_ALLOWED)
            .flat_map(|(file, text)| {
                let lines = text.lines().enumerate().filter(|(_, line)| {
                    let code = line.trim_start();
                    !code.starts_with("//") && !code.contains('"') && code.contains(&needle)
                });
                lines.map(|(at, _)| format!("{file}:{}", at + 1)).collect::<Vec<_>>()
            })
            .collect();
    assert!(found.is_empty(), "unsafe blocks outside {UNSAFE_ALLOWED}:\n{}", found.join("\n"));
    let map = fs::read_to_string(root().join(UNSAFE_ALLOWED)).expect("the mapping's file");
    assert!(map.contains(&needle) && map.contains("SAFETY"), "the exception must be needed and give its reasons");
}

/// What must not land, as words put together here so that this file does not hold them.
fn unwanted(file: &str, text: &str) -> Vec<String> {
    let words = [
        ["TO", "DO"].concat(),
        ["FIX", "ME"].concat(),
        ["todo", "!("].concat(),
        ["unimplemented", "!("].concat(),
        ["dbg", "!("].concat(),
    ];
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        found.extend(words.iter().filter(|word| line.contains(*word)).map(|word| format!("{file}:{}: {word}", at + 1)));
    }
    if text.lines().count() > LONGEST {
        found.push(format!("{file}:{LONGEST}: longer than {LONGEST} lines; a smaller noun is asking to be named"));
    }
    found
}

#[test]
fn nothing_half_done_lands() {
    let folders = ["audit-macros", "audit-runtime", "audit-testkit", "audited-cli", "examples", "benchmarks", "tests"];
    let found: Vec<String> = folders
        .iter()
        .flat_map(|folder| sources(folder))
        .filter(|(file, _)| !file.contains("/expand/"))
        .flat_map(|(file, text)| unwanted(&file, &text))
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert_eq!(unwanted("x.rs", &["// TO", "DO later"].concat()).len(), 1);
}

/// Names of tests that a document gives in backticks: `g1_returned`, or `g1_*` for several.
fn named_tests(text: &str) -> Vec<&str> {
    let looks_like_a_test = |word: &&str| {
        let name = word.trim_end_matches('*');
        name.contains('_')
            && !name.is_empty()
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    text.split('`').skip(1).step_by(2).filter(looks_like_a_test).collect()
}

/// Names in the documents that no test of the workspace has.
fn tests_that_are_not_there<'a>(document: &'a str, sources: &[(String, String)]) -> Vec<&'a str> {
    let exists = |name: &str| {
        let start = format!("fn {}", name.trim_end_matches('*'));
        let whole = format!("{start}(");
        sources.iter().any(|(_, text)| if name.ends_with('*') { text.contains(&start) } else { text.contains(&whole) })
    };
    named_tests(document).into_iter().filter(|name| !exists(name)).collect()
}

#[test]
fn every_test_that_the_guarantees_name_exists() {
    let folders = ["audit-macros", "audit-runtime", "audit-testkit", "audited-cli", "examples", "tests"];
    let all: Vec<_> = folders.iter().flat_map(|folder| sources(folder)).collect();
    for document in ["docs/guarantees.md", "docs/failures.md"] {
        let text = fs::read_to_string(root().join(document)).expect("the document");
        let table: String = text.lines().filter(|line| line.starts_with('|')).collect::<Vec<_>>().join("\n");
        assert!(named_tests(&table).len() > 10, "{document} names its tests");
        let missing = tests_that_are_not_there(&table, &all);
        assert!(missing.is_empty(), "{document} names tests that are not there: {missing:?}");
    }
    assert_eq!(tests_that_are_not_there("| `a_test_nobody_wrote` |", &all), ["a_test_nobody_wrote"]);
}

#[test]
fn every_dependency_gives_its_reason() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the workspace's manifest");
    let section =
        manifest.split("[workspace.dependencies]").nth(1).and_then(|rest| rest.split("\n[").next()).unwrap_or("");
    let silent: Vec<&str> = section
        .lines()
        .filter(|line| {
            line.contains('=')
                && !line.starts_with('#')
                && !line.contains("path =")
                && !line.contains("} #")
                && !line.contains("\" ")
                && !line.contains("  #")
                && !line.contains(" # ")
        })
        .collect();
    assert!(silent.is_empty(), "without a reason:\n{}", silent.join("\n"));
}
