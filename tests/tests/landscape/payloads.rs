//! Payloads are durable before the record that names them, and what cannot be kept is refused.

use super::trail::{Lab, row, write};
use audit_runtime::landscape::{CallKind, Mode};
use audit_runtime::model::digest::{Scope, Slot, digest_bytes};
use audit_runtime::model::{Key, Kind};
use audit_runtime::retention::Purge;
use audit_runtime::trail::PayloadStanding;
use audit_runtime::{Code, Id, Payloads, Status};
use audit_testkit::{Effect, Fault, FaultyFiles, FaultyStorage, Operation, PayloadStep, Unsynced};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use workspace_tests::absent::{absent, kept};

fn everything() -> Payloads {
    Payloads::new().rows().calls().reasons()
}

#[test]
fn p13_l23_rows_calls_and_reasons_stand_under_their_digests_and_nothing_else_is_kept() {
    let lab = Lab::with(|builder| builder.payloads(everything()));
    let (run, land, nodes) = lab.begin();
    let mut visit = land.row(nodes.source, "line 1", &"canary@example.org").unwrap().enter(nodes.gate).unwrap();
    let call = visit.call(CallKind::Http, "example.org", &"question").unwrap();
    let call_id = call.id();
    call.answered(&"answer").unwrap();
    visit.route(Mode::Move, &["clean"], &"dear").unwrap();
    visit.complete_with(&"not opted in").unwrap().filtered().unwrap();
    let named = run.handle().keep("settings", &vec![1, 2]).unwrap();
    run.finish().unwrap();
    let mut bytes: Vec<Vec<u8>> = kept(&lab.path()).into_iter().map(|(_, bytes)| bytes).collect();
    bytes.sort();
    assert_eq!(bytes, [&b"\"answer\""[..], b"\"canary@example.org\"", b"\"dear\"", b"\"question\"", b"[1,2]"]);
    let digest = |kind: Kind, key: Key| lab.of(kind).pop().unwrap().body.slot(key);
    for (kind, key) in [
        (Kind::RowRead, Key::Output),
        (Kind::CallOpened, Key::Input),
        (Kind::CallClosed, Key::Output),
        (Kind::Routed, Key::ReasonDigest),
    ] {
        assert_eq!(digest(kind, Key::Payload), digest(kind, key), "{}", kind.name());
    }
    let trail = lab.trail();
    let views = trail.payloads(call_id).unwrap();
    assert_eq!(views.iter().map(|view| view.event_type).collect::<Vec<_>>(), ["CALL_OPENED", "CALL_CLOSED"]);
    assert!(views.iter().all(|view| view.standing == PayloadStanding::Available), "{views:?}");
    assert_eq!(trail.payload(named).unwrap().as_deref(), Some(&b"[1,2]"[..]));
    assert_eq!(absent(&lab.path()), Vec::<String>::new());
    assert_eq!(lab.sweep(), Vec::<String>::new());
    // The value is in the payload store and nowhere else.
    let canary = b"canary@example.org";
    for file in files(&lab.path()).into_iter().filter(|file| !file.starts_with(lab.path().join("payloads"))) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(!bytes.windows(canary.len()).any(|window| window == canary), "{}", file.display());
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

/// Every step of keeping a payload fails once, having done nothing or all of it.
#[test]
fn l39_p16_at_whatever_step_it_cannot_be_stored_the_row_is_refused_and_no_record_names_absent_bytes() {
    let (full, other) = (ErrorKind::StorageFull, ErrorKind::Other);
    for step in [PayloadStep::MakeDir, PayloadStep::Write, PayloadStep::Sync, PayloadStep::Rename, PayloadStep::SyncDir]
    {
        for (nth, kept, kind) in [(1, false, full), (1, true, other), (2, false, other)] {
            fault(step, nth, kind, kept);
        }
    }
}

fn fault(step: PayloadStep, nth: usize, kind: ErrorKind, kept: bool) {
    let what = format!("{step:?} {nth} kept {kept}");
    let faults = FaultyFiles::new();
    let lab = Lab::with(|builder| builder.payloads(everything()).payload_files(Arc::new(faults.clone())));
    let (run, land, nodes) = lab.begin();
    faults.fail(step, nth, kind, kept);
    let mut refused = 0;
    for n in 0..3 {
        let before = lab.records().len();
        match land.row(nodes.source, "1", &n) {
            Ok(token) => token.filtered().unwrap(),
            Err(error) => {
                refused += 1;
                assert!(error.is_refused(), "{what}: {error}");
                assert_eq!(error.is_capacity(), kind == ErrorKind::StorageFull, "{what}: {error}");
                let path = lab.dir.path().display().to_string();
                assert!(!error.to_string().contains(&path), "{what}: a path of the host in {error}");
                assert_eq!(lab.records().len(), before, "{what}: nothing was written");
                // The next one goes well, over whatever the failed one has left.
                land.row(nodes.source, "1", &n).unwrap().filtered().unwrap();
            }
        }
    }
    assert_eq!((faults.fired(), refused), (1, 1), "{what}");
    assert_eq!(run.finish().unwrap().status, Status::Completed);
    assert_eq!(absent(&lab.path()), Vec::<String>::new(), "{what}");
    assert_eq!(kept_count(&lab), 3, "{what}");
    assert_eq!(lab.sweep(), Vec::<String>::new(), "{what}");
}

fn kept_count(lab: &Lab) -> usize {
    kept(&lab.path()).len()
}

/// What lacks its payload behind a power cut after each row, and how many payloads are kept in the end.
fn cut_after_each_row(pretended: Option<PayloadStep>) -> (Vec<String>, usize) {
    let (faults, storage) = (FaultyFiles::new(), FaultyStorage::new());
    pretended.into_iter().for_each(|step| faults.pretend(step));
    let lab = Lab::with(|builder| {
        builder.payloads(everything()).payload_files(Arc::new(faults.clone())).storage(Arc::new(storage.clone()))
    });
    let (run, land, nodes) = lab.begin();
    let (mut lacking, mut named) = (Vec::new(), 0);
    for n in 0..6 {
        let token = row(&land, &nodes, n % 4);
        // The record is as durable as it can be, the payload as little as a device may leave it.
        let image = tempfile::tempdir().unwrap();
        storage.image(&lab.path(), image.path(), Unsynced::Everything).unwrap();
        faults.image(&lab.path(), image.path()).unwrap();
        lacking.extend(absent(image.path()));
        named = kept(image.path()).len();
        token.filtered().unwrap();
    }
    run.finish().unwrap();
    (lacking, named)
}

#[test]
fn l39_d7_behind_a_power_cut_every_record_that_counts_has_its_payload() {
    assert_eq!(cut_after_each_row(None), (vec![], 4), "equal rows are kept once");
    for lie in [PayloadStep::Sync, PayloadStep::SyncDir] {
        assert!(!cut_after_each_row(Some(lie)).0.is_empty(), "the check is blind to a {lie:?} that did not happen");
    }
}

#[test]
fn l26_a_call_that_cannot_be_recorded_leaves_no_payload_that_no_record_names() {
    let storage = FaultyStorage::new();
    let lab = Lab::with(|builder| builder.payloads(everything()).storage(Arc::new(storage.clone())));
    let (run, land, nodes) = lab.begin();
    let visit = row(&land, &nodes, 1).enter(nodes.clean).unwrap();
    let done = storage.count(Operation::Sync);
    storage.plan(Fault::from(Operation::Sync, done + 1, Effect::Failed(ErrorKind::Other)));
    let refused = visit.call(CallKind::Http, "example.org", &"first").unwrap_err();
    assert!(refused.is_refused(), "{refused}");
    let stored = kept(&lab.path()).len();
    // The recorder is closed for new entries now, so nothing is stored for what would be refused anyway.
    let refused = visit.call(CallKind::Http, "example.org", &"second").unwrap_err();
    assert_eq!((refused.is_refused(), kept(&lab.path()).len()), (true, stored), "{refused}");
    drop((visit, run));
    storage.mend();
    let again = audit_runtime::Builder::new(lab.path()).payloads(everything()).open().unwrap();
    again.purge(&Purge::new(Duration::from_secs(3600), "what nobody names", "a test")).unwrap();
    assert_eq!(absent(&lab.path()), Vec::<String>::new());
    let named: Vec<Slot> = lab.records().iter().filter_map(|(_, record)| record.body.slot(Key::Payload)).collect();
    for (hash, _) in kept(&lab.path()) {
        assert!(named.iter().any(|slot| matches!(slot, Slot::Digest(digest) if *digest.bytes() == hash)));
    }
}

#[test]
fn l39_a_response_that_cannot_be_stored_ends_its_call_as_an_error() {
    let faults = FaultyFiles::new();
    let lab = Lab::with(|builder| builder.payloads(everything()).payload_files(Arc::new(faults.clone())));
    let (run, land, nodes) = lab.begin();
    let visit = row(&land, &nodes, 1).enter(nodes.clean).unwrap();
    let call = visit.call(CallKind::Http, "example.org", &"question").unwrap();
    faults.fail(PayloadStep::Write, faults.count(PayloadStep::Write) + 1, ErrorKind::Other, false);
    assert_eq!(call.answered(&"answer").unwrap_err().code(), Code::PayloadNotStored);
    visit.fail("no record of the answer").unwrap().fail("no record of the answer").unwrap();
    run.finish().unwrap();
    let closed = &lab.of(Kind::CallClosed)[0];
    assert_eq!((closed.header.status, closed.body.slot(Key::Payload)), (Status::Error, None));
    assert!(closed.body.text(Key::Error).unwrap().contains("AUD0720"));
    assert_eq!(absent(&lab.path()), Vec::<String>::new());
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn l39_a_payload_beyond_the_limit_is_refused_for_its_size() {
    let lab = Lab::with(|builder| builder.payloads(Payloads::new().rows().limit(8)));
    let (run, land, nodes) = lab.begin();
    let refused = land.row(nodes.source, "1", &"far too long").unwrap_err();
    assert_eq!((refused.code(), refused.is_capacity()), (Code::PayloadTooLarge, true));
    assert_eq!((lab.count(Kind::RowRead), kept(&lab.path()).len()), (0, 0));
    assert_eq!(run.handle().keep(" ", &1).unwrap_err().code(), Code::MissingField);
    run.finish().unwrap();
    let bare = Lab::new();
    let run = bare.recorder.begin_run("bare").unwrap();
    assert_eq!(run.handle().keep("settings", &1).unwrap_err().code(), Code::NoPayloadStore);
    run.finish().unwrap();
    assert!(!bare.path().join("payloads").exists());
}

#[test]
fn l21_a_row_that_holds_nan_has_its_reason_and_the_digest_of_its_sanitised_form() {
    let lab = Lab::with(|builder| builder.payloads(Payloads::new().rows()));
    let (run, land, nodes) = lab.begin();
    let data = [("carrier", f64::NAN), ("delay", f64::NEG_INFINITY), ("distance", 1.5)];
    let data: std::collections::BTreeMap<&str, f64> = data.into_iter().collect();
    assert_eq!(land.row(nodes.source, "1", &data).unwrap_err().code(), Code::NotDigestible);
    let token = land.quarantine(nodes.source, "1", &data, "not a number").unwrap();
    let id: Id = token.row().unwrap();
    token.quarantined().unwrap();
    row(&land, &nodes, 2).filtered().unwrap();
    assert_eq!(run.finish().unwrap().status, Status::CompletedWithFailures, "the run goes on");
    let sanitised = br#"{"carrier":"NaN","delay":"-Infinity","distance":1.5}"#;
    let record = &lab.of(Kind::RowRead)[0];
    assert!(
        matches!(record.body.slot(Key::Output), Some(Slot::Absent(why)) if why.to_string().contains("not_serialisable"))
    );
    let digest = Slot::Digest(digest_bytes(Scope::Sanitised, sanitised));
    assert_eq!(record.body.slot(Key::Sanitised), Some(digest.clone()));
    assert_eq!(record.body.slot(Key::Payload), Some(digest));
    assert_eq!(lab.trail().payload(id).unwrap().as_deref(), Some(&sanitised[..]));
    let note = lab.seq(Kind::Note, Status::None);
    let end = lab.records().into_iter().find(|(_, record)| record.header.kind == Kind::TokenOutcome).unwrap().0;
    assert!(note < end, "an error record, then the outcome");
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn l21_a_quarantined_row_whose_sink_fails_has_no_quarantine_outcome() {
    let lab = Lab::new();
    let (run, land, nodes) = lab.begin();
    let token = land.quarantine(nodes.source, "1", &f64::NAN, "not a number").unwrap();
    let id = token.id();
    let failed = write(&land, nodes.bad, vec![token], Err("no space".to_owned()), Ok(()));
    let Err(audit_runtime::landscape::SinkFailure::Sink { mut tokens, .. }) = failed else {
        panic!("the sink's error")
    };
    assert_eq!(lab.outcomes(id), [], "outcomes follow durability");
    let token = tokens.pop().unwrap();
    let refused = token.quarantined().unwrap_err();
    assert_eq!((refused.error.code(), lab.outcomes(id)), (Code::WrongNode, vec![]));
    refused.value.sink_discarded().unwrap();
    run.finish().unwrap();
    assert_eq!(lab.outcomes(id)[0].path(), "sink_discarded");
    assert_eq!(lab.sweep(), Vec::<String>::new());
}
