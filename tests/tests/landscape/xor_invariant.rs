//! Each token reaches exactly one terminal outcome, whatever happens to it.

use super::trail::{Lab, row, write};
use audit_runtime::landscape::Mode;
use audit_runtime::model::{Key, Kind, Outcome};
use audit_runtime::{Code, Status};
use std::num::NonZeroU32;

#[test]
fn l7_forks_expansions_gates_error_routes_and_quarantine_leave_one_outcome_each() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let mut visit = row(&land, &nodes, 1).enter(nodes.gate).unwrap();
    visit.route(Mode::Move, &["out"], &"cheap").unwrap();
    let gated = visit.complete().unwrap();
    let [left, right] = row(&land, &nodes, 2).fork(["left", "right"]).unwrap();
    let many = row(&land, &nodes, 3).expand(NonZeroU32::new(3).unwrap()).unwrap();
    for token in many {
        token.filtered().unwrap();
    }
    let diverted = right.enter(nodes.clean).unwrap().divert("error", "no such carrier").unwrap();
    let quarantined = land.quarantine(nodes.source, "4", &f64::NAN, "not a number").unwrap();
    write(&land, nodes.out, vec![gated, left], Ok(()), Ok(())).unwrap().deliver().unwrap();
    write(&land, nodes.bad, vec![diverted], Ok(()), Ok(())).unwrap().deliver().unwrap();
    quarantined.quarantined().unwrap();
    row(&land, &nodes, 5).discarded().unwrap();
    let summary = run.finish().unwrap();
    assert_eq!(summary.status, Status::CompletedWithFailures);
    assert_eq!(lab.end().1, Vec::<String>::new());
    assert_eq!(lab.sweep(), Vec::<String>::new());
    let mut paths: Vec<_> =
        lab.of(Kind::TokenOutcome).iter().filter_map(|r| r.body.text(Key::Path).map(str::to_owned)).collect();
    paths.sort();
    assert_eq!(
        paths,
        [
            "default_flow",
            "filter_dropped",
            "filter_dropped",
            "filter_dropped",
            "gate_discarded",
            "gate_routed",
            "on_error_routed",
            "quarantined_at_source"
        ]
    );
    assert_eq!((lab.count(Kind::RowRead), lab.count(Kind::TokenForked), lab.count(Kind::TokenExpanded)), (5, 1, 1));
}

#[test]
fn a_dropped_token_is_unrouted_and_a_dropped_visit_failed_first() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let token = row(&land, &nodes, 1);
    let id = token.id();
    drop(token);
    let visit = row(&land, &nodes, 2).enter(nodes.clean).unwrap();
    let visited = visit.token();
    drop(visit);
    assert_eq!(run.finish().unwrap().status, Status::Failed);
    for token in [id, visited] {
        let outcomes = lab.outcomes(token);
        assert!(matches!(outcomes.as_slice(), [Outcome::Unrouted { .. }]), "{outcomes:?}");
    }
    let texts: Vec<_> =
        lab.of(Kind::TokenOutcome).iter().filter_map(|r| r.body.text(Key::Error).map(str::to_owned)).collect();
    assert_eq!(texts, ["dropped", "dropped"]);
    let closed = lab.of(Kind::StateClosed);
    assert_eq!((closed[0].header.status, closed[0].body.text(Key::Reason)), (Status::Failed, Some("dropped")));
    assert!(
        lab.seq(Kind::StateClosed, Status::Failed)
            < lab.records().iter().rev().find(|(_, r)| r.header.kind == Kind::TokenOutcome).unwrap().0
    );
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn l3_a_fork_that_is_refused_leaves_the_token_and_no_record() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let refused = row(&land, &nodes, 1).fork(["same", "same"]).unwrap_err();
    assert_eq!((refused.error.code(), lab.count(Kind::TokenForked)), (Code::EmptyGroup, 0));
    let [one, two] = refused.value.fork(["one", "two"]).unwrap();
    assert_eq!((one.branch(), two.branch(), one.row()), (Some("one"), Some("two"), two.row()));
    one.filtered().unwrap();
    two.filtered().unwrap();
    run.finish().unwrap();
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn l4_tokens_nodes_and_batches_of_another_run_are_refused_and_nothing_is_written() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let (other_run, other, other_nodes) = lab.begin();
    let before = lab.records().len();
    let mut batch = other.batch(other_nodes.agg).unwrap();
    let token = row(&land, &nodes, 1);
    let known = lab.records().len();
    let token = token.enter(other_nodes.clean).unwrap_err();
    assert_eq!(token.error.code(), Code::ForeignEntity);
    let token = batch.add(token.value).unwrap_err();
    assert_eq!(token.error.code(), Code::ForeignEntity);
    assert_eq!(other.row(nodes.source, "1", &1).unwrap_err().code(), Code::ForeignEntity);
    assert_eq!(other.operation(nodes.out, "commit").unwrap_err().code(), Code::ForeignEntity);
    assert_eq!(lab.records().len(), known);
    assert!(before < known);
    token.value.filtered().unwrap();
    drop(batch);
    run.finish().unwrap();
    other_run.finish().unwrap();
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn l22_an_error_record_and_the_divert_stand_before_failed_and_discarding_routes_nothing() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let token = row(&land, &nodes, 1).enter(nodes.clean).unwrap().divert("error", "broken").unwrap();
    let (note, routed) = (lab.seq(Kind::Note, Status::None), lab.seq(Kind::Routed, Status::None));
    let failed = lab.seq(Kind::StateClosed, Status::Failed);
    assert!(note < routed && routed < failed, "{note} {routed} {failed}");
    token.fail("broken").unwrap();
    row(&land, &nodes, 2).enter(nodes.clean).unwrap().discard_error("broken").unwrap();
    assert_eq!((lab.count(Kind::Note), lab.count(Kind::Routed)), (2, 1));
    run.finish().unwrap();
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn l31_a_run_with_a_token_on_its_way_is_no_success() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let token = row(&land, &nodes, 1);
    let unfinished = run.finish().unwrap_err();
    assert_eq!((unfinished.error.code(), lab.count(Kind::RunEnded)), (Code::RunHasOpenWork, 0));
    token.filtered().unwrap();
    assert_eq!(unfinished.run.finish().unwrap().status, Status::Completed);
}

#[test]
fn l5_q5_a_run_that_fails_with_open_tokens_names_them_and_the_sweep_finds_the_same() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let (good_run, _good, _) = lab.begin();
    let [left, right] = row(&land, &nodes, 1).fork(["left", "right"]).unwrap();
    run.fail("stopped").unwrap();
    good_run.finish().unwrap();
    drop((left, right));
    let ended: Vec<_> = lab.of(Kind::RunEnded);
    let mut told: Vec<String> = ended[0]
        .body
        .get(Key::Findings)
        .and_then(|list| list.as_array())
        .unwrap()
        .iter()
        .filter_map(|text| text.as_text()?.split(' ').next().map(str::to_owned))
        .collect();
    told.sort();
    let mut swept = lab.sweep();
    swept.sort();
    assert_eq!(told, ["S1", "S1", "S10"]);
    assert_eq!(swept, told);
    assert_eq!(lab.end(), (Status::Empty, vec![]));
}

#[test]
fn l32_the_end_of_a_pipeline_is_named_after_its_outcomes() {
    let lab = Lab::new();
    let ends: [(&[bool], Status); 4] = [
        (&[], Status::Empty),
        (&[false], Status::Failed),
        (&[true, false], Status::CompletedWithFailures),
        (&[true, true], Status::Completed),
    ];
    for (rows, status) in ends {
        let (run, land, nodes) = lab.begin();
        for (n, fine) in rows.iter().enumerate() {
            let token = row(&land, &nodes, n as u32);
            if *fine { token.filtered().unwrap() } else { token.fail("no").unwrap() }
        }
        assert_eq!(run.finish().unwrap().status, status);
        assert_eq!(lab.end().0, status);
    }
}

#[test]
fn g18_attempts_of_a_token_at_a_node_are_numbered_from_zero() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let token = row(&land, &nodes, 1).enter(nodes.clean).unwrap().fail("busy").unwrap();
    let token = token.enter(nodes.clean).unwrap().fail("busy").unwrap();
    let visit = token.enter(nodes.clean).unwrap();
    assert_eq!(visit.attempt(), 2);
    visit.complete().unwrap().filtered().unwrap();
    assert_eq!(run.finish().unwrap().status, Status::Completed);
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn l6_a_discard_and_a_completed_sink_state_exclude_each_other_in_either_order() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    // First the sink: only its receipt completes a state there, and that takes the token with it.
    let refused = row(&land, &nodes, 1).enter(nodes.out).unwrap().complete().unwrap_err();
    assert!(refused.is_refused() && refused.code() == Code::WrongNode, "{refused}");
    let refused = row(&land, &nodes, 3).enter(nodes.out).unwrap().complete_with(&7).unwrap_err();
    assert_eq!(refused.code(), Code::WrongNode);
    // First the discard: the token is gone, and with it the way to any sink.
    row(&land, &nodes, 2).discarded().unwrap();
    drop(run);
    let discarded = |record: &audit_runtime::model::Record| record.body.text(Key::Path) == Some("gate_discarded");
    assert_eq!(lab.of(Kind::TokenOutcome).iter().filter(|record| discarded(record)).count(), 1);
    let ends = lab.of(Kind::StateClosed);
    assert!(ends.len() == 2 && ends.iter().all(|record| record.header.status == Status::Failed), "{ends:?}");
}
