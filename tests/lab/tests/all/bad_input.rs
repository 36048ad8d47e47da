//! What a test can get wrong is told with its cure, and never passes.

use audit_testkit::{Kind, Kinds, Lab, Matrix, Phase};
use lab_tests::{order, parse};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

fn said(work: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(work)).expect_err("it must not pass");
    let text = payload.downcast_ref::<String>().cloned();
    text.or_else(|| payload.downcast_ref::<&'static str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

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
