//! Negative controls: each harness, run against the bug that it is there to catch.

use crate::child::{Victim, fast_place, hear, place};
use crate::killed::{kills, twice_is_once};
use std::time::Duration;
use workspace_tests::absent::{absent, kept};
use workspace_tests::story::check;

/// The kill loop finds something wrong, and it is this.
#[track_caller]
fn kills_find(bug: &str, sign: &str) {
    // Ends with the first that is caught; about one in thirty is.
    let wrong = kills(&Victim::with_bug(bug), 7, 5_000, Some(Duration::from_secs(120))).expect_err(bug);
    assert!(wrong.iter().any(|line| line.starts_with(sign)), "{bug}: {wrong:#?}");
}

#[test]
fn t1_an_acknowledgement_before_the_write_is_caught_by_kills() {
    kills_find("ack_before_sync", "I");
}

#[test]
fn t4_sequences_given_outside_the_lock_are_caught_by_the_crowd() {
    let (_dir, trail) = fast_place();
    let ended = Victim::with_bug("seq_outside_lock").run(&["crowd", &trail.to_string_lossy(), "0", "16", "200"]);
    let wrong = check(&trail, &hear(&trail, &[&ended])).expect_err("doubled sequences");
    assert!(wrong.iter().any(|line| line.starts_with("I1") || line.starts_with("I6")), "{wrong:#?}");
}

#[test]
fn t5_a_terminal_lost_on_drop_is_caught_by_a_panic() {
    let (_dir, trail) = place();
    let victim = Victim::with_bug("terminal_lost_on_drop");
    let ended = victim.run(&["die", &trail.to_string_lossy(), "panic"]);
    victim.settle(&trail).unwrap();
    let wrong = check(&trail, &hear(&trail, &[&ended])).expect_err("a lost terminal");
    assert!(wrong[0].starts_with("I3 call 1 came back and its own terminal is lost"), "{wrong:#?}");
}

#[test]
fn t6_a_second_terminal_by_recovery_is_caught() {
    let (_dir, trail) = place();
    let victim = Victim::with_bug("recovery_second_terminal");
    drop(victim.run(&["die", &trail.to_string_lossy(), "kill-inside"]));
    victim.settle(&trail).unwrap();
    let story = workspace_tests::story::Story::read(&trail).unwrap();
    twice_is_once(&victim, &trail, &story).expect_err("settled twice");
    let wrong = check(&trail, &hear(&trail, &[])).expect_err("two terminals");
    assert!(wrong.iter().any(|line| line.starts_with("I2") && line.ends_with("has 2 terminals")), "{wrong:#?}");
}

#[test]
fn t6_recovery_of_a_living_process_is_caught() {
    let (_dir, trail) = place();
    let path = trail.to_string_lossy().into_owned();
    let living = Victim::plain().start(&["die", &path, "wait-inside"]);
    assert!(living.ready());
    let said = Victim::with_bug("recovery_closes_living").settle(&trail).unwrap();
    assert!(said.starts_with("SETTLED 1 1"), "{said}");
    let ended = living.ended();
    check(&trail, &hear(&trail, &[&ended])).expect_err("a terminal from outside beside its own");
}

/// What lacks its payload after a victim has worked, and how many payloads there are.
fn lacking(victim: &Victim, command: &str) -> (Vec<String>, usize) {
    let (_dir, trail) = place();
    let ended = victim.run(&[command, &trail.to_string_lossy()]);
    assert!(ended.status.success(), "{}", ended.said);
    (absent(&trail), kept(&trail).len())
}

#[test]
fn l39_a_payload_that_comes_after_its_record_is_caught() {
    assert_eq!(lacking(&Victim::plain(), "keep"), (vec![], 4));
    let (lacking, kept) = lacking(&Victim::with_bug("payload_after_record"), "keep");
    assert_eq!((lacking.len(), kept), (4, 4), "{lacking:#?}");
}

#[test]
fn p18_a_purge_that_ignores_sharing_is_caught() {
    assert_eq!(lacking(&Victim::plain(), "purge"), (vec![], 1));
    let (lacking, kept) = lacking(&Victim::with_bug("purge_ignores_sharing"), "purge");
    assert_eq!((lacking.len(), kept), (1, 0), "{lacking:#?}");
}
