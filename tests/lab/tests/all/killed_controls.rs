//! Negative controls of the programs in `killed/`: each test there fails in a build with the bug that it is there to find.

use crate::controls::{bugged, run};

const SCRIPT: &str = "script::j1_j4_d6_a_script_killed_before_and_within_every_write_loses_nothing";
const RECOVERY: &str = "script::j2_recovery_killed_at_each_of_its_steps_closes_each_opening_once";
const PIPELINE: &str = "pipeline::l3_t15_a_pipeline_that_dies_at_any_step_leaves_whole_groups_and_nothing_too_early";

/// Bug, the test that finds it, and what that one says.
const CONTROLS: &[(&str, &str, &str)] = &[
    ("ack_before_sync", SCRIPT, "was acknowledged and is lost"),
    ("recovery_second_terminal", SCRIPT, "has 2 terminals"),
    ("recovery_forgets_terminals", SCRIPT, "2 terminals"),
    ("torn_frame_accepted", SCRIPT, "broke "),
    ("settlement_commits_nothing", RECOVERY, "I1 "),
    ("recovery_second_terminal", RECOVERY, "has 2 terminals"),
    ("recovery_leaves_the_innermost", PIPELINE, "I1 "),
    ("settlement_commits_nothing", PIPELINE, "I1 "),
];

#[test]
fn t1_t2_t6_t15_each_program_that_is_killed_finds_its_planted_bugs() {
    let program = bugged("killed");
    for scenario in [SCRIPT, RECOVERY, PIPELINE] {
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
}
