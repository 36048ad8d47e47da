//! The watcher of deadlines, in a process of its own: it tells, and when it dies somebody else tells that.

use crate::child::{Victim, place};

/// What a process said that waited for so many alerts and notes.
fn watched(victim: &Victim, alerts: &str, notes: &str, secs: &str) -> (u64, u64) {
    let (_dir, trail) = place();
    let ended = victim.run(&["watch", &trail.to_string_lossy(), alerts, notes, secs]);
    assert!(ended.status.success(), "{}", ended.said);
    let line = ended.said.lines().find(|line| line.starts_with("ALERTS")).expect("its counts");
    let number = |at| line.split(' ').nth(at).and_then(|word| word.parse().ok()).expect("a number");
    (number(1), number(3))
}

#[test]
fn c2_a_watcher_that_lives_tells_each_deadline_once() {
    assert_eq!(watched(&Victim::plain(), "2", "0", "60").0, 2);
}

#[test]
fn c16_a_watcher_that_dies_is_missed_after_two_intervals() {
    let (alerts, notes) = watched(&Victim::with_bug("watcher_dies"), "0", "1", "60");
    assert_eq!(alerts, 0, "nobody watches");
    assert!(notes >= 1, "and that is told");
}

/// The negative control: a death that nobody looks for goes unseen, and the check above would fail.
#[test]
fn c16_a_death_that_nobody_looks_for_is_caught() {
    assert_eq!(watched(&Victim::with_bug("watcher_death_unnoticed"), "0", "1", "2"), (0, 0));
}
