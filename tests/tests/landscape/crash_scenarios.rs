//! A process that dies in the middle of a pipeline, at each of its steps, and what the next one finds.

use super::trail::{Lab, Nodes, row};
use audit_runtime::landscape::{CallKind, Landscape, Trigger};
use audit_runtime::model::digest::{Scope, digest_bytes};
use audit_runtime::model::{Kind, Outcome};
use audit_runtime::{Code, Status};
use std::process::Command;

/// Where the child dies, and under which name it is told.
const STEPS: [&str; 7] = ["row", "fork", "call", "operation", "draft", "executing", "in flight"];

/// Names the trail and the step; set for the child alone.
const TRAIL: &str = "LANDSCAPE_CRASH_TRAIL";
const STEP: &str = "LANDSCAPE_CRASH_STEP";

/// The child: works up to its step and dies there without unwinding. Without its orders it is no child.
#[test]
fn child() {
    let (Ok(trail), Ok(step)) = (std::env::var(TRAIL), std::env::var(STEP)) else { return };
    let recorder = audit_runtime::open(trail).unwrap();
    let (run, land, nodes) = Lab::begin_in(&recorder);
    work(&land, &nodes, &|here| {
        if here == step {
            std::process::abort();
        }
    });
    drop(run);
}

fn work(land: &Landscape, nodes: &Nodes, at: &dyn Fn(&str)) {
    let first = row(land, nodes, 1);
    at("row");
    let [left, right] = first.fork(["left", "right"]).unwrap();
    at("fork");
    let visit = left.enter(nodes.clean).unwrap();
    let call = visit.call(CallKind::Http, "example.org", &1).unwrap();
    at("call");
    call.answered(&2).unwrap();
    let operation = land.operation(nodes.source, "load").unwrap();
    at("operation");
    operation.complete().unwrap();
    let mut batch = land.batch(nodes.agg).unwrap();
    batch.add(visit.complete().unwrap()).unwrap();
    at("draft");
    let executing = batch.release(Trigger::Count).unwrap();
    at("executing");
    executing.complete(0, &0).unwrap();
    let content = digest_bytes(Scope::Bytes, b"x");
    let visit = right.enter(nodes.out).unwrap();
    let prepared = land.prepare(nodes.out, "part-0", content, vec![visit]).unwrap();
    drop(prepared.write(|| -> Result<(), String> {
        at("in flight");
        Ok(())
    }));
}

#[test]
fn l3_a_process_that_dies_at_any_step_leaves_whole_groups_and_nothing_open() {
    for step in STEPS {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("trail");
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["crash_scenarios::child", "--exact"])
            .env(TRAIL, &path)
            .env(STEP, step)
            .output()
            .unwrap();
        assert!(!child.status.success(), "{step}: the child was to die");
        let lab = Lab { recorder: audit_runtime::open(&path).unwrap(), dir };
        assert_eq!(lab.recorder.recovered().streams.len(), 1, "{step}");
        let reached = STEPS.iter().position(|known| *known == step).unwrap();
        assert_eq!((lab.count(Kind::RowRead), lab.count(Kind::TokenForked)), (1, usize::from(reached >= 1)), "{step}");
        assert_eq!(lab.end().0, Status::Abandoned, "{step}");
        let last = |kind: Kind| lab.of(kind).pop().map(|record| record.header.status);
        assert_eq!(
            last(Kind::CallClosed),
            [None, None, Some(Status::Abandoned)].get(reached).copied().unwrap_or(Some(Status::Success)),
            "{step}"
        );
        let batch = match step {
            "executing" => Some(Status::Abandoned),
            "in flight" => Some(Status::Completed),
            _ => None,
        };
        assert_eq!(last(Kind::BatchClosed), batch, "{step}: a batch in DRAFT outlives its process");
        assert_eq!(lab.count(Kind::SinkReceipt), 0, "{step}");
        let outcomes = lab.of(Kind::TokenOutcome);
        assert!(
            !outcomes.iter().any(|record| matches!(Outcome::read(&record.body), Some(Outcome::DefaultFlow { .. })))
        );
        assert_eq!(lab.sweep(), Vec::<String>::new(), "{step}: an abandoned run may be resumed");
    }
}

#[test]
fn a_token_of_a_run_that_has_ended_writes_nothing_any_more() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let token = row(&land, &nodes, 1);
    run.fail("stopped").unwrap();
    let records = lab.records().len();
    let error = token.filtered().unwrap_err();
    assert_eq!(error.code(), Code::UnknownEntity);
    assert_eq!(land.row(nodes.source, "2", &2).unwrap_err().code(), Code::UnknownEntity);
    assert_eq!(lab.records().len(), records);
    assert_eq!(lab.sweep(), ["S1"]);
}
