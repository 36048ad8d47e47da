//! Negative controls: each planted bug is found by the runner that is there to find it, and no runner finds anything in a
//! build whose bugs are all off. The same table stands in `docs/testkit.md`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Bug, the scenario that finds it, and the invariants that this one says are broken.
const CONTROLS: &[(&str, &str, &str)] = &[
    ("terminal_lost_on_drop", "in_process_async", "I4"),
    ("terminal_written_twice", "in_process_sync", "I1"),
    ("terminal_of_nobody", "in_process_sync", "I2"),
    ("open_failure_ignored", "in_process_sync", "I5"),
    ("one_in_three_unaudited", "in_process_sync", "I5"),
    ("value_replaced", "value_in_hand", "I12"),
    ("panic_told_as_success", "in_process_sync", "I4"),
    ("error_told_as_success", "in_process_sync", "I4"),
    ("cancel_told_as_panic", "in_process_async", "I4"),
    ("panic_told_by_the_thread", "joined", "I4"),
    ("context_kept_between_polls", "in_process_async", "I5"),
    ("parent_ends_first", "nested_async", "I5"),
    ("detached_unmarked", "nested_async", "I5"),
    ("context_not_carried", "carried", "I10"),
    ("error_unscrubbed", "secrets", "I11"),
    ("duration_by_wall_clock", "in_process_sync", "I3"),
    ("lab_waits_elsewhere", "timers", ""),
    ("expectation_forgotten", "promised", "I9"),
    ("acknowledgement_forgotten", "promised", "I9"),
    ("failure_acknowledged_as_success", "promised", "I9"),
    ("poison_forgotten", "in_doubt", "I4"),
    ("spool_forgotten", "in_process_sync", "I4"),
    ("spool_placed_twice", "in_process_sync", "I1"),
    ("recovery_second_terminal", "killed_sync", "I1, I7"),
    ("recovery_leaves_the_innermost", "killed_sync", "I1"),
    ("recovery_closes_parents_first", "killed_sync", "I5"),
    ("recovery_forgets_terminals", "killed_sync", "I1"),
    ("recovery_invents_success", "killed_sync", "I4"),
    ("recovery_cuts_the_old_stream", "killed_sync", "I6"),
    ("recovery_forgets_runs", "loaded_and_killed", "I1"),
    ("recovery_marks_first", "recovery_killed_too", "I1"),
    ("recovery_closes_living", "beside_a_living_process", "I1"),
    ("refuses_behind_a_recovery", "sick_store", "I13"),
    ("settled_with_another_root", "killed_sync", "I8"),
    ("settlement_commits_nothing", "killed_sync", "I1"),
    ("ack_before_sync", "killed_async", "I6"),
    ("kept_in_memory", "killed_sync", "I5"),
    ("sync_skipped", "power_cut_of_an_effect", "I6"),
    ("failed_sync_believed", "sick_disk", "I6"),
    ("short_write_ignored", "sick_store", "I6"),
    ("write_error_ignored", "sick_store", "I6"),
    ("torn_frame_accepted", "power_cut", "I8"),
    ("trimmed_too_far", "in_process_sync", "I6"),
    ("lost_file_ignored", "file_taken_away", "I6"),
    ("second_outcome_written", "loaded", "I1"),
    ("fork_as_two_groups", "split_and_killed", "I1"),
    ("completed_before_the_receipt", "loaded", "I3"),
    ("checkpoint_before_outcomes", "loaded", "I3"),
    ("receipt_before_sync", "loaded", "I6"),
    ("success_before_effect", "governed", "I4"),
    ("sites_keep_passing", "silence::called_before_there_is_a_lab", "I5"),
    ("sites_keep_passing", "silence::called_before_a_lab_by_hand", "I5"),
    ("passing_uncounted", "silence::t12_called_before_an_installation", ""),
    ("uninstalled_untold", "silence::t12_called_before_an_installation", ""),
    ("gap_untold", "silence::t12_set_aside", "I5"),
    ("switched_off_untold", "silence::t12_unreconciled", ""),
    ("other_options_accepted", "silence::t12_opened_twice", ""),
    ("cut_tail_accepted", "verifier::t8_cut_tail", "I8"),
    ("root_not_compared", "verifier::t8_t9_suffix_of_equal_length", "I8"),
    ("missing_stream_accepted", "verifier::t8_missing_stream", "I8"),
    ("unattested_end_believed", "verifier::t8_end_that_nobody_attests", ""),
    ("payload_believed", "verifier::t9_payload_changed_behind_its_digest", ""),
    ("unknown_uncounted", "verifier::t13_kind_of_a_later_version", ""),
];

/// What a scenario says that finds a bug: the invariants, or a sentence of its own.
fn signs(bug: &str, breaks: &str) -> Vec<String> {
    match bug {
        "lab_waits_elsewhere" => vec!["an hour went by".to_owned()],
        "passing_uncounted" | "uninstalled_untold" | "switched_off_untold" | "other_options_accepted" => {
            vec!["silence without a record".to_owned()]
        }
        "unattested_end_believed" => vec!["taken for one that somebody does".to_owned()],
        "payload_believed" => vec!["under a digest that is not its own".to_owned()],
        "unknown_uncounted" => vec!["passed over, and not counted".to_owned()],
        _ => breaks.split(", ").map(|invariant| format!("{invariant} ")).collect(),
    }
}

/// A test program in the build with the planted bugs, beside this one.
pub fn bugged(test: &str) -> PathBuf {
    let own = std::env::current_exe().expect("this test's own path");
    let target = own.ancestors().nth(3).expect("a target directory");
    let built = Command::new(env!("CARGO"))
        .args(["test", "--quiet", "--no-run", "-p", "lab-tests", "--features", "seeded-bugs", "--test", test])
        .args(["--message-format", "json"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .env("CARGO_TARGET_DIR", target)
        .output()
        .expect("cargo");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let said = String::from_utf8_lossy(&built.stdout).into_owned();
    let named = format!("\"name\":\"{test}\"");
    let artifact = said.lines().filter(|line| line.contains(&named)).find_map(|line| {
        let rest = line.split("\"executable\":\"").nth(1)?;
        rest.split('"').next().map(PathBuf::from)
    });
    artifact.unwrap_or_else(|| panic!("cargo names no program:\n{said}"))
}

/// Whether a scenario passed, and what it printed.
pub fn run(program: &Path, scenario: &str, bug: Option<&str>) -> (bool, String) {
    let mut command = Command::new(program);
    command.args([scenario, "--exact", "--nocapture"]).env_remove("AUDIT_SEEDED_BUG").env_remove("RUST_BACKTRACE");
    // What a planted bug breaks is no failure of this workspace.
    command.env("AUDIT_COVERAGE", "");
    if let Some(bug) = bug {
        command.env("AUDIT_SEEDED_BUG", bug);
    }
    let output = command.output().expect("the scenario starts");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn t1_to_t20_each_planted_bug_is_found_by_the_runner_that_the_table_names() {
    let program = bugged("bugged");
    let mut scenarios: Vec<&str> = CONTROLS.iter().map(|(_, scenario, _)| *scenario).collect();
    scenarios.sort_unstable();
    scenarios.dedup();
    for scenario in scenarios {
        let (sound, said) = run(&program, scenario, None);
        assert!(sound && said.contains("1 passed"), "{scenario} finds something where nothing is planted:\n{said}");
    }
    let mut escaped = Vec::new();
    for (bug, scenario, breaks) in CONTROLS {
        let (sound, said) = run(&program, scenario, Some(bug));
        let missing: Vec<String> =
            signs(bug, breaks).into_iter().filter(|sign| !said.contains(sign.as_str())).collect();
        if sound || !missing.is_empty() {
            escaped.push(format!("{bug} escapes {scenario} (wanted {missing:?}):\n{said}"));
        }
    }
    assert!(escaped.is_empty(), "{} of {} escaped\n{}", escaped.len(), CONTROLS.len(), escaped.join("\n\n"));
    println!("{} planted bugs, all found", CONTROLS.len());
}

/// Bug, scenario and broken invariants of each row of the table in the documents.
fn rows(page: &str) -> Vec<(String, String, String)> {
    let rows = page.lines().filter(|line| line.starts_with("| `") && line.ends_with("| caught |"));
    rows.filter_map(|line| {
        let cells: Vec<String> = line.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect();
        Some((cells.get(1)?.clone(), cells.get(4)?.clone(), cells.get(3)?.clone()))
    })
    .collect()
}

#[test]
fn the_table_in_the_documents_is_the_controls_that_run() {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/testkit.md")).expect("the page");
    let told = rows(&page);
    let run = CONTROLS.iter().map(|(bug, at, breaks)| (bug.to_string(), at.to_string(), breaks.to_string()));
    assert_eq!(told, run.collect::<Vec<_>>());
    assert_eq!(rows("| `a` | b | I1 | `c` | caught |"), [("a".to_owned(), "c".to_owned(), "I1".to_owned())]);
}

#[test]
fn each_invariant_is_broken_by_a_bug() {
    let broken = |invariant: &str| CONTROLS.iter().any(|(.., breaks)| breaks.split(", ").any(|one| one == invariant));
    let unproven: Vec<String> = (1..=13).map(|n| format!("I{n}")).filter(|invariant| !broken(invariant)).collect();
    assert!(unproven.is_empty(), "no planted bug breaks {unproven:?}");
    assert!(!broken("I14"), "an invariant that nobody has is broken by nothing");
}
