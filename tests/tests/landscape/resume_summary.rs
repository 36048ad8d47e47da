//! What the summary of a resumed run says of its nodes: the names and the counts that the trail holds, whichever process
//! has counted them.

use super::trail::{Lab, row};
use audit_runtime::journal::Layout;
use audit_runtime::landscape::{Again, Landscape};
use audit_runtime::{Recorder, Run, RunId, RunSummary, audited};
use std::collections::BTreeMap;

/// Entries, completed, failed.
type Counts = BTreeMap<String, [i64; 3]>;

#[audited(node = "add up")]
fn add_up(n: u32) -> Result<u32, audit_runtime::Error> {
    Ok(n + 1)
}

#[audited(node = "look up")]
fn look_up(n: u32) -> Result<u32, std::io::Error> {
    if n == 13 { Err(std::io::Error::other("no such plane")) } else { Ok(n) }
}

fn told(summary: &RunSummary) -> Counts {
    let row =
        |counts: &audit_runtime::ledger::Counts| [counts.opened, counts.completed, counts.failed()].map(|n| n as i64);
    summary.nodes.iter().map(|node| (node.node.clone(), row(&node.counts))).collect()
}

/// The same, from an index that is made from the journal. Rows are read by no entry, and what died is counted as nothing.
fn held(lab: &Lab, run: RunId) -> Counts {
    let layout = Layout::at(lab.path());
    audit_runtime::index::rebuild(&layout, &mut |_| {}).expect("rebuilt");
    let index = rusqlite::Connection::open(layout.index()).expect("SQLite");
    let sql = "SELECT node_id, count(*), sum(status = 'COMPLETED'), sum(status = 'FAILED') FROM node_states
      WHERE run_id = ?1 AND status <> 'ABANDONED' AND node_id <> 'rows.csv' GROUP BY node_id";
    let mut statement = index.prepare(sql).expect("a sound question");
    let counts = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, [row.get(1)?, row.get(2)?, row.get(3)?]));
    let rows = statement.query_map([format!("{run:#}")], counts);
    rows.expect("answered").map(|row| row.expect("counts")).collect()
}

fn by_hand(recorder: &Recorder, run: &Run, node: &str) {
    run.scope(|| recorder.enter(node)).expect("entered").complete().expect("recorded");
}

fn visit(land: &Landscape, nodes: &super::trail::Nodes, n: u32) {
    let Again::New(token) = land.row_again(nodes.source, &n.to_string(), &n).expect("a new row") else { panic!("{n}") };
    token.enter(nodes.clean).expect("entered").complete().expect("recorded").filtered().expect("its outcome");
}

/// The first process of a run: one node of each sort that the second has too, and one that it has not.
fn first(lab: &Lab) -> RunId {
    // The sites of an earlier run of the process keep their numbers: their records stand before this run's.
    let earlier = lab.recorder.begin_run("earlier").expect("a run");
    drop(earlier.scope(|| add_up(1)));
    earlier.finish().expect("finished");
    let (run, land, nodes) = lab.begin();
    drop(run.scope(|| add_up(1)));
    run.scope(|| (1..=3).chain([13]).for_each(|n| drop(look_up(n))));
    ["by name", "by name, once"].iter().for_each(|node| by_hand(&lab.recorder, &run, node));
    row(&land, &nodes, 0).enter(nodes.gate).unwrap().complete().unwrap().filtered().unwrap();
    let token = row(&land, &nodes, 1).enter(nodes.clean).unwrap().complete().unwrap();
    // Never ended: it counts as nothing.
    let left = token.enter(nodes.agg).unwrap();
    let id = run.id();
    run.interrupt("a stop").unwrap();
    drop((left, land));
    id
}

fn second(recorder: &Recorder, id: RunId) -> RunSummary {
    let run = recorder.resume_run(id).expect("resumed");
    let (land, nodes) = Lab::declare(&run).expect("the same graph");
    let Again::Open(tokens) = land.row_again(nodes.source, "1", &1).expect("known") else { panic!("it is on its way") };
    tokens.into_iter().for_each(|token| token.filtered().expect("its outcome"));
    visit(&land, &nodes, 2);
    run.scope(|| drop(look_up(13)));
    by_hand(recorder, &run, "by name");
    run.finish().expect("finished")
}

fn is_the_trail_s(lab: &Lab, summary: &RunSummary) {
    let (told, held) = (told(summary), held(lab, summary.run));
    assert_eq!(told, held, "{summary}");
    // What would be missed: nodes of both processes, and nodes that the second one never met.
    assert_eq!(held["look up"], [5, 3, 2]);
    assert_eq!(held["by name"], [2, 2, 0]);
    for node in ["add up", "by name, once", "gate"] {
        assert_eq!(held[node], [1, 1, 0], "{node}");
    }
    assert!(!format!("{summary}").contains("(by hand)"), "{summary}");
}

#[test]
fn l37_the_summary_of_a_run_that_another_process_resumes_names_every_node() {
    let lab = Lab::with(|builder| builder.project(false));
    let id = first(&lab);
    lab.recorder.close().expect("closed");
    let again = audit_runtime::Builder::new(lab.path()).project(false).open().expect("opened again");
    assert_ne!(again.stream(), lab.recorder.stream());
    let summary = second(&again, id);
    again.close().expect("closed");
    is_the_trail_s(&lab, &summary);
}

#[test]
fn l37_the_summary_of_a_run_that_the_same_process_resumes_counts_nothing_twice() {
    let lab = Lab::with(|builder| builder.project(false));
    let id = first(&lab);
    let summary = second(&lab.recorder, id);
    lab.recorder.close().expect("closed");
    is_the_trail_s(&lab, &summary);
}

/// Who makes up a name for each entry has no nodes: the rest is counted, without names, and the memory stays small.
#[test]
fn l37_more_names_than_nodes_are_counted_together() {
    const NAMES: i64 = 1_100;
    let lab = Lab::with(|builder| builder.project(false));
    let run = lab.recorder.begin_run("a name for each").expect("a run");
    let id = run.id();
    (0..NAMES).for_each(|n| by_hand(&lab.recorder, &run, &format!("entry {n}")));
    let rest = |summary: &RunSummary| {
        assert_eq!(summary.total().opened, NAMES as u64);
        let page = format!("{summary}");
        assert!(page.lines().count() < 50 && page.contains("other nodes)"), "one screen:\n{page}");
        let rest = told(summary).remove("(by hand)").expect("the rest")[0];
        assert_eq!(rest + summary.nodes.len() as i64 - 1, NAMES);
        rest
    };
    let before = rest(&run.interrupt("a stop").expect("interrupted"));
    let run = lab.recorder.resume_run(id).expect("resumed");
    Lab::declare(&run).map(drop).expect("its first graph");
    assert_eq!(rest(&run.fail("over").expect("failed")), before);
    lab.recorder.close().expect("closed");
    assert_eq!(held(&lab, id).len() as i64, NAMES, "the trail has them all");
}
