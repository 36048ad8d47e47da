//! Each lab has what it started, and nothing of another.

use crate::alone::{alone, said};
use audit_runtime::audited;
use audit_testkit::{Lab, audit_test};
use lab_tests::{order, parse, tell};
use std::pin::{Pin, pin};
use std::task::{Context, Waker};

#[audit_test(threads = 2)]
async fn tasks_blocking_work_and_threads_belong_to_their_lab(lab: Lab) {
    let task = tokio::spawn(tell(1));
    let nested = tokio::spawn(async { tokio::spawn(tell(2)).await });
    let blocking = tokio::task::spawn_blocking(|| parse("3"));
    let thread = lab.thread(|| parse("4"));
    assert_eq!(task.await.expect("no panic"), 1);
    assert_eq!(nested.await.expect("no panic").expect("no panic"), 2);
    assert_eq!(blocking.await.expect("no panic").expect("a number"), 3);
    assert_eq!(thread.join().expect("no panic").expect("a number"), 4);
    let trail = lab.trail();
    let _tasks = trail.of("tell").times(2).completed();
    let _work = trail.of("parse").times(2).completed();
}

#[test]
fn labs_side_by_side_have_a_trail_each() {
    std::thread::scope(|scope| {
        for n in 1..=6usize {
            scope.spawn(move || {
                let lab = Lab::new();
                let lines = vec!["1"; n];
                for _ in 0..n {
                    lab.scope(|| order(&lines)).expect("an order");
                }
                let trail = lab.trail();
                let _orders = trail.of("order").times(n).completed();
                let _lines = trail.of("parse").times(n * n).completed();
                lab.finish();
            });
        }
    });
}

#[test]
fn a_lab_under_a_clock_that_stands_still_fires_no_timer_early() {
    let lab = Lab::new();
    let late = lab.block_on(async {
        let charge = lab_tests::charge(5);
        tokio::time::timeout(std::time::Duration::from_secs(3600), charge).await.is_err()
    });
    assert_eq!(late, Some(false), "an audited await waited elsewhere, and the clock ran on");
    let _charged = lab.trail().of("charge").one().completed();
    lab.finish();
}

/// Stands for a `poll` that is written by hand.
#[audited(node = "first poll")]
fn first_poll(work: Pin<&mut impl Future<Output = u32>>) -> bool {
    work.poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

#[test]
fn a_future_that_was_first_polled_inside_a_call_may_outlive_it() {
    let lab = Lab::new();
    lab.block_on(async {
        let mut work = pin!(tell(3));
        assert!(first_poll(work.as_mut()), "it has to come back later");
        assert_eq!(work.await, 3);
    });
    let trail = lab.trail();
    let _polled = trail.of("first poll").one().completed();
    let _told = trail.of("tell").one().completed().inside("first poll");
    lab.finish();
}

#[test]
fn t16_work_in_no_lab_fails_its_test_by_site_and_thread() {
    if !alone(module_path!(), "t16_work_in_no_lab_fails_its_test_by_site_and_thread") {
        return;
    }
    let lab = Lab::new();
    let stray = std::thread::Builder::new().name("stray".into()).spawn(|| parse("1")).expect("a thread");
    assert_eq!(stray.join().expect("no panic").expect("a number"), 1);
    let text = said(|| lab.finish());
    assert!(text.contains("lab_tests::parse ran on thread `stray` in no lab"), "{text}");
}
