//! Statistics come from the trail: the index and a scan of the journal give the same counts, after a restart too.

use super::trail::{Trail, any_reason};
use audit_runtime::Severity;
use audit_runtime::governance::{
    Action, Authorization, Catalog, Decision, Executor, Order, Profile, Relation, Rules, current_attempt, link,
};
use audit_runtime::model::{Key, Kind};
use audit_runtime::trail::{ActionCounts, Governance, Trail as Asked};
use std::collections::BTreeMap;
use std::io;

fn allowed(trail: &Trail) -> Authorization {
    let profile = Profile::new("any", 0, ["send", "stray"]).expect("a profile");
    let ruling = trail.recorder.gate(&profile).decide(&1, |_, _| Decision::allow(Rules::new()));
    ruling.expect("recorded").allowed().expect("an ALLOW")
}

fn denied(trail: &Trail) {
    let profile = Profile::new("any", 0, []).expect("a profile");
    let ruling = trail.recorder.gate(&profile).decide(&1, |_, _| Decision::deny(any_reason(), Rules::new()));
    drop(ruling.expect("recorded"));
}

fn order(action: &str) -> Order<'_> {
    Order { action, version: "1.0.0", executor: "bank", executor_version: "1.0.0" }
}

/// Two successes, one of them from a cache, a failure, a refused one, a denial, two notes.
fn filled() -> Trail {
    let trail = Trail::new();
    let catalog = Catalog::new().action(Action::new("send", "1.0.0")).executor(Executor::new("bank", "1.0.0"));
    let producer = allowed(&trail).execute(&catalog, &order("send"), &1, |_| {
        Ok::<_, io::Error>(current_attempt().map(|attempt| format!("{attempt:#}")))
    });
    let producer = audit_runtime::Id::parse(&producer.expect("sent").expect("inside an action")).expect("an id");
    let cached = allowed(&trail).execute(&catalog, &order("send"), &1, |_| link(Relation::CachedFrom, producer));
    cached.expect("from the cache");
    allowed(&trail)
        .execute(&catalog, &order("send"), &1, |_| Err::<(), _>(io::Error::other("no")))
        .expect_err("failed");
    allowed(&trail).execute(&catalog, &order("stray"), &1, |_| Ok::<_, io::Error>(())).expect_err("blocked");
    denied(&trail);
    for kind in ["discovery", "security"] {
        trail.recorder.note(kind, Severity::Info, &[("what", "a shelf")]).expect("a note");
    }
    trail
}

fn one(code: &str) -> BTreeMap<String, u64> {
    BTreeMap::from([(code.to_owned(), 1)])
}

/// The same by a scan of the journal that shares no code with the index.
fn scanned(trail: &Trail) -> Governance {
    let mut all = Governance::default();
    for told in trail.of(Kind::Decision) {
        match told.texts(Key::ReasonCodes).first() {
            Some(code) => *all.denied.entry(code.clone()).or_default() += 1,
            None => all.allowed += 1,
        }
    }
    for told in trail.of(Kind::Note) {
        *all.notes.entry(told.text(Key::NoteKind).to_owned()).or_default() += 1;
    }
    let mut actions: BTreeMap<String, ActionCounts> = BTreeMap::new();
    let mut of = |name: &str, count: &dyn Fn(&mut ActionCounts)| {
        let action = name.to_owned();
        count(actions.entry(action.clone()).or_insert_with(|| ActionCounts { action, ..ActionCounts::default() }));
    };
    for told in trail.of(Kind::ActionPending) {
        of(told.text(Key::Action), &|counts| counts.attempts += 1);
    }
    for told in trail.of(Kind::ActionClosed) {
        let cached = told.record.body.get(Key::Links).is_some();
        of(told.text(Key::Action), &|counts| match told.status() {
            "SUCCESS" => (counts.succeeded, counts.cached) = (counts.succeeded + 1, counts.cached + u64::from(cached)),
            _ => *counts.failed.entry(told.text(Key::ErrorCode).to_owned()).or_default() += 1,
        });
    }
    for told in trail.of(Kind::ActionBlocked) {
        let code = told.text(Key::ErrorCode).to_owned();
        of(told.text(Key::Action), &|counts| *counts.blocked.entry(code.clone()).or_default() += 1);
    }
    all.actions = actions.into_values().collect();
    all
}

#[test]
fn q9_statistics_of_gates_and_actions_are_those_of_the_journal_after_a_restart_too() {
    let mut trail = filled();
    let expected = Governance {
        allowed: 4,
        denied: one("ADMIN_SIGNAL_FORBIDDEN"),
        notes: BTreeMap::from([("discovery".to_owned(), 1), ("security".to_owned(), 1)]),
        actions: vec![
            ActionCounts {
                action: "send".to_owned(),
                attempts: 3,
                succeeded: 2,
                cached: 1,
                failed: one("EXECUTOR_EXCEPTION"),
                ..ActionCounts::default()
            },
            ActionCounts { action: "stray".to_owned(), blocked: one("UNKNOWN_ACTION"), ..ActionCounts::default() },
        ],
    };
    assert_eq!(scanned(&trail), expected);
    let asked =
        |trail: &Trail| Asked::open(trail.path()).expect("the trail opens").governance(None).expect("an answer");
    assert_eq!(asked(&trail), expected);
    trail.restart();
    assert_eq!(asked(&trail), expected);
    // The control: one more denial makes a difference to both.
    denied(&trail);
    assert_ne!(asked(&trail), expected);
    assert_eq!(asked(&trail), scanned(&trail));
}

#[test]
fn q9_the_recent_records_of_a_kind_come_from_the_trail() {
    let trail = filled();
    let recent = Asked::open(trail.path()).expect("the trail opens").recent(1, Some(Kind::Note)).expect("an answer");
    let last = trail.of(Kind::Note).pop().expect("a note");
    assert_eq!(recent.iter().map(|told| told.id).collect::<Vec<_>>(), [last.id]);
    assert!(recent[0].line.to_string().contains("security"));
}
