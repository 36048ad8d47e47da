//! Deadlines are watched while the program lives: told once, on the monotonic clock, and the watcher's own death is noticed.

use super::orders::{SECOND, contract, done, of, within};
use super::trail::Trail;
use audit_runtime::Builder;
use audit_runtime::clock::{Clock, ManualClock, SystemClock};
use audit_runtime::contract::{Contract, Outcome, Standing};
use audit_runtime::governance::Alert;
use audit_runtime::model::{Id, Key, Kind, RunId};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const CHILD: &str = "AUDIT_TEST_ACK_CHILD";

/// A trail whose clock stands still, whose watcher looks often, and what its hook was told.
struct Watched {
    trail: Trail,
    clock: Arc<ManualClock>,
    told: Arc<Mutex<Vec<Alert>>>,
}

fn watched(options: impl FnOnce(Builder) -> Builder) -> Watched {
    let clock = Arc::new(ManualClock::at(SystemClock::new().wall_ns()));
    let told: Arc<Mutex<Vec<Alert>>> = Arc::default();
    let heard = Arc::clone(&told);
    let trail = Trail::built(|builder| {
        let builder = builder.clock(Arc::clone(&clock) as Arc<dyn Clock>).watch(Duration::from_millis(40));
        options(builder.on_alert(move |alert| heard.lock().expect("a list").push(alert.clone())))
    });
    Watched { trail, clock, told }
}

/// Until the trail holds so many records of a kind; a test that waits in vain fails.
fn until(trail: &Trail, kind: Kind, count: usize) {
    let patience = Instant::now();
    while trail.of(kind).len() < count {
        assert!(patience.elapsed() < Duration::from_secs(60), "only {} of {count} {kind:?}", trail.of(kind).len());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// `STANDING action` of every alert on disk.
fn alerts(trail: &Trail) -> Vec<String> {
    let alerts = trail.of(Kind::ContractAlert);
    alerts.iter().map(|told| format!("{} {}", told.text(Key::Standing), told.text(Key::Action))).collect()
}

#[test]
fn c2_a_deadline_that_passes_is_told_once_by_record_and_hook_whatever_the_wall_clock_does() {
    let Watched { trail, clock, told } = watched(|builder| builder);
    let run = trail.recorder.begin_run("order").unwrap();
    trail.recorder.declare_with(run.id(), &contract(), true).unwrap();
    trail.recorder.acknowledge(run.id(), &of("reserve"), &done()).unwrap();
    clock.step_wall(-3_600_000_000_000);
    clock.advance(5 * SECOND + 1);
    until(&trail, Kind::ContractAlert, 1);
    clock.advance(4 * SECOND);
    until(&trail, Kind::ContractAlert, 2);
    let later = trail.recorder.begin_run("another").unwrap();
    trail.recorder.expect(later.id(), &within("last", 1)).unwrap();
    clock.advance(2 * SECOND);
    until(&trail, Kind::ContractAlert, 3);
    assert_eq!(
        alerts(&trail),
        ["MISSING book", "MISSING close", "MISSING last"],
        "each once, and nothing that was done"
    );
    let records = trail.of(Kind::ContractAlert);
    assert!(records.iter().all(|told| told.text(Key::DeclaredAt).contains("watch.rs:")));
    assert_eq!(records[0].record.header.run, run.id());
    let overdue = || -> Vec<Id> {
        let heard = told.lock().unwrap();
        let id = |alert: &Alert| match alert {
            Alert::Overdue { record, standing: Standing::Missing, .. } => Some(*record),
            _ => None,
        };
        heard.iter().filter_map(id).collect()
    };
    let patience = Instant::now();
    while overdue().len() < 3 {
        assert!(patience.elapsed() < Duration::from_secs(60), "the hook hears of each");
        std::thread::yield_now();
    }
    let ids = overdue();
    assert_eq!(ids, records.iter().map(|told| told.id).collect::<Vec<_>>());
    drop((run.finish(), later.finish()));
    assert!(trail.is_intact());
}

#[test]
fn c6_c8_what_is_acknowledged_in_time_raises_nothing_and_what_failed_for_good_does() {
    let Watched { trail, clock, .. } = watched(|builder| builder);
    let (healthy, sick) = (trail.recorder.begin_run("a").unwrap(), trail.recorder.begin_run("b").unwrap());
    for run in [&healthy, &sick] {
        trail.recorder.declare_with(run.id(), &contract(), true).unwrap();
        trail.recorder.acknowledge(run.id(), &of("book"), &done()).unwrap();
        trail.recorder.acknowledge(run.id(), &of("close"), &done()).unwrap();
        trail.recorder.acknowledge(run.id(), &of("reserve"), &Outcome::Failure { error: "no stock".into() }).unwrap();
    }
    trail.recorder.acknowledge(healthy.id(), &of("reserve"), &done()).unwrap();
    clock.advance(60 * SECOND);
    until(&trail, Kind::ContractAlert, 1);
    assert_eq!(alerts(&trail), ["FAILED reserve"]);
    assert_eq!(trail.of(Kind::ContractAlert)[0].record.header.run, sick.id());
    drop((healthy.finish(), sick.finish()));
}

#[test]
fn c18_a_run_that_is_not_reconciled_is_not_watched() {
    let Watched { trail, clock, .. } = watched(|builder| builder);
    let (off, on) = (trail.recorder.begin_run("off").unwrap(), trail.recorder.begin_run("on").unwrap());
    trail.recorder.declare_with(off.id(), &contract(), false).unwrap();
    trail.recorder.expect(off.id(), &within("more", 1)).unwrap();
    trail.recorder.declare_with(on.id(), &contract(), true).unwrap();
    clock.advance(60 * SECOND);
    until(&trail, Kind::ContractAlert, 3);
    assert!(trail.of(Kind::ContractAlert).iter().all(|told| told.record.header.run == on.id()));
    drop((off.finish(), on.finish()));
}

#[test]
fn c16_a_watcher_that_gives_no_sign_of_life_is_told_of_and_another_takes_over() {
    let (release, held): (_, Receiver<()>) = channel();
    let held = Mutex::new(held);
    let first = AtomicBool::new(true);
    let heard: Arc<Mutex<Vec<Alert>>> = Arc::default();
    let hears = Arc::clone(&heard);
    let Watched { trail, clock, .. } = watched(|builder| {
        builder.on_alert(move |alert| {
            hears.lock().expect("a list").push(alert.clone());
            // The first alert's hook does not return before the test ends: who watches is as good as dead.
            if first.swap(false, Ordering::SeqCst) {
                let _released = held.lock().expect("a channel").recv();
            }
        })
    });
    let run = trail.recorder.begin_run("order").unwrap();
    trail.recorder.declare_with(run.id(), &contract(), true).unwrap();
    clock.advance(5 * SECOND + 1);
    until(&trail, Kind::Note, 1);
    let note = trail.of(Kind::Note).remove(0);
    assert_eq!((note.text(Key::NoteKind), note.text(Key::Severity)), ("missed_reconciliation", "critical"));
    clock.advance(4 * SECOND);
    until(&trail, Kind::ContractAlert, 3);
    assert_eq!(alerts(&trail), ["MISSING reserve", "MISSING book", "MISSING close"], "nothing is lost or told twice");
    let missed = |alert: &Alert| matches!(alert, Alert::MissedReconciliation { record, .. } if *record == note.id);
    assert!(heard.lock().unwrap().iter().any(missed), "the hook hears of it");
    drop(release);
    drop(run.finish());
}

#[test]
fn c16_a_hook_that_panics_is_counted_and_the_watcher_goes_on() {
    let Watched { trail, clock, .. } = watched(|builder| builder.on_alert(|_| panic!("the pager is broken")));
    let run = trail.recorder.begin_run("order").unwrap();
    trail.recorder.declare_with(run.id(), &contract(), true).unwrap();
    clock.advance(60 * SECOND);
    until(&trail, Kind::ContractAlert, 3);
    let patience = Instant::now();
    while trail.recorder.health().observer_drops < 3 {
        assert!(patience.elapsed() < Duration::from_secs(60));
        std::thread::yield_now();
    }
    drop(run.finish());
}

/// Not a test of its own: another process that acknowledges.
#[test]
fn child_acknowledges_for_another_process() {
    let Ok(told) = std::env::var(CHILD) else { return };
    let (path, run) = told.split_once('|').expect("a path and a run");
    let recorder = audit_runtime::open(Path::new(path)).expect("the trail opens");
    let run = RunId(Id::parse(run).expect("a run"));
    recorder.acknowledge(run, &of("book"), &done()).expect("an acknowledgement");
    recorder.close().expect("a clean end");
}

#[test]
fn c15_what_another_process_acknowledges_counts_before_anybody_is_alarmed() {
    let Watched { trail, clock, .. } = watched(|builder| builder);
    let run = trail.recorder.begin_run("order").unwrap();
    let patient = Contract::draft("order").expect(within("reserve", 900)).expect(within("book", 900));
    trail.recorder.declare_with(run.id(), &patient.finalised_by(within("close", 900)), true).unwrap();
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["governance::watch::child_acknowledges_for_another_process", "--exact"])
        .env(CHILD, format!("{}|{:#}", trail.path().display(), run.id()))
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
    clock.advance(901 * SECOND);
    until(&trail, Kind::ContractAlert, 2);
    assert_eq!(alerts(&trail), ["MISSING reserve", "MISSING close"]);
    drop(run.finish());
    assert!(trail.is_intact());
}
