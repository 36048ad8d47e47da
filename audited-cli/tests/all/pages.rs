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
        "verify",
        "stats",
        "doctor",
        "purge",
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
