//! Killed at every moment and at every operation of the store; recovery killed as well.

use crate::alone::said;
use audit_runtime::journal::{Layout, Reader};
use audit_testkit::{Kinds, Lab, Matrix, Phase, audit_test};
use lab_tests::work::refuse_customer;
use lab_tests::{checkout, order, total};
use std::time::Duration;

const LINES: &[&str] = &["3", "4"];

#[audit_test(crash, depth = 2)]
fn t6_a_sync_scenario_is_killed_everywhere_and_so_is_its_recovery(_lab: Lab) {
    let _sum = order(LINES);
}

#[audit_test(crash)]
async fn t6_an_async_scenario_is_killed_everywhere(_lab: Lab) {
    let _sum = checkout(LINES).await;
}

#[test]
fn a_child_that_hangs_is_reported_behind_its_deadline() {
    let report = Matrix::of_sync(|_lab| {
        drop(order(&["1"]));
        // Only a child has a place in its environment.
        while std::env::var_os("AUDIT_CASE_IN").is_some() {
            std::thread::sleep(Duration::from_millis(5));
        }
        total(&[2]);
    })
    .kinds(Kinds::KILL)
    .sites("lab_tests::total")
    .phases(&[Phase::BeforeBegin])
    .deadline(Duration::from_millis(500))
    .try_run();
    // A child has no report.
    let Some(report) = report else { return };
    assert_eq!((report.planned, report.failures.len()), (2, 1), "{report}");
    assert_eq!(report.failures[0].case.nth, 2);
    assert!(report.failures[0].broke[0].contains("the child hung"), "{report}");
}

#[test]
fn children_that_hang_every_time_are_not_waited_for_to_the_last() {
    let report = Matrix::of_sync(|_lab| {
        total(&[1]);
        while std::env::var_os("AUDIT_CASE_IN").is_some() {
            std::thread::sleep(Duration::from_millis(5));
        }
        drop(order(&["1"]));
    })
    .named(concat!(module_path!(), "::children_that_hang_every_time_are_not_waited_for_to_the_last"))
    .crash()
    .deadline(Duration::from_millis(300))
    .try_run();
    let Some(report) = report else { return };
    assert!(report.failures.iter().all(|failure| failure.broke[0].contains("the child hung")), "{report}");
    // Those that were under way when the third had hung are heard of too.
    assert!((3..8).contains(&report.failures.len()) && report.skipped > 0, "{report}");
}

/// A child runs its test from the beginning, so it has to know which of that test's matrices it belongs to.
#[test]
fn the_second_matrix_of_a_test_has_children_of_its_own_and_its_replay_says_so() {
    let named = concat!(module_path!(), "::the_second_matrix_of_a_test_has_children_of_its_own_and_its_replay_says_so");
    let killed = |matrix: Matrix| matrix.named(named).kinds(Kinds::KILL).phases(&[Phase::AfterBegin]);
    let first = killed(Matrix::of_sync(|_lab| {
        total(&[1]);
    }))
    .try_run();
    let second = killed(Matrix::of_sync(|_lab| drop(order(&["1"]))))
        .sites("lab_tests::order")
        .check(|_, story| panic!("{} of another scenario", story.of("total").all().len()))
        .try_run();
    // A child has no report.
    let (Some(first), Some(second)) = (first, second) else { return };
    assert!(first.is_sound() && first.fired == 1, "{first}");
    let told = second.to_string();
    assert!(second.failures.len() == 1 && told.contains("0 of another scenario"), "{told}");
    assert!(told.contains("replay AUDIT_CASE_OF=2 AUDIT_CASE='v1;lab_tests::order#1;after-begin;kill'"), "{told}");
}

/// Nobody knows how many operations the store would have been asked for: one before and one inside are left out for them.
#[test]
fn kills_that_there_is_no_time_for_are_left_out_and_counted() {
    let named = concat!(module_path!(), "::kills_that_there_is_no_time_for_are_left_out_and_counted");
    let matrix = || {
        Matrix::of_sync(|_lab| {
            total(&[1]);
        })
        .named(named)
        .crash()
        .budget(Duration::ZERO)
    };
    let moments = 4;
    let text = said(|| matrix().run());
    assert!(text.contains(&format!("no fault was put anywhere ({} planned)", moments + 2)), "{text}");
    let text = said(|| matrix().sites("total").run());
    assert!(text.contains(&format!("no fault was put anywhere ({moments} planned)")), "{text}");
}

#[test]
fn d7_a_stream_is_cut_in_every_segment_that_it_has() {
    let wordy = || (0..70).for_each(|_| drop(refuse_customer(&"nobody ".repeat(140))));
    let lab = Lab::new();
    lab.scope(wordy);
    let mut reader = Reader::open(&Layout::at(lab.path()), lab.recorder().stream()).expect("a stream");
    let mut records = 0;
    while reader.next().expect("readable").is_some() {
        records += 1;
    }
    assert!(reader.end().segment > 0, "all of it fits into one segment");
    lab.finish();
    let report = Matrix::of_sync(move |_lab| wordy()).kinds(Kinds::TORN_TAIL).try_run().expect("no child");
    assert!(report.is_sound(), "{report}");
    // At the end of each record behind the head, inside it and before its end, with zeros and with garbage behind.
    assert_eq!(report.planned, (records - 1) * 3 * 2);
}

#[test]
fn a_power_cut_is_where_it_is_asked_for() {
    let cut = |matrix: Matrix| matrix.kinds(Kinds::POWER_CUT).try_run().expect("no child");
    let all = cut(Matrix::of_sync(|_lab| drop(order(LINES))));
    let some = cut(Matrix::of_sync(|_lab| drop(order(LINES))).sites("total").phases(&[Phase::AfterBegin]));
    assert!(all.is_sound() && some.is_sound(), "{all}{some}");
    // What no sync covered is left in five ways.
    assert_eq!((all.planned, some.planned), (all.moments * 5, 5));
}

#[audit_test(images)]
fn d7_a_power_cut_at_every_moment_keeps_what_was_on_the_disk(_lab: Lab) {
    let _sum = order(LINES);
}
