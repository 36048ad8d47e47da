//! Every way to die leaves exactly one terminal, and the right one.

use crate::child::{Ended, Victim, hear, place};
use audit_runtime::model::{Exit, Key, Kind, Record, Status};
use workspace_tests::story::{Story, Told, check};

/// A program that met this end, and its settled trail.
fn died(victim: &Victim, how: &str) -> (Ended, Told, Story) {
    let (_dir, trail) = place();
    let ended = victim.run(&["die", &trail.to_string_lossy(), how]);
    victim.settle(&trail).unwrap_or_else(|error| panic!("{how}: {error}"));
    let told = hear(&trail, &[&ended]);
    let (story, _) = check(&trail, &told).unwrap_or_else(|wrong| panic!("{how}: {wrong:#?}"));
    (ended, told, story)
}

/// The only terminal of node state 1.
fn end_of(how: &str, story: &Story) -> Record {
    let found = story.numbered(1);
    assert_eq!(found.len(), 1, "{how}: {:?}", story.lines());
    found[0].1.ends[0].1.clone()
}

const LOST: (Status, Exit) = (Status::Abandoned, Exit::Lost);
const PANICKED: (Status, Exit) = (Status::Failed, Exit::Panicked);

#[track_caller]
fn ends_as(how: &str, expected: (Status, Exit)) -> (Ended, Story) {
    let (ended, told, story) = died(&Victim::plain(), how);
    assert_eq!(told.effects, [1], "{how}: the body ran");
    let end = end_of(how, &story);
    assert_eq!((end.header.status, end.header.exit), expected, "{how}");
    (ended, story)
}

#[test]
fn g3_a_panic_and_a_panic_in_drop_are_failed_panicked() {
    for (how, text) in [("panic", "told to panic"), ("panic-in-drop", "told to panic in drop")] {
        let (ended, story) = ends_as(how, PANICKED);
        assert!(ended.status.success());
        assert_eq!(end_of(how, &story).body.text(Key::Error), Some(text));
    }
}

#[test]
fn g13_a_panic_while_panicking_is_abandoned_with_both_panics_as_evidence() {
    let (ended, story) = ends_as("nested-panic", LOST);
    assert!(!ended.status.success());
    let seen: Vec<&str> =
        story.of_kind(Kind::PanicObserved).iter().filter_map(|record| record.body.text(Key::Message)).collect();
    assert_eq!(seen[..2], ["told to panic first", "told to panic in drop"]);
}

#[test]
fn g2_an_error_whose_display_panics_is_failed_errored_and_says_so() {
    let (_, story) = ends_as("display", (Status::Failed, Exit::Errored));
    let end = end_of("display", &story);
    assert!(end.body.text(Key::Error).unwrap().contains("its Display panicked"), "{:?}", end.body);
}

#[test]
fn g20_an_argument_that_panics_refuses_the_call_before_the_body() {
    let (_, told, story) = died(&Victim::plain(), "argument");
    assert_eq!((told.refused.as_slice(), told.effects.len()), (&[1][..], 0));
    assert!(story.numbered(1).is_empty());
    let refusals = story.of_kind(Kind::Refusal);
    assert_eq!(refusals.len(), 1);
    assert_eq!(refusals[0].body.text(Key::Code), Some("AUD0502"));
}

#[test]
fn g13_exit_abort_overflow_and_kill_inside_a_body_are_abandoned() {
    for how in ["exit-inside", "abort-inside", "overflow", "kill-inside"] {
        let (ended, _) = ends_as(how, LOST);
        assert_eq!(ended.status.success(), how == "exit-inside", "{how}: {:?}", ended.status);
    }
}

#[test]
fn g13_sigterm_inside_a_body_is_abandoned() {
    let (_dir, trail) = place();
    let running = Victim::plain().start(&["die", &trail.to_string_lossy(), "wait-inside"]);
    assert!(running.ready());
    let pid = rustix::process::Pid::from_child(&running.child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    // Its standard input stays open until it has died of the signal.
    let mut running = running;
    running.child.wait().unwrap();
    let ended = running.ended();
    Victim::plain().settle(&trail).unwrap();
    let (story, _) = check(&trail, &hear(&trail, &[&ended])).unwrap();
    let end = end_of("sigterm", &story);
    assert_eq!((end.header.status, end.header.exit), LOST);
}

#[test]
fn g13_where_panics_abort_the_hook_records_the_end() {
    let (ended, told, story) = died(&Victim::aborting(), "panic");
    assert!(!ended.status.success(), "the panic aborted");
    assert_eq!(told.effects, [1]);
    let (id, entry) = story.numbered(1)[0];
    assert_eq!(entry.end(), Some(PANICKED));
    assert_eq!(entry.ends[0].0, id.stream, "by the dying process itself");
    assert_eq!(entry.ends[0].1.body.text(Key::Error), Some("told to panic"));
}

#[test]
fn d5_what_has_returned_is_recorded_whatever_comes_next() {
    for how in ["exit-behind", "abort-behind", "kill-behind"] {
        let (_, told, story) = died(&Victim::plain(), how);
        assert_eq!(told.ended.len(), 3, "{how}");
        let ends: Vec<_> = (1..=3).map(|n| story.numbered(n)[0].1.end().unwrap()).collect();
        let completed = (Status::Completed, Exit::Returned);
        assert_eq!(ends, [completed, completed, (Status::Failed, Exit::Errored)], "{how}");
    }
}

#[test]
fn g13_what_leaked_is_named_at_shutdown_and_abandoned_at_the_next_open() {
    let (ended, _, story) = died(&Victim::plain(), "leak");
    let named: Vec<&str> = ended.said.lines().filter_map(|line| line.strip_prefix("LEAKED ")).collect();
    assert_eq!(named.len(), 2, "{}", ended.said);
    assert!(named.iter().any(|name| name.starts_with("async ")), "{named:?}");
    let closed = story.of_kind(Kind::StreamClosed);
    let first = closed.iter().find(|record| record.body.get(Key::Sites).is_some()).expect("a report of what leaked");
    assert!(format!("{:?}", first.body.get(Key::Sites)).contains("async "));
    assert_eq!(story.lines().iter().filter(|line| line.ends_with("ABANDONED(lost)")).count(), 2, "{:?}", story.lines());
}

#[test]
fn g13_a_thread_that_never_comes_back_is_abandoned() {
    let (ended, _) = ends_as("thread-leak", LOST);
    assert!(ended.status.success());
}

#[test]
fn g9_a_guard_and_a_run_that_are_dropped_are_failed() {
    let (_, _, story) = died(&Victim::plain(), "drop-guard");
    let guard = &story.entries.values().next().unwrap().ends[0].1;
    assert_eq!((guard.header.status, guard.header.exit), (Status::Failed, Exit::Cancelled));
    assert_eq!(guard.body.text(Key::Reason), Some("dropped"));
    assert_eq!(story.runs.values().cloned().collect::<Vec<_>>(), [vec![Status::Failed]]);
}

#[test]
fn g21_a_runtime_that_shuts_down_cancels_what_is_in_flight() {
    let (ended, told, story) = died(&Victim::plain(), "shutdown");
    assert!(ended.said.contains("OPEN 0\n"), "{}", ended.said);
    assert_eq!((told.ended.len(), told.effects.len()), (100, 100));
    let cancelled = (Status::Failed, Exit::Cancelled);
    assert_eq!(story.entries.values().filter(|entry| entry.end() == Some(cancelled)).count(), 100);
    assert_eq!(story.entries.len(), 100, "the task that never ran left no record");
}

#[test]
fn p2_a_second_open_in_one_process_is_the_same_recorder_or_refused() {
    let (_dir, trail) = place();
    let first = audit_runtime::open(&trail).unwrap();
    assert_eq!(audit_runtime::open(&trail).unwrap().stream(), first.stream());
    let other = audit_runtime::Builder::new(&trail).actor("somebody else").open().unwrap_err();
    assert_eq!(other.code().text(), "AUD0105");
    first.close().unwrap();
}
