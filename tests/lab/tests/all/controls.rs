//! Negative controls: each planted bug is found by the runner that is there to find it, and no runner finds anything in a
//! build whose bugs are all off. The same table stands in `docs/testkit.md`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Bug, the scenario that finds it, and what that one says.
const CONTROLS: &[(&str, &str, &str)] = &[
    ("terminal_lost_on_drop", "in_process_async", "ended as `lost`"),
    ("open_failure_ignored", "in_process_sync", "ran without an opening of its own"),
    ("panic_told_as_success", "in_process_sync", "I4 "),
    ("error_told_as_success", "in_process_sync", "I4 "),
    ("cancel_told_as_panic", "in_process_async", "I4 "),
    ("context_kept_between_polls", "in_process_async", "I5 "),
    ("duration_by_wall_clock", "in_process_sync", "I3 "),
    ("spool_forgotten", "in_process_sync", "I4 "),
    ("recovery_second_terminal", "killed_sync", "I1 "),
    ("recovery_leaves_the_innermost", "killed_sync", "I1 "),
    ("recovery_closes_parents_first", "killed_sync", "I5 "),
    ("recovery_forgets_terminals", "killed_sync", "I1 "),
    ("settled_with_another_root", "killed_sync", "I8 "),
    ("settlement_commits_nothing", "killed_sync", "I1 "),
    ("ack_before_sync", "killed_async", "I6 "),
    ("short_write_ignored", "sick_store", "I6 "),
    ("torn_frame_accepted", "power_cut", "broke "),
    ("lab_waits_elsewhere", "timers", "an hour went by"),
];

/// The build with the planted bugs, beside this one.
fn bugged() -> PathBuf {
    let own = std::env::current_exe().expect("this test's own path");
    let target = own.ancestors().nth(3).expect("a target directory");
    let built = Command::new(env!("CARGO"))
        .args(["test", "--quiet", "--no-run", "-p", "lab-tests", "--features", "seeded-bugs", "--test", "bugged"])
        .args(["--message-format", "json"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .env("CARGO_TARGET_DIR", target)
        .output()
        .expect("cargo");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let said = String::from_utf8_lossy(&built.stdout).into_owned();
    let artifact = said.lines().filter(|line| line.contains("\"name\":\"bugged\"")).find_map(|line| {
        let rest = line.split("\"executable\":\"").nth(1)?;
        rest.split('"').next().map(PathBuf::from)
    });
    artifact.unwrap_or_else(|| panic!("cargo names no program:\n{said}"))
}

/// Whether a scenario passed, and what it printed.
fn run(program: &Path, scenario: &str, bug: Option<&str>) -> (bool, String) {
    let mut command = Command::new(program);
    command.args([scenario, "--exact", "--nocapture"]).env_remove("AUDIT_SEEDED_BUG").env_remove("RUST_BACKTRACE");
    if let Some(bug) = bug {
        command.env("AUDIT_SEEDED_BUG", bug);
    }
    let output = command.output().expect("the scenario starts");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn t1_to_t16_each_planted_bug_is_found_by_the_runner_that_the_table_names() {
    let program = bugged();
    let mut scenarios: Vec<&str> = CONTROLS.iter().map(|(_, scenario, _)| *scenario).collect();
    scenarios.sort_unstable();
    scenarios.dedup();
    for scenario in scenarios {
        let (sound, said) = run(&program, scenario, None);
        assert!(sound && said.contains("1 passed"), "{scenario} finds something where nothing is planted:\n{said}");
    }
    let mut escaped = Vec::new();
    for (bug, scenario, sign) in CONTROLS {
        let (sound, said) = run(&program, scenario, Some(bug));
        if sound || !said.contains(sign) {
            escaped.push(format!("{bug} escapes {scenario} (wanted `{sign}`):\n{said}"));
        }
    }
    assert!(escaped.is_empty(), "{} of {} escaped\n{}", escaped.len(), CONTROLS.len(), escaped.join("\n\n"));
    println!("{} planted bugs, all found", CONTROLS.len());
}

/// Bug and scenario of each row of the table in the documents.
fn rows(page: &str) -> Vec<(String, String)> {
    let rows = page.lines().filter(|line| line.starts_with("| `") && line.ends_with("| caught |"));
    rows.filter_map(|line| {
        let cells: Vec<&str> = line.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        Some((cells.get(1)?.to_string(), cells.get(3)?.to_string()))
    })
    .collect()
}

#[test]
fn the_table_in_the_documents_is_the_controls_that_run() {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/testkit.md")).expect("the page");
    let told = rows(&page);
    let run: Vec<(String, String)> =
        CONTROLS.iter().map(|(bug, scenario, _)| ((*bug).to_owned(), (*scenario).to_owned())).collect();
    assert_eq!(told, run);
    assert_eq!(rows("| `a` | b | `c` | caught |"), [("a".to_owned(), "c".to_owned())]);
}
