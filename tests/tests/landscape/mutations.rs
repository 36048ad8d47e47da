//! Each rule of the sweep against each violation that plain SQL can plant in the index of a healthy run: exactly that rule
//! fires, with no other than its allowed companions, and nothing is said of the run beside it. The strict copy refuses what
//! one row, its keys and its run can tell.

use super::trail::Lab;
use super::whole::{Whole, tell};
use audit_runtime::index::{export_strict, rebuild};
use audit_runtime::journal::Layout;
use audit_runtime::trail::Trail;
use audit_runtime::{Code, RunId};
use rusqlite::Connection;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Rules that may fire beside one.
const COMPANIONS: [(&str, &[&str]); 4] =
    [("S1", &["S7", "S10"]), ("S5", &["S6", "S7"]), ("S8", &["S10", "S11"]), ("S9", &["S6", "S10", "S16"])];

/// What the strict copy says of a violation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Strict {
    Refuses,
    /// It takes several rows to see.
    Holds,
}
use Strict::{Holds, Refuses};

/// Two healthy runs, settled, with their index.
struct Bench {
    lab: Lab,
    run: RunId,
    other: RunId,
    index: PathBuf,
    healthy: Vec<u8>,
}

impl Bench {
    fn new() -> Bench {
        let lab = Lab::with(|builder| builder.project(false));
        let (Whole { run, .. }, Whole { run: other, .. }) = (tell(&lab.recorder), tell(&lab.recorder));
        lab.recorder.close().unwrap();
        assert_eq!(lab.sweep(), Vec::<String>::new(), "the runs are healthy, and have a strict copy");
        let layout = Layout::at(lab.path());
        rebuild(&layout, &mut |_| {}).unwrap();
        let index = layout.index();
        let healthy = std::fs::read(&index).unwrap();
        Bench { lab, run, other, index, healthy }
    }

    /// Plants a violation; what the sweep finds in this run, and whether the strict copy was refused.
    fn plant(&self, sql: &str, ask_strict: bool) -> (BTreeSet<String>, Option<bool>) {
        std::fs::write(&self.index, &self.healthy).unwrap();
        let sql = sql
            .replace(":plain", PLAIN)
            .replace(
                ":sunk",
                "SELECT token_id FROM outcomes WHERE run_id = :r AND path = 'default_flow' ORDER BY token_id LIMIT 1",
            )
            .replace(
                ":done",
                "SELECT state_id FROM node_states WHERE run_id = :r AND status = 'COMPLETED' AND token_id = (:plain)",
            )
            .replace(":plain", PLAIN)
            .replace(":other", &format!("'{:#}'", self.other))
            .replace(":r", &format!("'{:#}'", self.run));
        let conn = Connection::open(&self.index).unwrap();
        conn.execute_batch(&sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
        assert!(conn.changes() > 0, "nothing was planted by {sql}");
        conn.close().unwrap();
        let trail = Trail::open(self.lab.path()).unwrap();
        assert_eq!(trail.access(), audit_runtime::index::Access::Settled, "the planted index is asked");
        let rules = |run: RunId| -> BTreeSet<String> {
            let found = trail.sweep(Some(run.0)).unwrap().findings;
            found.into_iter().filter(|f| f.rule.starts_with('S')).map(|finding| finding.rule.to_owned()).collect()
        };
        assert_eq!(rules(self.other), BTreeSet::new(), "the run beside it is healthy: {sql}");
        let strict = ask_strict.then(|| {
            let copy = self.lab.dir.path().join("strict.sqlite");
            drop(std::fs::remove_file(&copy));
            export_strict(trail.index(), &copy).map_err(|error| assert_eq!(error.code(), Code::NotStrict)).is_err()
        });
        (rules(self.run), strict)
    }

    #[track_caller]
    fn fires(&self, rule: &str, strict: Strict, sql: &str) {
        let (found, refused) = self.plant(sql, true);
        let companions = COMPANIONS.iter().find(|(of, _)| *of == rule).map_or(&[][..], |(_, allowed)| allowed);
        let stray: Vec<&String> =
            found.iter().filter(|found| *found != rule && !companions.contains(&found.as_str())).collect();
        assert!(found.contains(rule) && stray.is_empty(), "{rule}: {found:?} by {sql}");
        assert_eq!(refused, Some(strict == Refuses), "{rule}: the strict copy of {sql}");
    }
}

/// A token that a filter dropped behind one COMPLETED state, without parents or calls.
const PLAIN: &str = "SELECT o.token_id FROM outcomes o WHERE o.run_id = :r AND o.path = 'filter_dropped' AND EXISTS
  (SELECT 1 FROM node_states s WHERE s.run_id = o.run_id AND s.token_id = o.token_id) AND NOT EXISTS
  (SELECT 1 FROM token_parents p WHERE p.run_id = o.run_id AND p.token_id = o.token_id) ORDER BY 1 LIMIT 1";

#[test]
fn t19_each_rule_fires_for_its_violation_and_for_no_other() {
    let bench = Bench::new();
    let fork = "SELECT token_id FROM outcomes WHERE run_id = :r AND path = 'fork_parent' ORDER BY 1 LIMIT 1";
    let children = format!("SELECT token_id FROM token_parents WHERE run_id = :r AND parent_id = ({fork})");
    let busy = "SELECT state_id FROM calls WHERE run_id = :r AND ordinal = 2";
    let of_operation = "operation_id IS NOT NULL AND run_id = :r";
    let cases: Vec<(&str, Strict, String)> = vec![
        ("S1", Holds, "DELETE FROM outcomes WHERE run_id = :r AND token_id = (:plain)".into()),
        ("S1", Holds, "DELETE FROM outcomes WHERE run_id = :r AND token_id = (:sunk)".into()),
        ("S1", Holds, format!("DELETE FROM outcomes WHERE run_id = :r AND token_id IN ({children})")),
        ("S2", Refuses, "INSERT INTO outcomes SELECT * FROM outcomes WHERE run_id = :r AND token_id = (:plain)".into()),
        ("S2", Refuses, "INSERT INTO outcomes(run_id, token_id, terminal, outcome, path) VALUES (:r, (:plain), 1, 'SUCCESS', 'gate_discarded')".into()),
        ("S3", Refuses, "INSERT INTO outcomes(run_id, token_id, terminal, path) VALUES (:r, (:plain), 0, 'lost')".into()),
        ("S3", Refuses, "INSERT INTO outcomes(run_id, token_id, terminal, path, outcome) VALUES (:r, (:plain), 2, 'gate_discarded', 'SUCCESS')".into()),
        ("S3", Refuses, "INSERT INTO outcomes(run_id, token_id, path) VALUES (:r, (:plain), 'lost')".into()),
        ("S6", Holds, "DELETE FROM node_states WHERE run_id = :r AND token_id = (SELECT token_id FROM outcomes WHERE run_id = :r AND path = 'gate_routed') AND node_id = 'out'".into()),
        ("S6", Holds, "UPDATE outcomes SET path = 'default_flow', sink = 'out' WHERE run_id = :r AND token_id = (:plain)".into()),
        ("S7", Holds, "UPDATE outcomes SET path = 'filter_dropped', sink = NULL WHERE run_id = :r AND token_id = (:sunk)".into()),
        ("S7", Holds, "UPDATE outcomes SET outcome = 'FAILURE', path = 'unrouted', sink = NULL WHERE run_id = :r AND path = 'sink_fallback'".into()),
        ("S8", Holds, "DELETE FROM token_parents WHERE run_id = :r AND token_id = (SELECT token_id FROM tokens WHERE run_id = :r AND join_group IS NOT NULL)".into()),
        ("S8", Holds, format!("DELETE FROM token_parents WHERE run_id = :r AND token_id = ({children} LIMIT 1)")),
        ("S8", Holds, format!("DELETE FROM token_parents WHERE run_id = :r AND token_id IN ({children})")),
        ("S8", Holds, "UPDATE tokens SET expand_group = 'g' WHERE run_id = :r AND token_id = (:plain)".into()),
        ("S9", Holds, "UPDATE operations SET status = 'OPEN' WHERE run_id = :r".into()),
        ("S9", Holds, "UPDATE operations SET status = 'DEFERRED' WHERE run_id = :r".into()),
        ("S9", Holds, "UPDATE calls SET status = 'OPEN' WHERE run_id = :r AND operation_id IS NOT NULL".into()),
        ("S9", Holds, "UPDATE batches SET status = 'DRAFT' WHERE run_id = :r AND status = 'FAILED'".into()),
        ("S9", Holds, "UPDATE batches SET status = 'EXECUTING' WHERE run_id = :r AND attempt = 1".into()),
        ("S9", Holds, format!("{}; {}", LEGAL_OPEN, "UPDATE node_states SET attempt = attempt WHERE state_id = (SELECT state_id FROM node_states WHERE run_id = :r AND status = 'OPEN')")),
        ("S9", Refuses, "UPDATE node_states SET status = 'OPEN' WHERE state_id = (:done)".into()),
        ("S10", Holds, "UPDATE batches SET status = 'FAILED' WHERE run_id = :r AND attempt = 1".into()),
        ("S10", Holds, "UPDATE batches SET status = 'ABANDONED' WHERE run_id = :r AND attempt = 0 AND status = 'COMPLETED'".into()),
        ("S10", Refuses, "UPDATE outcomes SET batch_id = 'nobody' WHERE run_id = :r AND path = 'batch_consumed'".into()),
        ("S11", Holds, format!("UPDATE outcomes SET children = 3 WHERE run_id = :r AND token_id = ({fork})")),
        ("S11", Holds, "UPDATE outcomes SET children = 1 WHERE run_id = :r AND path = 'expand_parent'".into()),
        ("S11", Holds, format!("INSERT INTO token_parents VALUES (:r, (:plain), ({fork}), 0)")),
        ("S12", Holds, "UPDATE node_states SET attempt = 1 WHERE state_id = (:done)".into()),
        ("S12", Holds, "UPDATE node_states SET attempt = 2 WHERE run_id = :r AND attempt = 1 AND token_id IS NOT NULL".into()),
        ("S12", Refuses, "UPDATE node_states SET attempt = 0 WHERE run_id = :r AND attempt = 1 AND token_id IS NOT NULL".into()),
        ("S13", Holds, format!("UPDATE calls SET ordinal = 3 WHERE state_id = ({busy}) AND ordinal = 2")),
        ("S13", Refuses, format!("UPDATE calls SET ordinal = 1 WHERE state_id = ({busy}) AND ordinal = 2")),
        ("S13", Holds, format!("UPDATE calls SET ordinal = 1 WHERE {of_operation}")),
        ("S14", Refuses, "UPDATE node_states SET duration_ns = -1 WHERE state_id = (:done)".into()),
        ("S14", Refuses, "UPDATE node_states SET ended_seq = opened_seq WHERE state_id = (:done)".into()),
        ("S14", Refuses, "UPDATE node_states SET ended_seq = opened_seq - 1 WHERE state_id = (:done)".into()),
        ("S15", Refuses, "UPDATE artifacts SET state_id = 'nobody' WHERE run_id = :r".into()),
        ("S15", Holds, "UPDATE artifacts SET state_id = (SELECT state_id FROM node_states WHERE run_id = :r AND status = 'FAILED' LIMIT 1) WHERE run_id = :r".into()),
        ("S17", Refuses, format!("UPDATE calls SET operation_id = NULL WHERE {of_operation}")),
        ("S17", Refuses, format!("UPDATE calls SET state_id = (:done) WHERE {of_operation}")),
        ("S17", Refuses, format!("UPDATE calls SET operation_id = (SELECT operation_id FROM operations WHERE run_id = :other) WHERE {of_operation}")),
        ("S17", Refuses, format!("UPDATE calls SET operation_id = NULL, state_id = 'nobody' WHERE {of_operation}")),
    ];
    for (rule, strict, sql) in &cases {
        bench.fires(rule, *strict, sql);
    }
    let fired: BTreeSet<&str> = cases.iter().map(|(rule, ..)| *rule).collect();
    assert_eq!(fired.len(), 14, "S4, S5 and S16 are planted cell by cell");
}

/// Outcome, path, required and optional fields, as the specification has them.
const PAIRS: [(&str, &str, &[&str], &[&str]); 14] = [
    ("SUCCESS", "default_flow", &["sink"], &[]),
    ("SUCCESS", "gate_routed", &["sink"], &[]),
    ("SUCCESS", "gate_discarded", &[], &[]),
    ("SUCCESS", "filter_dropped", &[], &[]),
    ("SUCCESS", "coalesced", &["join_group"], &["sink"]),
    ("FAILURE", "on_error_routed", &["sink", "error_digest"], &[]),
    ("FAILURE", "unrouted", &["error_digest"], &[]),
    ("FAILURE", "quarantined_at_source", &["error_digest"], &["sink"]),
    ("FAILURE", "sink_discarded", &["error_digest"], &[]),
    ("TRANSIENT", "sink_fallback", &["sink", "error_digest"], &[]),
    ("TRANSIENT", "fork_parent", &["fork_group", "children"], &[]),
    ("TRANSIENT", "expand_parent", &["expand_group", "children"], &[]),
    ("TRANSIENT", "batch_consumed", &["batch_id"], &[]),
    ("", "buffered", &["batch_id"], &[]),
];

const FIELDS: [&str; 7] = ["sink", "error_digest", "fork_group", "expand_group", "join_group", "batch_id", "children"];

#[test]
fn t19_s4_fires_for_every_pair_that_is_not_one_of_the_thirteen() {
    let bench = Bench::new();
    let terminal = &PAIRS[..13];
    for (legal, path, ..) in terminal {
        let row = format!("SELECT rowid FROM outcomes WHERE run_id = :r AND path = '{path}' AND terminal = 1 LIMIT 1");
        let others = ["'SUCCESS'", "'FAILURE'", "'TRANSIENT'", "NULL", "''", "'MAYBE'"];
        for outcome in others.iter().filter(|outcome| **outcome != format!("'{legal}'")) {
            bench.fires("S4", Refuses, &format!("UPDATE outcomes SET outcome = {outcome} WHERE rowid = ({row})"));
        }
    }
    for path in ["'nowhere'", "''", "NULL"] {
        bench.fires(
            "S4",
            Refuses,
            &format!("UPDATE outcomes SET path = {path} WHERE run_id = :r AND token_id = (:plain)"),
        );
    }
    let batch = "(SELECT batch_id FROM batches WHERE run_id = :r LIMIT 1)";
    bench.fires(
        "S4",
        Refuses,
        &format!("UPDATE outcomes SET path = 'buffered', batch_id = {batch} WHERE run_id = :r AND token_id = (:plain)"),
    );
}

#[test]
fn t19_s5_fires_for_every_field_that_is_missing_or_forbidden() {
    let bench = Bench::new();
    for (_, path, required, optional) in PAIRS {
        let row = format!("SELECT rowid FROM outcomes WHERE run_id = :r AND path = '{path}' ORDER BY sink LIMIT 1");
        let set = |field: &str, value: &str| format!("UPDATE outcomes SET {field} = {value} WHERE rowid = ({row})");
        for field in FIELDS {
            if required.contains(&field) {
                bench.fires("S5", Refuses, &set(field, "NULL"));
                if field != "children" {
                    bench.fires("S5", Refuses, &set(field, "''"));
                }
            } else if !optional.contains(&field) {
                let value = match field {
                    "children" => "2",
                    "batch_id" => "(SELECT batch_id FROM batches WHERE run_id = :r LIMIT 1)",
                    _ => "'x'",
                };
                bench.fires("S5", Refuses, &set(field, value));
            }
        }
    }
}

/// Makes the state of the plain token what a state of this status is.
const LEGAL_OPEN: &str =
    "UPDATE node_states SET status = 'OPEN', exit_kind = NULL, output_slot = NULL, ended_stream = NULL,
  ended_seq = NULL, ended_at = NULL, duration_ns = NULL WHERE state_id = (:done)";
const LEGAL_DEFERRED: &str = "UPDATE node_states SET status = 'DEFERRED', exit_kind = NULL, output_slot = NULL
  WHERE state_id = (:done)";
const LEGAL_ABANDONED: &str = "UPDATE node_states SET status = 'ABANDONED', exit_kind = 'lost', output_slot = NULL,
  duration_ns = NULL, abandon_reason = 'process gone' WHERE state_id = (:done)";
const LEGAL_FAILED: &str = "UPDATE node_states SET status = 'FAILED', exit_kind = 'errored', error = 'no'
  WHERE state_id = (:done)";

/// Status, the step that makes the state legal for it, its exits, and R, o or - for each column below.
const STATES: [(&str, &str, &[&str], &str); 5] = [
    ("OPEN", LEGAL_OPEN, &[], "R-------"),
    ("DEFERRED", LEGAL_DEFERRED, &[], "R-RRo---"),
    ("COMPLETED", "", &["returned"], "RRRRo-o-"),
    ("FAILED", LEGAL_FAILED, &["errored", "panicked", "cancelled"], "RoRRoR--"),
    ("ABANDONED", LEGAL_ABANDONED, &["lost"], "R-R----R"),
];

const COLUMNS: [&str; 8] = [
    "input_slot",
    "output_slot",
    "ended_at",
    "duration_ns",
    "context_after",
    "error",
    "success_reason",
    "abandon_reason",
];

#[test]
fn t19_s16_fires_for_every_cell_of_the_table_of_node_states() {
    let bench = Bench::new();
    // The run is under way, so that open work is no fault of it; S9 tells of it all the same, since its stream has ended.
    let planted = |legal: &str, change: &str| {
        let state = "SELECT state_id FROM node_states WHERE run_id = :r AND token_id = (:plain)";
        let under_way = "UPDATE runs SET status = 'RUNNING' WHERE run_id = :r";
        let sql = format!("{under_way}; {legal}; UPDATE node_states SET {change} WHERE state_id = ({state})");
        let (mut found, refused) = bench.plant(&sql, true);
        found.remove("S9");
        (found.into_iter().collect::<Vec<String>>(), refused == Some(true))
    };
    let mut cells = 0;
    for (status, legal, exits, needs) in STATES {
        assert_eq!(planted(legal, "attempt = attempt"), (vec![], false), "{status} as it should be");
        let mut wrong: Vec<String> = Vec::new();
        for (column, need) in COLUMNS.iter().zip(needs.chars()) {
            let numeric = matches!(*column, "ended_at" | "duration_ns");
            wrong.extend(match (need, numeric) {
                ('R', true) => vec![format!("{column} = NULL")],
                ('R', false) => vec![format!("{column} = NULL"), format!("{column} = ''")],
                ('-', true) => vec![format!("{column} = 5")],
                ('-', false) => vec![format!("{column} = 'x'")],
                _ => vec![],
            });
        }
        let known = ["returned", "errored", "panicked", "cancelled", "lost", "", "odd"];
        wrong.extend(known.iter().filter(|exit| !exits.contains(exit)).map(|exit| format!("exit_kind = '{exit}'")));
        if !exits.is_empty() {
            wrong.push("exit_kind = NULL".into());
        }
        for change in wrong {
            assert_eq!(planted(legal, &change), (vec!["S16".to_owned()], true), "{status}: {change}");
            cells += 1;
        }
    }
    assert_eq!(planted("", "status = 'PENDING'"), (vec!["S16".to_owned()], true));
    assert!(cells > 60, "{cells} cells");
}

#[test]
fn l4_a_link_into_another_run_has_no_place_in_the_strict_copy() {
    let bench = Bench::new();
    let of_other = |column: &str, table: &str| format!("(SELECT {column} FROM {table} WHERE run_id = :other LIMIT 1)");
    for sql in [
        format!(
            "UPDATE outcomes SET token_id = {} WHERE run_id = :r AND token_id = (:plain)",
            of_other("token_id", "tokens")
        ),
        format!(
            "UPDATE outcomes SET batch_id = {} WHERE run_id = :r AND path = 'buffered'",
            of_other("batch_id", "batches")
        ),
        format!("UPDATE node_states SET token_id = {} WHERE state_id = (:done)", of_other("token_id", "tokens")),
        format!(
            "UPDATE token_parents SET parent_id = {} WHERE run_id = :r AND ordinal = 0",
            of_other("token_id", "tokens")
        ),
        format!("UPDATE routes SET state_id = {} WHERE run_id = :r", of_other("state_id", "node_states")),
        format!("UPDATE tokens SET row_id = {} WHERE run_id = :r AND token_id = (:plain)", of_other("row_id", "rows")),
        format!("UPDATE artifacts SET state_id = {} WHERE run_id = :r", of_other("state_id", "node_states")),
    ] {
        assert_eq!(bench.plant(&sql, true).1, Some(true), "{sql}");
    }
}
