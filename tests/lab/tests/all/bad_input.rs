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
    assert!(text.contains("make it start from the same state"), "{text}");
}

#[test]
fn t16_a_scenario_that_ends_otherwise_the_second_time_names_the_end() {
    let runs = Cell::new(0);
    let text = said(|| {
        Matrix::of_sync(move |_lab| {
            runs.set(runs.get() + 1);
            drop(parse(if runs.get() == 2 { "none" } else { "1" }));
        })
        .kinds(Kinds::PANIC)
        .run();
    });
    assert!(text.contains("does not repeat"), "{text}");
    for end in ["the end `parse returned`: 1 times, then 0 times", "the end `parse errored`: 0 times, then 1 times"] {
        assert!(text.contains(end), "{text}");
    }
}

#[test]
fn a_scenario_that_suspends_as_often_as_chance_has_it_is_cut_at_its_awaits_alone() {
    let runs = Cell::new(0);
    let report = Matrix::new(move |_lab| {
        runs.set(runs.get() + 1);
        let once_more = runs.get() == 2;
        async move {
            drop(parse("1"));
            if once_more {
                tokio::task::yield_now().await;
            }
        }
    })
    .kinds(Kinds::PANIC | Kinds::CANCEL)
    .try_run()
    .expect("no child");
    assert!(report.is_sound(), "{report}");
    assert_eq!(report.suspended, Some((0, 1)));
    assert!(report.to_string().contains("suspended 0 times, then 1 times"), "{report}");
}

#[test]
fn zero_sites_are_an_error() {
    let text = said(|| Matrix::of_sync(|_lab| ()).run());
    assert!(text.contains("reached no audited site, so nothing is tested"), "a clean run alone: {text}");
    let text = said(|| Matrix::of_sync(|_lab| ()).matrix().run());
    assert!(
        text.contains("reached no audited site") && text.contains("are linked in, and it has to call one"),
        "{text}"
    );
}

#[test]
fn an_unknown_site_is_told_its_near_names() {
    let text = said(|| Lab::new().inject("prase", Phase::AfterBegin, Kind::Panic));
    assert!(text.contains("no audited site is called `prase`") && text.contains("lab_tests::parse"), "{text}");
    let text = said(|| Matrix::of_sync(|_lab| drop(parse("1"))).sites("chrage").kinds(Kinds::PANIC).run());
    assert!(text.contains("lab_tests::charge"), "{text}");
    let text = said(|| drop(Lab::new().hold("zzzzzzzzzzzzzzzzzzzzzzzz", Phase::AfterBegin)));
    assert!(text.contains("linked in are ") && text.contains(" more"), "{text}");
}

#[test]
fn a_check_that_asks_for_an_unknown_site_is_told_its_near_names() {
    let check = |case: &audit_testkit::Case, _: &audit_testkit::Story| assert!(!case.at("prase"));
    let report = Matrix::of_sync(|_lab| drop(parse("1"))).kinds(Kinds::PANIC).check(check).try_run().expect("no child");
    let told = "no audited site is called `prase`; near names: lab_tests::parse";
    assert!(!report.failures.is_empty() && report.failures.len() == report.planned, "{report}");
    assert!(report.failures.iter().all(|failure| failure.broke[0].contains(told)), "{report}");
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
    assert!(report.to_string().contains("the scenario came to `before-begin` of lab_tests::parse 0 times"), "{report}");
    assert!(report.last_clean.is_some(), "the last clean run was no run of the same scenario");
}

#[test]
fn labs_do_not_nest() {
    let text = said(|| Lab::new().scope(|| drop(Lab::new())));
    assert!(text.contains("do not nest"), "{text}");
    let text = said(|| Lab::new().scope(|| Matrix::of_sync(|_lab| drop(parse("1"))).kinds(Kinds::PANIC).run()));
    assert!(text.contains("a lab, or a matrix, was opened inside a lab"), "{text}");
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
    let phases = [Phase::AfterBegin, Phase::Question(7)];
    let text = said(|| Matrix::of_sync(|_lab| drop(parse("1"))).kinds(Kinds::PANIC).phases(&phases).run());
    assert!(text.contains("never comes to `question-7` at the sites that are asked for"), "{text}");
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
    assert!(text.contains("INERT") && text.contains("came to `after-begin` of lab_tests::parse 3 times"), "{text}");
    let text = replay("v1;lab_tests::parse#1;after-complete;error");
    assert!(text.contains("INERT") && text.contains("`error` cannot happen at this moment"), "{text}");
    let text = replay("v1;lab_tests::parse#1;after-begn;panic");
    assert!(text.contains("`after-begn` is no moment; moments are before-begin, after-begin"), "{text}");
    let text = replay("v1;store#999;write;fails-once");
    assert!(text.contains("INERT") && text.contains("less than 999 times for `write`"), "{text}");
}

#[test]
fn a_scenario_that_panics_or_fails_by_itself_is_told_so() {
    let text = said(|| Matrix::of_sync(|_lab| parse("x").map(drop)).kinds(Kinds::PANIC).run());
    assert!(text.contains("fails without any fault") && !text.contains("I12"), "{text}");
    let text = said(|| Matrix::of_sync(|_lab| assert!(parse("x").is_ok(), "no number")).kinds(Kinds::PANIC).run());
    assert!(text.contains("panics without any fault: no number"), "{text}");
}
