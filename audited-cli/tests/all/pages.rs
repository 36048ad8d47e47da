//! The documents say what the code does.

use std::collections::BTreeSet;
use std::fs;

use audit_runtime::Code;

fn page(name: &str) -> String {
    let path = format!("{}/../docs/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

#[test]
fn every_error_code_has_its_row() {
    let page = page("errors.md");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `AUD")).collect();
    let expected: Vec<String> =
        Code::ALL.iter().map(|code| format!("| `{}` | {} | {} |", code.text(), code.what(), code.next())).collect();
    for row in &expected {
        assert!(rows.contains(&row.as_str()), "docs/errors.md lacks\n{row}");
    }
    assert_eq!(rows.len(), expected.len(), "docs/errors.md has rows for codes that do not exist");
}

#[test]
fn every_table_view_and_column_of_the_index_is_described() {
    let page = page("index.md");
    let dir = tempfile::tempdir().expect("a directory");
    super::support::story(dir.path());
    let said = super::support::audited(dir.path(), &["index", "rebuild"]);
    assert_eq!(said.code, 0, "{}", said.err);
    for (table, columns) in audit_runtime::index::tables() {
        let section = page.split("\n### ").find(|section| section.starts_with(&format!("`{table}`")));
        let section = section.unwrap_or_else(|| panic!("docs/index.md does not describe {table}"));
        for column in columns {
            assert!(section.contains(&format!("`{column}`")), "docs/index.md: {table} lacks {column}");
        }
    }
    assert!(page.contains(&format!("Schema version: {}", audit_runtime::index::VERSION)));
}

/// Commands that the program's own help lists.
fn commands() -> Vec<String> {
    let help = super::support::program().env("COLUMNS", "200").arg("--help").output().expect("the program runs");
    let help = String::from_utf8(help.stdout).expect("text");
    let listed =
        help.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("a list of commands");
    // Lines that are further indented go on with what a command does.
    let begins = |line: &&str| !line.starts_with("   ");
    let words = listed.lines().filter(begins).filter_map(|line| line.split_whitespace().next());
    words.filter(|word| *word != "help").map(str::to_owned).collect()
}

#[test]
fn every_command_is_described() {
    let (page, readme, all) = (page("cli.md"), page("../README.md"), commands());
    assert!(all.len() > 10 && all.iter().any(|command| command == "sweep"), "{all:?}");
    for command in &all {
        assert!(page.contains(&format!("### `audited {command}")), "docs/cli.md does not describe {command}");
    }
    for command in ["hold add", "hold remove", "hold list", "index rebuild", "index dump"] {
        assert!(page.contains(&format!("`audited {command}")), "docs/cli.md does not describe {command}");
    }
    let row = readme.lines().find(|line| line.starts_with("| `audited-cli`")).expect("the README's row");
    let missing: Vec<_> = all.iter().filter(|command| !row.contains(command.as_str())).collect();
    assert!(missing.is_empty(), "README.md does not name {missing:?}");
}

/// The README and every page of `docs`, by path from the repository's root.
fn pages() -> Vec<(String, String)> {
    let root = format!("{}/..", env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(format!("{root}/docs")).expect("the pages");
    let names = docs.map(|entry| format!("docs/{}", entry.expect("a page").file_name().to_string_lossy()));
    let names = names.filter(|name| name.ends_with(".md")).chain(["README.md".to_owned()]);
    names.map(|name| (name.clone(), fs::read_to_string(format!("{root}/{name}")).expect("a page"))).collect()
}

/// Links of a page that lead to no file, and links to headings that the other page does not have.
fn broken_links(name: &str, text: &str) -> Vec<String> {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let leads = |link: &&str| {
        let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
        let path = if file.is_empty() { here.clone() } else { here.with_file_name(file) };
        let Ok(page) = fs::read_to_string(&path) else { return path.exists() };
        anchor.is_empty() || page.lines().filter(|line| line.starts_with('#')).any(|line| slug(line) == anchor)
    };
    links.filter(|link| !link.starts_with("http") && !leads(link)).map(str::to_owned).collect()
}

/// A heading as a link names it.
fn slug(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

#[test]
fn every_link_leads_somewhere_and_every_page_is_linked() {
    let pages = pages();
    for (name, text) in &pages {
        assert_eq!(broken_links(name, text), Vec::<String>::new(), "{name}");
    }
    let readme = &pages.iter().find(|(name, _)| name == "README.md").expect("the README").1;
    let lonely: Vec<_> =
        pages.iter().map(|(name, _)| name).filter(|name| !readme.contains(&format!("({name})"))).collect();
    assert_eq!(lonely, ["README.md"], "pages that the README does not lead to");
    let planted = "[a](cli.md), [b](nowhere.md), [c](cli.md#json), [d](cli.md#yaml)";
    assert_eq!(broken_links("docs/words.md", planted), ["nowhere.md", "cli.md#yaml"]);
}

#[test]
fn every_setting_is_described_with_its_default() {
    let page = page("cli.md");
    for setting in audit_runtime::config::SETTINGS {
        let default = if setting.default.is_empty() { "(none)" } else { setting.default };
        let row = format!("| `{}` | {default} | {} |", setting.name, setting.meaning);
        assert!(page.contains(&row), "docs/cli.md lacks {row}");
    }
}

/// Commands that a page names in backticks: `audited WORD …`.
fn commands_in(page: &str) -> BTreeSet<&str> {
    let named = page.split("`audited ").skip(1).map(|rest| rest.split(|c: char| !c.is_ascii_lowercase()).next());
    named.flatten().filter(|word| !word.is_empty()).collect()
}

/// Which of them the program does not know.
fn unknown_commands(page: &str) -> Vec<&str> {
    let known = commands();
    commands_in(page).into_iter().filter(|command| !known.iter().any(|known| known == command)).collect()
}

#[test]
fn every_command_that_a_page_names_exists() {
    for (name, text) in pages() {
        assert_eq!(unknown_commands(&text), Vec::<&str>::new(), "{name}");
    }
    assert_eq!(unknown_commands("`audited runs`, `audited --json` and `audited certify`"), ["certify"]);
}

#[test]
fn every_clause_of_the_compliance_page_names_a_command_that_shows_it() {
    let page = page("compliance.md");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ") && line.contains("**")).collect();
    for clause in ["CC4.1", "Art. 30", "164.312(b)", "Art. 12"] {
        assert!(rows.iter().any(|row| row.contains(clause)), "docs/compliance.md lacks {clause}");
    }
    for row in &rows {
        assert!(!commands_in(row).is_empty(), "no command shows it: {row}");
    }
}
