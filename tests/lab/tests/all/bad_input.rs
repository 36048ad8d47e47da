//! What a test can get wrong is told with its cure, and never passes.

use crate::alone::said;
use audit_testkit::{Kind, Kinds, Lab, Matrix, Phase};
use lab_tests::{order, parse};
use std::cell::Cell;
use std::process::Command;
use std::time::Duration;

#[test]
fn t16_a_scenario_that_does_not_repeat_names_its_sites() {
    let runs = Cell::new(0);
    let text = said(|| {
        Matrix::of_sync(move |_lab| {
            runs.set(runs.get() + 1);
            let lines = ["1", "2"];
            drop(order(&lines[..runs.get().min(2)]));
        })
        .matrix()
        .run();
    });
    assert!(text.contains("does not repeat"), "{text}");
    assert!(text.contains("lab_tests::parse before-begin: 1 times, then 2 times"), "{text}");
}

#[test]
fn zero_sites_are_an_error() {
    let text = said(|| Matrix::of_sync(|_lab| ()).matrix().run());
    assert!(text.contains("reached no audited site"), "{text}");
}

#[test]
fn an_unknown_site_is_told_its_near_names() {
    let text = said(|| Lab::new().inject("prase", Phase::AfterBegin, Kind::Panic));
    assert!(text.contains("no audited site is called `prase`") && text.contains("lab_tests::parse"), "{text}");
    let text = said(|| Matrix::of_sync(|_lab| drop(parse("1"))).sites("chrage").kinds(Kinds::PANIC).run());
    assert!(text.contains("lab_tests::charge"), "{text}");
}

#[test]
fn t16_a_fault_that_never_fires_is_inert_and_fails() {
    // The first two runs do the work, so that there are cases; the runs with faults do not.
    let runs = Cell::new(0);
    let report = Matrix::of_sync(move |_lab| {
        runs.set(runs.get() + 1);
        if runs.get() <= 2 {
            drop(parse("1"));
        }
    })
    .kinds(Kinds::PANIC)
    .try_run()
    .expect("no child");
    assert!(!report.is_sound());
    assert_eq!((report.fired, report.inert), (0, report.planned));
    assert!(report.to_string().contains("INERT"), "{report}");
    assert!(report.last_clean.is_some(), "the last clean run was no run of the same scenario");
}

#[test]
fn labs_do_not_nest() {
    let text = said(|| Lab::new().scope(|| drop(Lab::new())));
    assert!(text.contains("do not nest"), "{text}");
}

#[test]
fn a_scenario_that_does_not_tolerate_a_fault_is_told_so() {
    let report = Matrix::of_sync(|_lab| assert!(parse("1").is_ok(), "no number"))
        .kinds(Kinds::ERROR)
        .try_run()
        .expect("no child");
    assert!(report.failures.iter().all(|failure| failure.broke[0].contains("does not tolerate the fault")), "{report}");
    assert!(!report.failures.is_empty());
}

#[test]
fn a_choice_that_leaves_nothing_to_test_does_not_pass() {
    let text = said(|| Matrix::of_sync(|_lab| drop(parse("1"))).sites("billing::**").kinds(Kinds::PANIC).run());
    assert!(text.contains("reaches no site that fits `billing::**`; it reaches lab_tests::parse"), "{text}");
    // It is linked in, and the scenario does not call it.
    let text = said(|| Matrix::of_sync(|_lab| drop(parse("1"))).sites("charge").kinds(Kinds::PANIC).run());
    assert!(text.contains("no site that fits `charge`"), "{text}");
    let text = said(|| Matrix::of_sync(|_lab| drop(parse("1"))).kinds(Kinds::CANCEL).run());
    assert!(text.contains("no fault was put anywhere (0 planned)"), "a sync call cannot be dropped: {text}");
    let text = said(|| Matrix::of_sync(|_lab| drop(parse("1"))).kinds(Kinds::PANIC).budget(Duration::ZERO).run());
    assert!(text.contains("no fault was put anywhere (") && text.contains("budget"), "{text}");
}

#[test]
fn a_replay_of_a_case_that_cannot_be_says_so() {
    let own = std::env::current_exe().expect("this test's own path");
    let replay = |case: &str| {
        let mut command = Command::new(&own);
        command.args(["matrix::t16_a_sync_scenario_survives_everything", "--exact", "--nocapture"]);
        // What fails here on purpose is no failure path that anybody left untested.
        let output = command.env("AUDIT_CASE", case).env("AUDIT_COVERAGE", "").output().expect("it starts");
        assert!(!output.status.success(), "{case}");
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat()
    };
    let text = replay("v1;lab_tests::prase#1;after-begin;panic");
    assert!(text.contains("no audited site is called `lab_tests::prase`; near names: lab_tests::parse"), "{text}");
    let text = replay("v1;lab_tests::parse#1;after-begin;pain");
    assert!(text.contains("kinds are panic, error"), "{text}");
    let text = replay("v1;lab_tests::parse#99;after-begin;panic");
    assert!(text.contains("INERT"), "{text}");
}

#[test]
fn a_scenario_that_panics_or_fails_by_itself_is_told_so() {
    let text = said(|| Matrix::of_sync(|_lab| parse("x").map(drop)).kinds(Kinds::PANIC).run());
    assert!(text.contains("fails without any fault") && !text.contains("I12"), "{text}");
    let text = said(|| Matrix::of_sync(|_lab| assert!(parse("x").is_ok(), "no number")).kinds(Kinds::PANIC).run());
    assert!(text.contains("panics without any fault: no number"), "{text}");
}
