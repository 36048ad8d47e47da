//! Payloads leave the store by a purge, and the purge is a record; what is shared or held stays; what is gone has a reason.

use super::trail::{Lab, Nodes};
use audit_runtime::clock::{Clock as _, ManualClock};
use audit_runtime::landscape::{CallKind, Landscape};
use audit_runtime::model::{Key, Kind};
use audit_runtime::retention::{Purge, preview};
use audit_runtime::trail::{Json, PayloadStanding, ReplayGrade, Trail};
use audit_runtime::{Code, Error, Id, Payloads, RunId};
use audit_testkit::{FaultyFiles, PayloadStep};
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use workspace_tests::absent::{absent, kept};

const DAY: u64 = 24 * 3600;

struct Clocked {
    lab: Lab,
    clock: Arc<ManualClock>,
    faults: FaultyFiles,
}

impl Clocked {
    fn new() -> Clocked {
        let clock = Arc::new(ManualClock::at(1_700_000_000_000_000_000));
        let faults = FaultyFiles::new();
        let lab = Lab::with(|builder| {
            builder.payloads(Payloads::new().rows()).clock(clock.clone()).payload_files(Arc::new(faults.clone()))
        });
        Clocked { lab, clock, faults }
    }

    fn days(&self, days: u64) {
        self.clock.advance(days * DAY * 1_000_000_000);
    }

    /// A run that reads these rows and ends.
    fn run(&self, rows: &[&str]) -> (RunId, Vec<Id>) {
        let (run, land, nodes) = self.lab.begin();
        let ids = rows.iter().map(|data| read(&land, &nodes, data)).collect();
        let id = run.id();
        run.finish().unwrap();
        (id, ids)
    }

    fn purge(&self) -> Result<audit_runtime::retention::PurgeReport, Error> {
        self.lab.recorder.purge(&purge_of_90_days())
    }

    fn trail(&self) -> Trail {
        self.lab.trail()
    }

    fn grade(&self, run: RunId) -> Option<ReplayGrade> {
        self.trail().replay_grade(run.0).unwrap()
    }
}

fn purge_of_90_days() -> Purge {
    Purge::new(Duration::from_secs(90 * DAY), "rows are kept for 90 days", "M. Okafor")
}

fn read(land: &Landscape, nodes: &Nodes, data: &str) -> Id {
    let token = land.row(nodes.source, data, &data).unwrap();
    let row = token.row().unwrap();
    token.filtered().unwrap();
    row
}

fn is_available(trail: &Trail, row: Id) -> bool {
    let [view] = &trail.payloads(row).unwrap()[..] else { panic!("one value") };
    view.standing == PayloadStanding::Available
}

#[test]
fn p17_p19_q4_behind_a_purge_the_digest_stays_the_payload_is_purged_and_the_grade_never_rises() {
    let it = Clocked::new();
    let (old, rows) = it.run(&["a", "b"]);
    it.days(100);
    let (young, young_rows) = it.run(&["c"]);
    let digest = it.lab.of(Kind::RowRead)[0].body.slot(Key::Output);
    assert_eq!(it.grade(old), Some(ReplayGrade::Complete));
    let seen = preview(&it.trail(), it.clock.wall_ns(), Duration::from_secs(90 * DAY)).unwrap();
    assert_eq!((seen.purge, seen.runs, seen.payloads, seen.bytes, kept(&it.lab.path()).len()), (None, 1, 2, 6, 3));
    assert_eq!(it.lab.count(Kind::PayloadPurge), 0, "a preview writes nothing");
    let report = it.purge().unwrap();
    assert_eq!((report.runs, report.payloads, report.bytes, report.shared), (1, 2, 6, 0));
    assert_eq!(kept(&it.lab.path()).len(), 1);
    // The record: range, policy, authority, and what the run lost.
    let record = &it.lab.of(Kind::PayloadPurge)[0];
    assert_eq!(record.body.text(Key::PurgePolicy), Some("rows are kept for 90 days"));
    assert_eq!(record.body.text(Key::Authority), Some("M. Okafor"));
    assert_eq!(
        record.body.uint(Key::BeforeNs),
        Some(u64::try_from(it.clock.wall_ns()).unwrap() - 90 * DAY * 1_000_000_000)
    );
    let loss = &it.lab.of(Kind::PayloadsPurged)[0];
    assert_eq!((loss.header.run, Some(loss.header.parent)), (old, report.purge));
    // Digests stay, and the answer says who took the bytes.
    assert_eq!(it.lab.of(Kind::RowRead)[0].body.slot(Key::Output), digest);
    let trail = it.trail();
    let views = trail.payloads(rows[0]).unwrap();
    assert!(views[0].digest.as_deref().is_some_and(|digest| digest.contains("sha256:")));
    let PayloadStanding::Purged { purge, policy, authority, .. } = &views[0].standing else { panic!("{views:?}") };
    assert_eq!(
        (purge, policy.as_str(), authority.as_str()),
        (&format!("{:#}", report.purge.unwrap()), "rows are kept for 90 days", "M. Okafor")
    );
    assert_eq!(trail.payload(rows[0]).unwrap(), None);
    let story = trail.explain(&format!("{:#}", rows[0])).unwrap();
    assert!(story.sentences.join("\n").contains("on the authority of M. Okafor. The digest stays."), "{story:?}");
    let Some(Json::List(tokens)) = story.facts.get("tokens") else { panic!("{story:?}") };
    let payload = tokens[0].get("payload").unwrap();
    assert_eq!(payload.get("payload_available"), Some(&Json::Bool(false)));
    assert_eq!(it.grade(old), Some(ReplayGrade::FromSource));
    assert_eq!((it.grade(young), is_available(&trail, young_rows[0])), (Some(ReplayGrade::Complete), true));
    // The same rows again, in another run: what that one has does not come back to the old one.
    let (again, again_rows) = it.run(&["a", "b"]);
    assert_eq!((it.grade(again), it.grade(old)), (Some(ReplayGrade::Complete), Some(ReplayGrade::FromSource)));
    assert!(is_available(&it.trail(), again_rows[0]) && !is_available(&it.trail(), rows[0]));
    assert_eq!(trail.show(old.0, 10).unwrap().replay, Some(ReplayGrade::FromSource));
    assert_eq!((absent(&it.lab.path()), it.lab.sweep()), (vec![], vec![]));
}

#[test]
fn p18_a_payload_that_a_living_run_names_too_is_kept_until_that_one_has_expired() {
    let it = Clocked::new();
    let (old, old_rows) = it.run(&["shared", "alone"]);
    it.days(100);
    let (run, land, nodes) = it.lab.begin();
    let live = read(&land, &nodes, "shared");
    let report = it.purge().unwrap();
    assert_eq!((report.runs, report.payloads, report.shared), (1, 1, 1));
    let trail = it.trail();
    assert!(is_available(&trail, live) && is_available(&trail, old_rows[0]) && !is_available(&trail, old_rows[1]));
    assert_eq!(trail.payload(live).unwrap().as_deref(), Some(&b"\"shared\""[..]));
    run.finish().unwrap();
    it.days(91);
    let report = it.purge().unwrap();
    assert_eq!((report.runs, report.payloads, report.shared), (2, 1, 0), "two runs lose it, one file goes");
    let trail = it.trail();
    assert!(!is_available(&trail, live) && !is_available(&trail, old_rows[0]));
    assert_eq!((kept(&it.lab.path()).len(), it.grade(old)), (0, Some(ReplayGrade::FromSource)));
    assert_eq!((absent(&it.lab.path()), it.lab.sweep()), (vec![], vec![]));
}

#[test]
fn p19_a_held_run_keeps_its_payloads_until_the_hold_is_lifted() {
    let it = Clocked::new();
    let (held, rows) = it.run(&["evidence"]);
    let (other, _) = it.run(&["nothing"]);
    it.days(100);
    let recorder = &it.lab.recorder;
    assert_eq!(recorder.hold(held, " ", "claim 17").unwrap_err().code(), Code::MissingField);
    let nobody = RunId(Id { seq: 9_999, ..held.0 });
    assert_eq!(recorder.hold(nobody, "M. Okafor", "claim 17").unwrap_err().code(), Code::UnknownId);
    let hold = recorder.hold(held, "M. Okafor", "claim 17").unwrap();
    let report = it.purge().unwrap();
    assert_eq!((report.runs, report.payloads, report.held), (1, 1, 1));
    assert_eq!((it.grade(held), it.grade(other)), (Some(ReplayGrade::Complete), Some(ReplayGrade::FromSource)));
    assert!(is_available(&it.trail(), rows[0]));
    let holds = it.trail().holds().unwrap();
    assert_eq!((holds.len(), holds[0].reason.as_str(), &holds[0].id), (1, "claim 17", &format!("{hold:#}")));
    recorder.lift_hold(hold, "M. Okafor", "claim 17 is settled").unwrap();
    assert_eq!(recorder.lift_hold(hold, "M. Okafor", "again").unwrap_err().code(), Code::UnknownId);
    assert_eq!(it.trail().holds().unwrap(), []);
    assert_eq!(it.purge().unwrap().payloads, 1);
    assert!(!is_available(&it.trail(), rows[0]));
    assert_eq!((it.lab.count(Kind::HoldPlaced), it.lab.count(Kind::HoldLifted)), (1, 1));
    assert_eq!((absent(&it.lab.path()), it.lab.sweep()), (vec![], vec![]));
}

#[test]
fn q4_bytes_that_are_gone_have_four_different_reasons() {
    let it = Clocked::new();
    let (_, purged) = it.run(&["purged"]);
    let (run, land, nodes) = it.lab.begin();
    let visit = land.row(nodes.source, "1", &1).unwrap().enter(nodes.clean).unwrap();
    let call = visit.call(CallKind::Http, "example.org", &"question").unwrap();
    let digest_only = call.id();
    call.answered(&()).unwrap();
    let never = land.operation(nodes.source, "load").unwrap();
    let never_id = never.id();
    never.complete().unwrap();
    visit.complete().unwrap().filtered().unwrap();
    run.finish().unwrap();
    it.days(100);
    it.purge().unwrap();
    it.lab.recorder.close().unwrap();
    let bare = audit_runtime::open(it.lab.path()).unwrap();
    let (run, land, nodes) = Lab::begin_in(&bare);
    let no_store = read(&land, &nodes, "bare");
    run.finish().unwrap();
    let trail = it.trail();
    let standing = |id: Id| trail.payloads(id).unwrap()[0].standing.name();
    assert_eq!(
        [purged[0], digest_only, never_id, no_store].map(standing),
        ["purged", "digest_only", "never_stored", "no_store"]
    );
    let nobody = Id { seq: 9_999, ..no_store };
    assert_eq!(trail.payloads(nobody).unwrap_err().code(), Code::UnknownId);
}

fn the_file(lab: &Lab) -> PathBuf {
    let inside = |dir: PathBuf| {
        let mut entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        entries.find(|path| !path.ends_with("lock")).unwrap()
    };
    inside(inside(inside(lab.path().join("payloads"))))
}

#[test]
fn p17_q4_altered_and_missing_bytes_are_integrity_errors_and_not_gone() {
    let it = Clocked::new();
    let (_, rows) = it.run(&["a"]);
    let file = the_file(&it.lab);
    let whole = std::fs::read(&file).unwrap();
    let asked = || {
        let trail = it.trail();
        let codes = [
            trail.payloads(rows[0]).map(drop),
            trail.payload(rows[0]).map(drop),
            trail.explain(&format!("{:#}", rows[0])).map(drop),
        ]
        .map(|asked| asked.map_err(|error| (error.is_integrity(), error.code())));
        assert_eq!(codes[0], codes[1]);
        assert_eq!(codes[0], codes[2]);
        codes[0]
    };
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(&file, bytes).unwrap();
        assert_eq!(asked(), Err((true, Code::PayloadAltered)), "byte {at}");
    }
    std::fs::remove_file(&file).unwrap();
    assert_eq!(asked(), Err((true, Code::PayloadMissing)));
    let found = it.trail().doctor().unwrap().findings;
    assert!(found.iter().any(|finding| finding.rule == "PAYLOAD"), "{found:?}");
    std::fs::write(&file, whole).unwrap();
    assert_eq!(asked(), Ok(()));
}

#[test]
fn p19_a_purge_that_is_stopped_behind_its_records_is_finished_by_the_next_one() {
    let it = Clocked::new();
    let (old, rows) = it.run(&["a", "b"]);
    it.days(100);
    it.faults.fail(PayloadStep::Remove, 1, ErrorKind::Other, false);
    let error = it.purge().unwrap_err();
    assert_eq!((error.code(), error.is_in_doubt()), (Code::PurgeUnfinished, true));
    assert!(!error.to_string().contains(&it.lab.dir.path().display().to_string()), "p16: {error}");
    assert_eq!(kept(&it.lab.path()).len(), 1, "the other one went");
    assert!(rows.iter().all(|row| !is_available(&it.trail(), *row)), "what the record says has happened");
    assert_eq!(it.grade(old), Some(ReplayGrade::FromSource));
    let report = it.purge().unwrap();
    assert_eq!((report.payloads, report.unnamed, kept(&it.lab.path()).len()), (0, 1, 0));
    assert_eq!(absent(&it.lab.path()), Vec::<String>::new());
}

#[test]
fn p19_a_purge_that_cannot_be_recorded_or_does_not_know_all_names_removes_nothing() {
    let it = Clocked::new();
    it.run(&["a"]);
    it.days(100);
    let blank = Purge::new(Duration::from_secs(DAY), "rule", " ");
    assert_eq!(it.lab.recorder.purge(&blank).unwrap_err().code(), Code::MissingField);
    // A stream that others refer to is gone: nobody knows what its records name.
    let stream = it.lab.recorder.stream();
    it.lab.recorder.close().unwrap();
    assert!(it.purge().unwrap_err().is_refused(), "a closed recorder writes no purge");
    assert_eq!(kept(&it.lab.path()).len(), 1);
    let dir = it.lab.path().join("streams").join(stream.text());
    std::fs::remove_file(dir.join("ended")).unwrap();
    let open = || audit_runtime::Builder::new(it.lab.path()).clock(it.clock.clone()).open().unwrap();
    let second = open();
    let (run, _land, _nodes) = Lab::begin_in(&second);
    second.close().unwrap();
    let third = open();
    drop(run);
    std::fs::rename(it.lab.path().join("streams").join(second.stream().text()), it.lab.dir.path().join("lost"))
        .unwrap();
    assert_eq!(third.purge(&purge_of_90_days()).unwrap_err().code(), Code::PurgeUnsafe);
    assert_eq!((it.lab.count(Kind::PayloadPurge), kept(&it.lab.path()).len()), (0, 1));
}
