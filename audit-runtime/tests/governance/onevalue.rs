//! One value has one digest wherever it passes, a digest that was bound stays, and one run id joins all layers.

use super::trail::{Told, Trail};
use audit_runtime::governance::{Authorization, Decision, Profile, Rules};
use audit_runtime::landscape::{CallKind, Determinism, NodeKind};
use audit_runtime::model::digest::{CanonicalError, CanonicalWriter};
use audit_runtime::model::{Key, Kind};
use audit_runtime::{AuditDigest, Severity, action, audited, gate};
use serde::{Serialize, Serializer};
use std::collections::BTreeSet;
use std::io;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

static ANYTHING: LazyLock<Profile<u8>> =
    LazyLock::new(|| Profile::new("anything", 0, ["hand_over", "count_up", "too_small"]).expect("a profile"));

/// One object, with serde and with our own derive.
#[derive(Clone, Debug, Serialize, AuditDigest)]
struct Parcel {
    weight: u32,
    to: String,
}

fn parcel() -> Parcel {
    Parcel { weight: 7, to: "acc-7".to_owned() }
}

#[gate(profile = ANYTHING)]
fn passes<T: Serialize>(#[payload] _value: &T) -> Decision {
    Decision::allow(Rules::new())
}

#[action(version = "1.0.0")]
fn hand_over(authorization: Authorization, parcel: Parcel) -> Result<Parcel, io::Error> {
    Ok(parcel)
}

#[audited(digest_output)]
fn make(parcel: Parcel) -> Parcel {
    parcel
}

/// The bytes of the digest in a field.
fn digest(told: &Told, key: Key) -> Vec<u8> {
    let slot = told.record.body.slot(key).expect("a slot");
    slot.digest().expect("a digest").bytes().to_vec()
}

#[test]
fn a11_one_value_has_one_digest_at_gate_action_node_state_and_call_without_a_payload_store() {
    let trail = Trail::new();
    let run = trail.recorder.begin_run("parcels").expect("a run");
    let mut graph = run.pipeline();
    let source = graph.node("parcels.csv", NodeKind::Source, Determinism::IoRead);
    let land = graph.seal().expect("a sound graph");
    let operation = land.operation(source, "load").expect("an operation");
    operation
        .call(CallKind::Http, "http://example.org", &parcel())
        .expect("a call")
        .answered(&parcel())
        .expect("an answer");
    operation.complete_with(&parcel()).expect("an end");
    run.scope(|| {
        let authorization = passes(&parcel()).expect("recorded").allowed().expect("an ALLOW");
        hand_over(authorization, parcel()).expect("handed over");
        make(parcel());
    });
    let one = |kind, key| trail.of(kind).iter().map(|told| digest(told, key)).collect::<Vec<_>>();
    let all = [
        one(Kind::Decision, Key::InputDigest),
        one(Kind::ActionPending, Key::InputDigest),
        one(Kind::ActionClosed, Key::OutputDigest),
        one(Kind::StateClosed, Key::Output),
        one(Kind::CallOpened, Key::Input),
        one(Kind::CallClosed, Key::Output),
        one(Kind::OperationClosed, Key::Output),
    ];
    let distinct: BTreeSet<&Vec<u8>> = all.iter().flatten().collect();
    assert_eq!((all.iter().map(Vec::len).collect::<Vec<_>>(), distinct.len()), (vec![1; 7], 1));
    assert!(!trail.path().join("payloads").exists(), "digests need no payload store");
    // The control: another value is another digest, at every one of them.
    let other = Trail::new();
    other.recorder.scope(|| passes(&Parcel { weight: 8, ..parcel() })).map(drop).expect("recorded");
    assert_ne!(digest(&other.of(Kind::Decision)[0], Key::InputDigest), all[0][0]);
    drop(run);
}

#[test]
fn a11_empty_is_not_absent() {
    let trail = Trail::new();
    trail.recorder.scope(|| {
        passes(&()).map(drop).expect("recorded");
        passes(&serde_json::json!({})).map(drop).expect("recorded");
        passes(&serde_json::json!([])).map(drop).expect("recorded");
    });
    let digests: BTreeSet<Vec<u8>> =
        trail.of(Kind::Decision).iter().map(|told| digest(told, Key::InputDigest)).collect();
    assert_eq!(digests.len(), 3);
}

/// A counter that its body moves on.
#[derive(Debug, Default)]
struct Counter(AtomicU32);

impl Serialize for Counter {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        self.0.load(Ordering::SeqCst).serialize(out)
    }
}

impl AuditDigest for Counter {
    fn audit_digest(&self, out: &mut CanonicalWriter<'_>) -> Result<(), CanonicalError> {
        self.0.load(Ordering::SeqCst).audit_digest(out)
    }
}

#[audited(digest(counter))]
fn move_on(counter: &Counter) -> u32 {
    counter.0.fetch_add(1, Ordering::SeqCst)
}

#[action(version = "1.0.0")]
fn count_up(authorization: Authorization, counter: &Counter) -> Result<u32, io::Error> {
    Ok(counter.0.fetch_add(1, Ordering::SeqCst))
}

#[test]
fn a13_the_terminal_repeats_the_digest_that_was_bound_at_opening() {
    let trail = Trail::new();
    let counter = Counter::default();
    trail.recorder.scope(|| {
        move_on(&counter);
        move_on(&counter);
    });
    let (opened, closed) = (trail.of(Kind::StateOpened), trail.of(Kind::StateClosed));
    let bound: Vec<_> = opened.iter().map(|told| digest(told, Key::Input)).collect();
    assert_eq!(closed.iter().map(|told| digest(told, Key::Input)).collect::<Vec<_>>(), bound);
    assert_ne!(bound[0], bound[1], "the body did change it in between");
}

#[test]
fn a13_a_value_that_moves_between_gate_and_action_is_blocked() {
    let trail = Trail::new();
    let counter = Counter::default();
    trail.recorder.scope(|| {
        let authorization = passes(&counter).expect("recorded").allowed().expect("an ALLOW");
        count_up(authorization, &counter).expect("unchanged");
        let authorization = passes(&counter).expect("recorded").allowed().expect("an ALLOW");
        counter.0.fetch_add(1, Ordering::SeqCst);
        count_up(authorization, &counter).expect_err("changed since ALLOW");
    });
    assert_eq!(
        trail.story(),
        [
            "DECISION ALLOW",
            "EXECUTION_ATTEMPT PENDING",
            "EXECUTION_RESULT SUCCESS",
            "DECISION ALLOW",
            "EXECUTION_BLOCKED BLOCKED"
        ]
    );
    let bound = digest(&trail.of(Kind::ActionPending)[0], Key::InputDigest);
    assert_eq!(bound, digest(&trail.of(Kind::Decision)[0], Key::InputDigest));
}

#[action(version = "1.0.0", limits(bytes = 4))]
async fn too_small(authorization: Authorization, #[allow(unused)] parcel: &Parcel) -> Result<(), io::Error> {
    Ok(())
}

/// The layer that reports errors knows nothing of the others.
fn report_an_error(trail: &Trail) {
    trail.recorder.note("error", Severity::Error, &[("what", "handed over to nobody")]).expect("a note");
}

#[audited(err = display)]
fn deliver(trail: &Trail) -> io::Result<()> {
    let authorization = passes(&parcel()).map_err(io::Error::other)?.allowed().map_err(io::Error::other)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let limited = runtime.block_on(too_small(authorization, &parcel()));
    assert!(limited.is_err(), "four bytes are too few");
    let authorization = passes(&parcel()).map_err(io::Error::other)?.allowed().map_err(io::Error::other)?;
    hand_over(authorization, parcel()).map_err(io::Error::other)?;
    report_an_error(trail);
    Err(io::Error::other("nobody was at home"))
}

#[test]
fn a16_decision_limit_check_action_note_and_error_of_different_layers_share_one_run() {
    let trail = Trail::new();
    let (run, other) =
        (trail.recorder.begin_run("day").expect("a run"), trail.recorder.begin_run("night").expect("a run"));
    run.scope(|| deliver(&trail)).expect_err("nobody was at home");
    let kinds = [
        Kind::Decision,
        Kind::ActionBlocked,
        Kind::ActionPending,
        Kind::ActionClosed,
        Kind::Note,
        Kind::StateOpened,
        Kind::StateClosed,
    ];
    for kind in kinds {
        let told = trail.of(kind);
        assert!(!told.is_empty(), "{}", kind.name());
        assert!(told.iter().all(|told| told.record.header.run == run.id()), "{}", kind.name());
    }
    let state = trail.of(Kind::StateOpened)[0].id;
    assert!(trail.of(Kind::Decision).iter().all(|told| told.record.header.parent == state), "and one parent");
    drop((run, other));
}
