//! A pipeline with a fork, a call, an operation, a batch, a sink and a checkpoint, killed everywhere: groups are whole or
//! absent, nothing is open, and nothing that stands for durable output is recorded before it.

use crate::bug;
use audit_runtime::Error;
use audit_runtime::audited;
use audit_runtime::landscape::{CallKind, SinkFailure, Trigger};
use audit_runtime::model::digest::{Scope, digest_bytes};
use audit_runtime::model::{Id, Key, Kind, Outcome, Record, Status};
use audit_runtime::trail::Trail;
use audit_testkit::{Case, Kind as FaultKind, Kinds, Lab, Matrix, Story, audit_test};

#[expect(dead_code, reason = "of the shared pipeline only the graph is used here")]
#[path = "../../../tests/landscape/trail.rs"]
mod graph;

#[audited(node = "tidy")]
fn tidy(row: u32) -> Result<u32, Error> {
    Ok(row)
}

fn pipeline(lab: &Lab) -> Result<(), Error> {
    let run = lab.recorder().begin_run("rows")?;
    let (land, nodes) = graph::Lab::declare(&run)?;
    let [left, right] = land.row(nodes.source, "1", &1u32)?.fork(["left", "right"])?;
    let visit = left.enter(nodes.clean)?;
    let call = visit.call(CallKind::Http, "example.org", &1)?;
    call.answered(&2)?;
    let operation = land.operation(nodes.source, "load")?;
    operation.complete()?;
    visit.context().run(|| tidy(1))?;
    let mut batch = land.batch(nodes.agg)?;
    batch.add(visit.complete()?)?;
    for token in batch.release(Trigger::Count)?.complete(1, &0)? {
        token.filtered()?;
    }
    let content = digest_bytes(Scope::Bytes, b"x");
    let prepared = land.prepare(nodes.out, "part-0", content.clone(), vec![right.enter(nodes.out)?])?;
    let part = lab.dir().join("part-0");
    let lost = |failure: SinkFailure<std::io::Error>| match failure {
        SinkFailure::Audit(error) => error,
        SinkFailure::Sink { error, .. } => panic!("the file system of the test: {error}"),
    };
    let (written, ()) = prepared.write(|| std::fs::write(&part, b"x")).map_err(lost)?;
    let receipt = written.sync(|| std::fs::File::open(&part)?.sync_all()).map_err(lost)?.receipt()?;
    receipt.artifact("part-0", "part-0", content, 1)?;
    receipt.deliver()?.checkpoint("row 2")?;
    run.finish().map(drop).map_err(Error::from)
}

/// Whether something stands before something else. Streams are written one behind the other: only within one is there an
/// order to be wrong.
fn before(one: Id, other: Id) -> bool {
    one.stream != other.stream || one.seq < other.seq
}

/// What stands in a trail before what it is a consequence of, forks that are no single group, batches that are half over.
fn too_early(records: &[(Id, Record)]) -> Vec<String> {
    let of = |kind| records.iter().filter(move |(_, record)| record.header.kind == kind);
    let mut wrong = Vec::new();
    for (id, receipt) in of(Kind::SinkReceipt) {
        let mut answers = of(Kind::SinkAnswered).filter(|(_, answer)| answer.header.status == Status::Returned);
        if !answers.any(|(at, answer)| answer.header.subject == receipt.header.subject && before(*at, *id)) {
            wrong.push(format!("receipt {id} without a write"));
        }
    }
    for (id, record) in records {
        let kind = record.header.kind;
        let at_sink = matches!(Outcome::read(&record.body), Some(Outcome::DefaultFlow { .. }));
        let needs = matches!(kind, Kind::Checkpoint | Kind::Artifact) || (kind == Kind::TokenOutcome && at_sink);
        let receipt = record.body.id(Key::Receipt);
        let there = |receipt: Id| of(Kind::SinkReceipt).any(|(at, _)| *at == receipt && before(*at, *id));
        if (needs || receipt.is_some()) && !receipt.is_some_and(there) {
            wrong.push(format!("{} {id} before its receipt", kind.name()));
        }
    }
    let mut forked: Vec<Id> = of(Kind::TokenForked).map(|(_, fork)| fork.header.subject).collect();
    let forks = forked.len();
    forked.sort_unstable();
    forked.dedup();
    if forked.len() < forks {
        wrong.push(format!("{forks} forks of {} tokens", forked.len()));
    }
    for (id, began) in of(Kind::BatchExecuting) {
        let ends = of(Kind::BatchClosed).filter(|(_, end)| end.header.subject == began.header.subject).count();
        if ends != 1 {
            wrong.push(format!("the batch that began by {id} has {ends} ends"));
        }
    }
    wrong
}

/// Asked behind every fault.
fn is_whole(case: &Case, story: &Story) {
    assert_eq!(too_early(&story.records), Vec::<String>::new(), "{:#?}", story.lines);
    let count = |kind| story.of_kind(kind).len();
    assert!(count(Kind::RowRead) <= 1 && count(Kind::TokenForked) <= count(Kind::RowRead));
    let ended = story.of_kind(Kind::RunEnded);
    let died = ended.iter().any(|end| end.header.status == Status::Abandoned);
    if case.kind == FaultKind::Kill && died {
        // Between the states of a sink and its outcomes the token has arrived, and only a resume can say so.
        let swept = Trail::scan(story.path()).and_then(|trail| trail.sweep(None)).expect("a sweep").findings;
        assert!(swept.iter().all(|finding| finding.rule == "S7"), "{case}: {swept:?}");
    }
}

/// As the death of the process, and the power's, leave it.
#[audit_test(crash, images, check = is_whole)]
fn l3_t15_a_pipeline_that_dies_at_any_step_leaves_whole_groups_and_nothing_too_early(lab: Lab) -> Result<(), Error> {
    bug();
    pipeline(&lab)
}

/// Negative control: each mistake, made in a copy of what a sound run has left.
#[test]
fn t15_what_is_recorded_too_early_is_found() {
    let lab = Lab::new();
    lab.scope(|| pipeline(&lab)).expect("a sound run");
    let story = lab.trail();
    assert_eq!(too_early(&story.records), Vec::<String>::new());
    let without =
        |kind| story.records.iter().filter(|(_, record)| record.header.kind != kind).cloned().collect::<Vec<_>>();
    let first = |kind| {
        let early = |(id, record): &(Id, Record)| match record.header.kind == kind {
            true => (Id { seq: 0, ..*id }, record.clone()),
            false => (*id, record.clone()),
        };
        story.records.iter().map(early).collect::<Vec<_>>()
    };
    let finds = |records: &[(Id, Record)], sign: &str| {
        let wrong = too_early(records);
        assert!(wrong.iter().any(|line| line.contains(sign)), "wanted {sign}: {wrong:?}");
    };
    finds(&first(Kind::Checkpoint), "CHECKPOINT");
    finds(&first(Kind::TokenOutcome), "TOKEN_OUTCOME");
    finds(&without(Kind::SinkReceipt), "ARTIFACT");
    finds(&first(Kind::SinkReceipt), "without a write");
    finds(&without(Kind::BatchClosed), "has 0 ends");
    let forked = story.records.iter().find(|(_, record)| record.header.kind == Kind::TokenForked).cloned();
    finds(&[story.records.clone(), forked.into_iter().collect()].concat(), "2 forks of 1 tokens");
    lab.finish();
}

#[test]
fn l3_a_pipeline_on_a_store_that_fails_leaves_whole_groups_and_nothing_too_early() {
    let kinds = Kinds::IN_PROCESS | Kinds::FAILS_ONCE | Kinds::KEPT_BUT_ANSWER_LOST;
    let report = Matrix::of_sync(|lab| pipeline(&lab)).kinds(kinds).check(is_whole).try_run().expect("no child");
    assert!(report.is_sound() && report.fired > 100, "{report}");
}
