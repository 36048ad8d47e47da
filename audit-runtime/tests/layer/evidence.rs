//! Ordinary events inside audited calls: kept, bounded, scrubbed, and never taken for fields of ours.

use super::trail;
use audit_runtime::model::{Key, Kind, Record};
use audit_runtime::{Recorder, Severity, Status, audited};
use std::path::PathBuf;
use tracing::subscriber::with_default;
use tracing::{debug, info, warn};
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry;

struct Place {
    _dir: tempfile::TempDir,
    trail: PathBuf,
    recorder: Recorder,
}

impl Place {
    fn new() -> Place {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let trail = dir.path().join("trail");
        let recorder = audit_runtime::open(&trail).expect("a fresh trail opens");
        Place { _dir: dir, trail, recorder }
    }

    /// Runs this work under a subscriber that has our layer.
    fn observe(&self, work: impl FnOnce()) {
        with_default(registry().with(self.recorder.layer()), || self.recorder.scope(work));
    }

    fn evidence(&self) -> Vec<Record> {
        trail::of_kind(&self.trail, Kind::Evidence)
    }
}

/// A caller's field as the record holds it.
fn field<'a>(record: &'a Record, name: &str) -> Option<&'a str> {
    let fields = record.body.get(Key::Fields)?;
    let audit_runtime::model::cbor::Value::Map(pairs) = fields else { return None };
    pairs.iter().find(|(key, _)| key.as_text() == Some(name)).and_then(|(_, value)| value.as_text())
}

#[audited(node = "talks")]
fn talks() {
    info!(rows = 3, "reading");
    debug!("too small to keep");
    warn!(slow = true, "late");
}

#[test]
fn events_inside_a_call_are_evidence_on_its_state() {
    let place = Place::new();
    place.observe(|| {
        info!("outside every call");
        talks();
    });
    let evidence = place.evidence();
    let told: Vec<_> = evidence.iter().map(|e| (e.body.text(Key::Level), e.body.text(Key::Message))).collect();
    assert_eq!(told, [(Some("INFO"), Some("reading")), (Some("WARN"), Some("late"))]);
    assert_eq!(field(&evidence[0], "rows"), Some("3"));
    assert_eq!(evidence[0].body.text(Key::Target), Some("all::layer::evidence"));
    let opened = trail::records(&place.trail).into_iter().find(|(_, r)| r.header.kind == Kind::StateOpened);
    assert_eq!(opened.map(|(id, _)| id), Some(evidence[0].header.parent));
}

#[audited(node = "chatters")]
fn chatters(events: u32) {
    for n in 0..events {
        info!(n, "again");
    }
}

#[test]
fn evidence_is_bounded_and_the_rest_is_counted() {
    let place = Place::new();
    place.observe(|| {
        chatters(50);
        chatters(32);
    });
    let messages: Vec<_> =
        place.evidence().iter().map(|e| e.body.text(Key::Message).unwrap_or_default().to_owned()).collect();
    assert_eq!(messages.iter().filter(|m| *m == "again").count(), 64);
    assert_eq!(messages.iter().filter(|m| m.ends_with("more")).collect::<Vec<_>>(), ["18 more"]);
}

const SECRETS: [&str; 4] = ["hunter2", "sk-live0123456789abcdefABCDEF", "eyJhbGciOiJIUzI1NiJ9", "s3cr3tvalue"];

#[audited(node = "leaks")]
fn leaks() {
    info!(password = "hunter2", harmless = "visible-in-the-trail", "login");
    info!(dsn = "postgres://app:hunter2@db/main", "connecting with sk-live0123456789abcdefABCDEF");
    info!(header = "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N", "calling");
    let debugged = Some("token=s3cr3tvalue");
    info!(?debugged, "answer");
}

#[test]
fn p12_evidence_is_scrubbed() {
    let place = Place::new();
    place.observe(leaks);
    assert_eq!(place.evidence().len(), 4);
    for secret in SECRETS {
        assert!(!trail::holds(&place.trail, secret), "{secret} stands in the trail");
    }
    assert_eq!(field(&place.evidence()[0], "password"), Some("[secret]"));
    // The search is not blind.
    assert!(trail::holds(&place.trail, "visible-in-the-trail"));
}

#[audited(node = "pretends")]
fn pretends() {
    info!(status = "FAILED", node = "other", level = "ERROR", target = "elsewhere", own = "kept", "hello");
}

#[test]
fn p14_fields_named_like_ours_are_namespaced() {
    let place = Place::new();
    place.observe(pretends);
    let evidence = place.evidence();
    let record = &evidence[0];
    for (name, value) in [("status", "FAILED"), ("node", "other"), ("level", "ERROR"), ("target", "elsewhere")] {
        assert_eq!(field(record, name), None, "{name} passes for ours");
        assert_eq!(field(record, &format!("user.{name}")), Some(value));
    }
    assert_eq!(field(record, "own"), Some("kept"));
    assert_eq!(record.body.text(Key::Level), Some("INFO"));
    assert_eq!(record.body.text(Key::Message), Some("hello"));
    let closed = trail::of_kind(&place.trail, Kind::StateClosed);
    assert_eq!(closed[0].header.status, Status::Completed);
}

#[test]
fn p14_fields_of_notes_are_namespaced() {
    let place = Place::new();
    place.recorder.note("found", Severity::Info, &[("severity", "none"), ("what", "a key")]).expect("a note");
    let notes = trail::of_kind(&place.trail, Kind::Note);
    assert_eq!(field(&notes[0], "user.severity"), Some("none"));
    assert_eq!(field(&notes[0], "what"), Some("a key"));
    assert_eq!(notes[0].body.text(Key::Severity), Some("info"));
}

struct Bomb;

impl std::fmt::Debug for Bomb {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("a value that cannot be shown")
    }
}

#[audited(node = "bombed")]
fn bombed() -> u32 {
    info!(value = ?Bomb, "look");
    7
}

#[test]
fn a_value_that_panics_is_not_the_calls_failure() {
    let place = Place::new();
    place.observe(|| assert_eq!(bombed(), 7));
    assert_eq!(trail::entries(&place.trail), (1, 1));
    assert!(field(&place.evidence()[0], "unread").is_some());
}
