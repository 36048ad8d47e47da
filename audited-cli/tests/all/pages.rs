//! The documents say what the code does.

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

#[test]
fn every_command_is_described() {
    let page = page("cli.md");
    let commands = [
        "runs",
        "show",
        "explain",
        "tail",
        "sweep",
        "reconcile",
        "verify",
        "stats",
        "metrics",
        "doctor",
        "purge",
        "surface",
        "coverage",
        "index rebuild",
        "index dump",
    ];
    for command in commands {
        assert!(page.contains(&format!("### `audited {command}")), "docs/cli.md does not describe {command}");
    }
    for command in ["hold add", "hold remove", "hold list"] {
        assert!(page.contains(&format!("`audited {command}")), "docs/cli.md does not describe {command}");
    }
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
fn commands_in(page: &str) -> Vec<&str> {
    let code = page.split('`').skip(1).step_by(2);
    code.filter_map(|code| code.strip_prefix("audited ")).filter_map(|rest| rest.split([' ', '\n']).next()).collect()
}

/// Which of them the program does not know.
fn unknown_commands(page: &str) -> Vec<&str> {
    let knows = |command: &&str| {
        let asked = super::support::program().args([*command, "--help"]).output().expect("the program runs");
        asked.status.success()
    };
    commands_in(page).into_iter().filter(|command| !knows(command)).collect()
}

#[test]
fn every_command_that_the_compliance_page_names_exists() {
    let page = page("compliance.md");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ") && line.contains("**")).collect();
    for clause in ["CC4.1", "Art. 30", "164.312(b)", "Art. 12"] {
        assert!(rows.iter().any(|row| row.contains(clause)), "docs/compliance.md lacks {clause}");
    }
    for row in &rows {
        assert!(!commands_in(row).is_empty(), "no command shows it: {row}");
    }
    assert_eq!(unknown_commands(&page), Vec::<&str>::new());
    assert_eq!(unknown_commands("`audited runs` and `audited certify`"), ["certify"]);
}
