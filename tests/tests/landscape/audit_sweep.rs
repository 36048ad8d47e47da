//! The index that is made from the journal, and the questions that are asked of it.

use super::trail::{Lab, row, write};
use audit_runtime::landscape::CallKind;
use audit_runtime::model::Kind;
use audit_runtime::{Id, Status};
use std::num::NonZeroU32;

#[test]
fn q6_an_index_caught_up_in_pieces_equals_a_scan() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let layout = audit_runtime::journal::Layout::at(lab.dir.path().join("trail"));
    let dump = |index: &audit_runtime::index::Index| {
        let mut out = Vec::new();
        audit_runtime::index::dump(index, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    };
    for n in 0..20 {
        let visit = row(&land, &nodes, n).enter(nodes.clean).unwrap();
        let call = visit.call(CallKind::Http, "example.org", &n).unwrap();
        let index = audit_runtime::index::Index::open(&layout, &mut |_| {}).unwrap();
        drop(index);
        call.answered(&n).unwrap();
        let token = visit.complete().unwrap();
        let children = token.expand(NonZeroU32::new(2).unwrap()).unwrap();
        write(&land, nodes.out, children, Ok(()), Ok(())).unwrap().deliver().unwrap();
    }
    run.finish().unwrap();
    lab.recorder.close().unwrap();
    let opened = dump(&audit_runtime::index::Index::open(&layout, &mut |_| {}).unwrap());
    assert_eq!(opened, dump(&audit_runtime::index::Index::scan(&layout, &mut |_| {}).unwrap()));
    for (table, rows) in [("tokens", 60), ("token_parents", 40), ("outcomes", 60), ("calls", 20), ("rows", 20)] {
        let needle = format!("\"table\":\"{table}\"");
        assert_eq!(opened.matches(&needle).count(), rows, "{table}");
    }
}

#[test]
fn work_that_a_dead_process_left_is_ended_and_its_draft_batch_stands() {
    let lab = Lab::new();
    let path = lab.dir.path().join("trail");
    let (run, land, nodes) = lab.begin();
    let visit = row(&land, &nodes, 1).enter(nodes.clean).unwrap();
    let call = visit.call(CallKind::Http, "example.org", &1).unwrap();
    let operation = land.operation(nodes.source, "load").unwrap();
    let draft = land.batch(nodes.agg).unwrap();
    let mut released = land.batch(nodes.agg).unwrap();
    released.add(row(&land, &nodes, 2)).unwrap();
    let released = released.release(audit_runtime::landscape::Trigger::Count).unwrap();
    // The stream ends with all of this open, as a process does that is killed after its last record.
    lab.recorder.close().unwrap();
    let again = audit_runtime::open(&path).unwrap();
    drop((call, visit, operation, draft, released, run));
    let ended = |kind: Kind| -> Vec<(Id, Status)> {
        lab.of(kind).iter().map(|record| (record.header.subject, record.header.status)).collect()
    };
    for kind in [Kind::CallClosed, Kind::OperationClosed, Kind::BatchClosed, Kind::RunEnded] {
        let ended = ended(kind);
        assert!(matches!(ended.as_slice(), [(_, Status::Abandoned)]), "{}: {ended:?}", kind.name());
    }
    assert_eq!(lab.count(Kind::BatchDrafted), 2, "one of the two batches was in DRAFT, and still is");
    assert_eq!(again.recovered().streams.len(), 1);
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

/// Every question that a trail is asked, and its answer as one text.
fn answers(trail: &audit_runtime::trail::Trail, ids: &[Id]) -> Vec<(String, String)> {
    let mut said = Vec::new();
    let mut say = |question: String, answer: String| said.push((question, answer));
    let runs = trail.runs().unwrap();
    say("runs".into(), runs.iter().map(|run| run.json().to_string()).collect());
    for run in &runs {
        let id = Id::parse(&run.id).unwrap();
        say(format!("show {}", run.id), trail.show(id, 1_000).unwrap().json().to_string());
        say(format!("stats {}", run.id), trail.stats(Some(id)).unwrap().json().to_string());
        say(format!("sweep {}", run.id), format!("{:?}", trail.sweep(Some(id)).unwrap().findings));
        say(format!("grade {}", run.id), format!("{:?}", trail.replay_grade(id).unwrap()));
    }
    say("sweep".into(), format!("{:?} {:?}", trail.sweep(None).unwrap().json(), trail.sweep(None).unwrap().findings));
    say("stats".into(), trail.stats(None).unwrap().json().to_string());
    say("holds".into(), format!("{:?}", trail.holds().unwrap()));
    say("purge".into(), format!("{:?}", trail.purge_plan(i64::MAX).unwrap()));
    say("recent".into(), format!("{:?}", trail.recent(10, None).unwrap().len()));
    let mut doctor = trail.doctor().unwrap().json();
    if let audit_runtime::trail::Json::Object(facts) = &mut doctor {
        // How the index was opened, and what the disk has free, is no fact of the trail.
        facts.retain(|(name, _)| !name.starts_with("index") && name != "free_bytes");
    }
    say("doctor".into(), doctor.to_string());
    for id in ids {
        let told = match trail.explain(&format!("{id:#}")) {
            Ok(story) => story.json().to_string(),
            Err(error) => error.to_string(),
        };
        say(format!("explain {id}"), told);
        let payloads = trail.payloads(*id).map_err(|error| error.code());
        say(format!("payloads {id}"), format!("{payloads:?}"));
    }
    said
}

fn every_file(dir: &std::path::Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(every_file(&path));
        } else {
            found.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn q6_q7_the_index_and_a_scan_give_the_same_answers_and_asking_writes_nothing() {
    let lab = Lab::with(|builder| builder.project(false).payloads(audit_runtime::Payloads::new().rows().calls()));
    let (run, _, _) = {
        let whole = super::whole::tell(&lab.recorder);
        lab.recorder.hold(whole.run, "a test", "so that there is one").unwrap();
        let failing = lab.begin();
        row(&failing.1, &failing.2, 1).filtered().unwrap();
        failing
    };
    run.fail("stopped").unwrap();
    lab.recorder.close().unwrap();
    let layout = audit_runtime::journal::Layout::at(lab.path());
    audit_runtime::index::rebuild(&layout, &mut |_| {}).unwrap();
    // Every record, and every entity that a record made beside itself.
    let stream = lab.recorder.stream();
    let mut ids: Vec<Id> = lab.records().iter().map(|(seq, _)| Id::new(stream, *seq)).collect();
    ids.extend((0..ids.len() as u64).flat_map(|seq| [1, 2].map(|ord| Id { ord, ..Id::new(stream, seq) })));
    let before = every_file(&lab.path());
    let opened = audit_runtime::trail::Trail::open(lab.path()).unwrap();
    assert_eq!(opened.access(), audit_runtime::index::Access::Settled);
    let (indexed, scanned) = (answers(&opened, &ids), answers(&lab.trail(), &ids));
    assert!(indexed.len() > 500, "{} questions", indexed.len());
    for (indexed, scanned) in indexed.iter().zip(&scanned) {
        assert_eq!(indexed, scanned);
    }
    drop(opened);
    assert!(before == every_file(&lab.path()), "an old run was asked, and the trail has changed");
    // A query path that hides a row is caught: the same questions of an index that has lost one.
    let conn = rusqlite::Connection::open(layout.index()).unwrap();
    conn.execute("DELETE FROM outcomes WHERE rowid = 1", []).unwrap();
    conn.close().unwrap();
    let hiding = answers(&audit_runtime::trail::Trail::open(lab.path()).unwrap(), &ids);
    assert!(hiding != scanned);
}

#[test]
fn l41_q2_an_artifact_is_explained_back_to_its_rows() {
    let lab = Lab::new();
    let whole = super::whole::tell(&lab.recorder);
    let told = lab.explain(whole.artifact);
    for part in [
        "is the artifact `part-0.csv` of `out`: 5 bytes, sha256:",
        "took 2 tokens",
        "The row is `1` of",
        "The row is `2` of",
        "It called http",
    ] {
        assert!(told.contains(part), "{part} in\n{told}");
    }
    // The output of a batch, back to both of its rows.
    let sum = lab
        .of(Kind::BatchClosed)
        .into_iter()
        .find(|closed| closed.body.uint(audit_runtime::model::Key::Children) == Some(1));
    let sum = sum.expect("a batch with an output");
    let seq = lab.records().into_iter().find(|(_, record)| *record == sum).unwrap().0;
    let told = lab.explain(Id { ord: 1, ..Id::new(lab.recorder.stream(), seq) });
    for part in
        ["came out of a batch of", "The row is `14` of", "The row is `15` of", "TRANSIENT, batch_consumed", "sink out"]
    {
        assert!(told.contains(part), "{part} in\n{told}");
    }
    assert_eq!(whole.rows.len(), 14);
}
