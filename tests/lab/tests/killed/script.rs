//! A script of calls in every form: it leaves an effect in each body and says how each call came back. Whatever kills it,
//! both are held against the trail.

use crate::bug;
use audit_runtime::model::{Key, Kind};
use audit_runtime::{Error, Severity};
use audit_testkit::{Case, Lab, Matrix, Phase, Story};
use std::sync::{Arc, Mutex};
use workspace_tests::story::{Checked, Told, check};
use workspace_tests::victim::calls::{any, any_later};
use workspace_tests::victim::say::{Effects, introduce};

async fn script(lab: Lab) -> Result<(), Error> {
    // The harness has begun a line.
    println!();
    introduce(lab.recorder(), true);
    let run = lab.recorder().begin_run("script")?;
    let effects = Effects::at(&lab.dir().join("effects"));
    for (n, form) in [0, 3, 8, 2, 11, 16, 10, 19].into_iter().enumerate() {
        any(10 * n as u64 + 1_000, form, &effects);
    }
    lab.recorder().note("script", Severity::Info, &[("what", "half-way")])?;
    for (n, form) in [1, 4, 9].into_iter().enumerate() {
        any_later(n as u64 + 2_000, form, &effects).await;
    }
    run.finish().map(drop).map_err(Error::from)
}

/// What the checks have looked at.
#[derive(Default)]
struct Seen {
    checked: Checked,
    torn: usize,
}

/// The trail against what the dead process had been told and what its bodies had done.
fn is_as_it_was_told(case: &Case, story: &Story, seen: &Mutex<Seen>) {
    let dir = story.path().parent().expect("the lab's directory");
    let mut told = Told::default();
    told.hear(&std::fs::read_to_string(dir.join("said")).expect("what the child said"));
    told.look_at(&dir.join("effects"));
    let (_, checked) = check(story.path(), &told).unwrap_or_else(|wrong| panic!("{wrong:#?}"));
    if checked.torn_bytes > 0 && case.place == "store" {
        let settled = story.of_kind(Kind::StreamSettled);
        let named = settled.iter().find(|record| record.body.uint(Key::TornBytes).is_some_and(|bytes| bytes > 0));
        let named = named.expect("a settlement that names the torn bytes");
        assert_eq!(named.body.uint(Key::TornBytes), Some(checked.torn_bytes));
        assert!(named.body.stream(Key::Stream).is_some() && named.body.uint(Key::Offset).is_some());
        assert!(named.body.text(Key::Reason).is_some(), "{:?}", named.body);
        seen.lock().expect("no check has panicked here").torn += 1;
    }
    seen.lock().expect("no check has panicked here").checked.add(&checked);
}

/// Runs a matrix under the check; nothing in a child.
fn checked(matrix: Matrix) -> Option<(usize, Seen)> {
    bug();
    let seen = Arc::new(Mutex::new(Seen::default()));
    let theirs = Arc::clone(&seen);
    let report = matrix.check(move |case, story| is_as_it_was_told(case, story, &theirs)).try_run()?;
    println!("{report}");
    assert!(report.is_sound(), "{report}");
    let seen = std::mem::take(&mut *seen.lock().expect("every check has passed"));
    println!("{:?}, {} torn", seen.checked, seen.torn);
    Some((report.fired, seen))
}

#[test]
fn j1_j4_d6_a_script_killed_before_and_within_every_write_loses_nothing() {
    let name = concat!(module_path!(), "::j1_j4_d6_a_script_killed_before_and_within_every_write_loses_nothing");
    let Some((kills, Seen { checked, torn })) = checked(Matrix::new(script).named(name).crash()) else { return };
    assert!(kills > 120 && checked.abandoned > 0 && checked.bytes > 0, "{kills} kills, {checked:?}");
    assert!(checked.ended > 0 && checked.effects > 0, "{checked:?}");
    assert!(torn > 3, "only {torn} kills left a torn frame");
}

#[test]
fn j2_recovery_killed_at_each_of_its_steps_closes_each_opening_once() {
    let name = concat!(module_path!(), "::j2_recovery_killed_at_each_of_its_steps_closes_each_opening_once");
    let dead_in = Matrix::new(script).named(name).crash().depth(3).sites("disk").phases(&[Phase::AfterBegin]);
    let Some((kills, Seen { checked, .. })) = checked(dead_in) else { return };
    assert!(kills > 60 && checked.abandoned > 0, "{kills} kills, {checked:?}");
}
