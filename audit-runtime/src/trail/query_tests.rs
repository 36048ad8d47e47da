//! Questions over trails whose frames are written by hand.

use super::*;
use crate::error::Code;
use crate::index::tests::{Script, dead_and_recovered, trail};
use crate::model::record::HEADER;
use crate::model::{Header, Id, Kind, RunId, Status};

#[test]
fn q3_an_abandoned_state_has_no_result_and_says_who_saw_it_and_when() {
    let (dead, by) = dead_and_recovered(3, 5);
    let (_dir, layout) = trail();
    dead.write(&layout, dead.records.len());
    by.write(&layout, by.records.len());
    let trail = Trail::open(layout.root()).unwrap();
    let story = trail.explain(&trail.short(Id::new(dead.stream, 6))).unwrap();
    let told = story.sentences.join("\n");
    for part in
        ["outcome unknown", "script observed that 2023-11-14T22:13:20.002000Z", "process gone", "src/script.rs:7"]
    {
        assert!(told.contains(part), "{part} in {told}");
    }
    assert_eq!(story.facts.get("outcome"), Some(&Json::from("unknown")));
    assert!(story.facts.get("duration_ns").is_none() && story.facts.get("output").is_none());
    assert!(told.contains("entered from `script::work` at src/script.rs:7"), "{told}");
}

#[test]
fn q2_a_failed_state_tells_its_error_its_run_and_its_caller() {
    let (dead, by) = dead_and_recovered(3, 5);
    let (_dir, layout) = trail();
    dead.write(&layout, dead.records.len());
    by.write(&layout, by.records.len());
    let trail = Trail::open(layout.root()).unwrap();
    let told = trail.explain(&trail.short(Id::new(dead.stream, 4))).unwrap().sentences.join("\n");
    for part in ["returned an error after 1.5 us: FAILED", "it broke", "`script::Broken`", "`nightly`"] {
        assert!(told.contains(part), "{part} in {told}");
    }
    let run = trail.explain(&trail.short(Id::new(dead.stream, 2))).unwrap();
    assert!(run.sentences.join("\n").contains("3 entries: 0 completed, 1 failed, 2 abandoned, 0 open"));
    let record = trail.explain(&trail.short(Id::new(by.stream, 4))).unwrap();
    assert!(record.sentences[0].contains("STREAM_SETTLED record"), "{:?}", record.sentences);
}

#[test]
fn q4_ids_that_lead_nowhere() {
    let (dead, by) = dead_and_recovered(3, 5);
    let (_dir, layout) = trail();
    dead.write(&layout, 5);
    by.write(&layout, by.records.len());
    let trail = Trail::open(layout.root()).unwrap();
    let code = |id: Id| trail.explain(&format!("{id:#}")).unwrap_err().code();
    assert_eq!(code(Id::new(dead.stream, 99)), Code::UnknownId);
    // Our own records end this state, and its opening is gone.
    assert_eq!(code(Id::new(dead.stream, 6)), Code::Corrupt);
}

#[test]
fn j1_a_dead_run_that_nobody_recovered_is_shown_as_such() {
    let (dead, _) = dead_and_recovered(3, 5);
    let (_dir, layout) = trail();
    dead.write(&layout, dead.records.len());
    let trail = Trail::open(layout.root()).unwrap();
    let runs = trail.runs().unwrap();
    assert_eq!((runs.len(), runs[0].standing().as_str()), (1, "RUNNING, process gone"));
    let sweep = trail.sweep(None).unwrap();
    let found: Vec<_> = sweep.findings.iter().map(|finding| finding.rule).collect();
    assert_eq!((found, sweep.open), (vec!["UNRECOVERED"; 3], 2));
    let entry = sweep.findings.iter().find(|finding| finding.id.ends_with("-6")).unwrap();
    assert_eq!(entry.place.as_deref(), Some("src/script.rs:7"));
}

#[test]
fn l7_a_recovered_trail_has_nothing_open_and_the_sweep_finds_nothing() {
    let (dead, mut by) = dead_and_recovered(3, 5);
    by.end();
    let (_dir, layout) = trail();
    dead.write(&layout, dead.records.len());
    by.write(&layout, by.records.len());
    let sweep = Trail::open(layout.root()).unwrap().sweep(None).unwrap();
    assert_eq!((sweep.findings, sweep.open, sweep.entries, sweep.runs), (vec![], 0, 3, 1));
}

#[test]
fn q5_open_work_in_an_ended_run_is_s9_of_that_run_alone() {
    let (_dir, layout) = trail();
    let mut script = Script::new(4);
    script.site(1, "work");
    let (good, bad) = (script.run("good"), script.run("bad"));
    let fine = script.open(good, Id::NONE);
    script.close(good, fine, Status::Completed);
    let open = script.open(bad, Id::NONE);
    script.end_run(good, Status::Completed);
    script.end_run(bad, Status::Completed);
    script.end();
    script.write(&layout, script.records.len());
    let trail = Trail::open(layout.root()).unwrap();
    assert_eq!(trail.sweep(Some(good.0)).unwrap().findings, []);
    let all = trail.sweep(None).unwrap().findings;
    assert_eq!(all.iter().map(|f| (f.rule, f.id.as_str())).collect::<Vec<_>>(), [("S9", format!("{open:#}").as_str())]);
    assert_eq!(all[0].place.as_deref(), Some("src/script.rs:7"));
}

/// Each rule fires on the violation planted for it, and the healthy index fires none.
#[test]
fn t19_each_rule_names_the_violation_that_plain_sql_plants() {
    let (_dir, layout) = trail();
    let mut script = Script::new(4);
    script.site(1, "work");
    let run = script.run("rows");
    let state = script.open(run, Id::NONE);
    script.close(run, state, Status::Completed);
    script.end_run(run, Status::Completed);
    script.end();
    script.write(&layout, script.records.len());
    let (r, s) = (format!("{:#}", run.0), format!("{state:#}"));
    let plant = |sql: &str| {
        let trail = Trail::scan(layout.root()).unwrap();
        trail
            .index
            .store
            .conn
            .execute_batch(&sql.replace(":r", &format!("'{r}'")).replace(":s", &format!("'{s}'")))
            .unwrap();
        let mut rules: Vec<_> = trail.sweep(Some(run.0)).unwrap().findings.iter().map(|f| f.rule).collect();
        rules.dedup();
        rules
    };
    let token = "INSERT INTO tokens(run_id, token_id) VALUES (:r, 't');";
    let outcome = |path: &str| {
        format!("INSERT INTO outcomes(run_id, token_id, terminal, outcome, path) VALUES (:r, 't', 1, {path});")
    };
    let dropped = outcome("'SUCCESS', 'filter_dropped'");
    assert_eq!(plant(&format!("{token}{dropped}")), Vec::<&str>::new());
    let cases: Vec<(&str, String)> = vec![
        ("S1", token.to_owned()),
        ("S2", format!("{token}{dropped}{dropped}")),
        (
            "S3",
            format!(
                "{token}{dropped} INSERT INTO outcomes(run_id, token_id, terminal, path) VALUES (:r, 't', 0, 'lost')"
            ),
        ),
        (
            "S4",
            format!(
                "{token}{}",
                outcome("'SUCCESS', 'unrouted'")
                    .replace("path)", "path, error_digest)")
                    .replace("'unrouted')", "'unrouted', 'd')")
            ),
        ),
        ("S5", format!("{token}{}", outcome("'FAILURE', 'unrouted'"))),
        (
            "S6",
            format!(
                "{token} INSERT INTO outcomes(run_id, token_id, terminal, outcome, path, sink) VALUES (:r, 't', 1, 'SUCCESS', 'default_flow', 'out')"
            ),
        ),
        (
            "S7",
            format!(
                "{token}{dropped} UPDATE node_states SET token_id = 't'; INSERT INTO nodes(run_id, node_id, kind) SELECT :r, node_id, 'sink' FROM node_states"
            ),
        ),
        ("S8", format!("{token}{dropped} UPDATE tokens SET fork_group = 'g'")),
        ("S9", "INSERT INTO operations(run_id, operation_id, status) VALUES (:r, 'o', 'OPEN')".to_owned()),
        (
            "S10",
            format!(
                "{token} INSERT INTO outcomes(run_id, token_id, terminal, outcome, path, batch_id) VALUES (:r, 't', 1, 'TRANSIENT', 'batch_consumed', 'b')"
            ),
        ),
        (
            "S11",
            format!(
                "{token} INSERT INTO outcomes(run_id, token_id, terminal, outcome, path, fork_group, children) VALUES (:r, 't', 1, 'TRANSIENT', 'fork_parent', 'g', 2); INSERT INTO tokens(run_id, token_id) VALUES (:r, 'c'); INSERT INTO token_parents VALUES (:r, 'c', 't', 0); INSERT INTO outcomes(run_id, token_id, terminal, outcome, path) VALUES (:r, 'c', 1, 'SUCCESS', 'filter_dropped')"
            ),
        ),
        ("S12", "UPDATE node_states SET token_id = 't', attempt = 1".to_owned()),
        (
            "S13",
            "INSERT INTO calls(run_id, call_id, state_id, ordinal, status) VALUES (:r, 'c', :s, 1, 'SUCCESS')"
                .to_owned(),
        ),
        ("S14", "UPDATE node_states SET ended_seq = opened_seq".to_owned()),
        ("S15", "INSERT INTO artifacts(run_id, artifact_id, state_id) VALUES (:r, 'a', 'nobody')".to_owned()),
        ("S16", "UPDATE node_states SET output_slot = NULL".to_owned()),
        ("S17", "INSERT INTO calls(run_id, call_id, ordinal, status) VALUES (:r, 'c', 0, 'SUCCESS')".to_owned()),
    ];
    for (rule, sql) in cases {
        assert_eq!(plant(&sql), [rule], "{sql}");
    }
}

/// What SQLite would do too often: pass over a whole table for one run, or over a whole run for one of its rows.
fn too_often(trail: &Trail, sql: &str) -> Vec<String> {
    let mut plan = trail.index.store.conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let steps = plan.query_map([None::<&str>], |row| Ok((row.get(0)?, row.get(1)?, row.get(3)?))).unwrap();
    let steps: Vec<(i64, i64, String)> = steps.map(Result::unwrap).collect();
    let for_each = |parent: i64| steps.iter().any(|(id, _, step)| *id == parent && step.starts_with("CORRELATED"));
    let passes = |parent: i64, step: &str| {
        (step.starts_with("SCAN") && !step.contains("VALUES CLAUSE") && !step.contains("CONSTANT"))
            || (for_each(parent) && step.ends_with("(run_id=?)"))
    };
    steps.iter().filter(|(_, parent, step)| passes(*parent, step)).map(|(_, _, step)| step.clone()).collect()
}

/// A sweep's time grows with what it reads, not with its square: many runs, and many rows of one run.
#[test]
fn t19_no_rule_passes_over_a_table_for_each_run_or_over_a_run_for_each_row() {
    let (_dir, layout) = trail();
    let trail = Trail::scan(layout.root()).unwrap();
    for rule in rules::rules() {
        assert_eq!(too_often(&trail, &rule.sql), Vec::<String>::new(), "{}: {}", rule.id, rule.sql);
    }
    // The controls: a search for a state by its id alone, and a table without its index.
    let by_id = "SELECT c.call_id FROM calls c WHERE c.run_id = ?1 AND NOT EXISTS (SELECT 1 FROM node_states s
      WHERE s.run_id = c.run_id AND s.state_id = c.state_id)";
    assert_eq!(too_often(&trail, by_id), ["SEARCH s USING INDEX states_by_run (run_id=?)"]);
    trail.index.store.conn.execute_batch("DROP INDEX batches_by_run").unwrap();
    let found: Vec<_> = rules::rules().iter().flat_map(|rule| too_often(&trail, &rule.sql)).collect();
    assert_eq!(found, ["SCAN batches"; 2]);
}

#[test]
fn q9_stats_tell_latency_the_slowest_and_what_never_ended() {
    let (dead, by) = dead_and_recovered(3, 5);
    let (_dir, layout) = trail();
    dead.write(&layout, dead.records.len());
    by.write(&layout, by.records.len());
    let stats = Trail::open(layout.root()).unwrap().stats(None).unwrap();
    assert_eq!((stats.nodes.len(), stats.nodes[0].max, stats.slowest.len(), stats.unended_count), (1, 1_500, 1, 2));
}

#[test]
fn tail_tells_each_record_once_and_the_last_of_a_kind() {
    let (_dir, layout) = trail();
    let mut script = Script::new(4);
    script.site(1, "work");
    script.write(&layout, script.records.len());
    let mut tail = Tail::open(layout.root()).unwrap();
    assert_eq!(tail.poll(&[], 100).unwrap().len(), 2);
    assert_eq!(tail.poll(&[], 100).unwrap().len(), 0);
    let id = script.open(RunId::NONE, Id::NONE);
    script.close(RunId::NONE, id, Status::Completed);
    script.write(&layout, script.records.len());
    let news = tail.poll(&[], 100).unwrap();
    assert_eq!(news.iter().map(|told| told.node.as_deref()).collect::<Vec<_>>(), [Some("script::work"); 2]);
    let line = news[1].line.to_string();
    assert!(line.starts_with(r#"{"event_type":"STATE_CLOSED","id":""#) && !line.contains('\n'), "{line}");
    let trail = Trail::open(layout.root()).unwrap();
    assert_eq!(trail.recent(1, Some(Kind::StateOpened)).unwrap()[0].id, id);
}

/// A clock that is set back in the middle of a stream: its records are told in their sequence all the same.
#[test]
fn tail_tells_a_stream_in_its_sequence_whatever_the_wall_clock_says() {
    const BACK: i64 = 3_600_000_000_000;
    let (_dir, layout) = trail();
    let (mut steady, mut set_back) = (Script::new(4), Script::new(7));
    for script in [&mut steady, &mut set_back] {
        script.site(1, "work");
        for _ in 0..4 {
            script.open(RunId::NONE, Id::NONE);
        }
    }
    for record in &mut set_back.records[3..] {
        let mut header = Header::decode(record).unwrap();
        header.wall_ns -= BACK;
        record[..HEADER].copy_from_slice(&header.encode());
    }
    for script in [&steady, &set_back] {
        script.write(&layout, script.records.len());
    }
    let told = Tail::open(layout.root()).unwrap().poll(&[], 100).unwrap();
    for script in [&steady, &set_back] {
        let seqs: Vec<u64> =
            told.iter().filter(|told| told.id.stream == script.stream).map(|told| told.id.seq).collect();
        assert_eq!(seqs, (0..script.records.len() as u64).collect::<Vec<_>>());
    }
    // The control: by the clock alone the last three would have been told first.
    let clock: Vec<i64> = told.iter().map(|told| told.wall_ns).collect();
    assert!(!clock.is_sorted(), "{clock:?}");
    // And between streams the clock counts: neither is told whole before the other.
    assert_ne!(told[0].id.stream, told[1].id.stream);
}

#[test]
fn doctor_names_what_waits_for_recovery() {
    let (dead, by) = dead_and_recovered(3, 5);
    let (_dir, layout) = trail();
    dead.write(&layout, dead.records.len());
    by.write(&layout, by.records.len());
    let checkup = Trail::open(layout.root()).unwrap().doctor().unwrap();
    let found: Vec<_> = checkup.findings.iter().map(|finding| (finding.rule, finding.id.clone())).collect();
    assert_eq!(found, [("UNRECOVERED", by.stream.text())]);
    let fact = |name: &str| checkup.json().get(name).cloned();
    assert_eq!((fact("streams_settled"), fact("streams")), (Some(Json::Uint(1)), Some(Json::Uint(2))));
}
