//! Work that tries to get out of its lab: on other threads, behind its end, without an end. It is recorded in the lab, or
//! its test fails and says what ran where.

use crate::alone::{alone, said};
use audit_runtime::model::Kind as RecordKind;
use audit_runtime::{audit_context, audited};
use audit_testkit::{Kind, Kinds, Lab, Matrix, Phase, audit_test};
use lab_tests::{order, parse, tell, total};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::task::JoinSet;

/// Comes back once, and calls another function when it goes on.
#[audited(node = "late")]
async fn late() -> u64 {
    tokio::task::yield_now().await;
    total(&[1, 2])
}

/// Never comes back.
#[audited(node = "endless")]
async fn endless(started: tokio::sync::oneshot::Sender<()>) {
    let _heard = started.send(());
    std::future::pending::<()>().await;
}

#[audit_test(threads = 2)]
async fn t16_join_sets_and_blocking_work_inside_workers_belong_to_their_lab(lab: Lab) {
    let mut set = JoinSet::new();
    for n in 0..8 {
        set.spawn(async move {
            let nested = tokio::spawn(tell(n));
            let blocking = tokio::task::spawn_blocking(|| {
                std::thread::scope(|scope| {
                    let carried = audit_context().wrap(|| parse("7").is_ok());
                    let own = parse("8").is_ok();
                    own && scope.spawn(carried).join().unwrap_or(false)
                })
            });
            assert_eq!(nested.await.expect("no panic"), n);
            assert!(blocking.await.expect("no panic"));
        });
    }
    while let Some(done) = set.join_next().await {
        done.expect("no panic");
    }
    let (started, has_started) = tokio::sync::oneshot::channel();
    set.spawn(endless(started));
    has_started.await.expect("it begins");
    set.abort_all();
    while set.join_next().await.is_some() {}
    let trail = lab.trail();
    let _told = trail.of("tell").times(8).completed();
    let _parsed = trail.of("parse").times(16).completed();
    let _aborted = trail.of("endless").one().cancelled();
}

#[test]
fn t16_a_future_that_moves_to_another_thread_stays_in_the_lab_that_it_began_in() {
    let lab = Lab::new();
    let mut future = Box::pin(late());
    let first = lab.scope(|| future.as_mut().poll(&mut Context::from_waker(Waker::noop())));
    assert_eq!(first, Poll::Pending);
    let elsewhere = std::thread::spawn(move || futures::executor::block_on(future));
    assert_eq!(elsewhere.join().expect("no panic"), 3);
    let trail = lab.trail();
    let _inner = trail.of("total").one().completed().inside("late");
    lab.finish();
}

#[test]
fn t16_a_future_that_begins_on_another_thread_is_told_by_site_and_thread() {
    if !alone(module_path!(), "t16_a_future_that_begins_on_another_thread_is_told_by_site_and_thread") {
        return;
    }
    let lab = Lab::new();
    let future = lab.scope(|| Box::pin(late()));
    let moved = std::thread::Builder::new().name("mover".into()).spawn(move || futures::executor::block_on(future));
    assert_eq!(moved.expect("a thread").join().expect("no panic"), 3);
    let text = said(|| lab.finish());
    assert!(text.contains("adversity::late ran on thread `mover` in no lab"), "{text}");
    assert!(text.contains("lab_tests::total ran on thread `mover` in no lab"), "{text}");
}

#[test]
fn t16_scoped_threads_without_their_context_are_told_and_those_of_other_tests_are_not() {
    if !alone(module_path!(), "t16_scoped_threads_without_their_context_are_told_and_those_of_other_tests_are_not") {
        return;
    }
    let stray = |lab: &Lab, name: &str| {
        lab.scope(|| {
            std::thread::scope(|scope| {
                let thread = std::thread::Builder::new().name(name.into());
                let ran = thread.spawn_scoped(scope, || parse("1").is_ok()).expect("a thread").join();
                assert!(ran.expect("no panic"));
            });
        });
    };
    // The harness names a test's thread by the test's path: what another test does without a lab is its own affair.
    let lab = Lab::new();
    stray(&lab, "other_tests::one_of_them");
    lab.finish();
    let lab = Lab::new();
    stray(&lab, "worker");
    let text = said(|| lab.finish());
    assert!(text.contains("lab_tests::parse ran on thread `worker` in no lab"), "{text}");
    assert!(!text.contains("one_of_them"), "{text}");
}

#[test]
fn t16_a_thread_that_outlives_its_lab_is_told() {
    let lab = Lab::new();
    let (let_go, held) = channel::<()>();
    let thread = lab.thread(move || {
        let parsed = parse("1").is_ok();
        let _let_go = held.recv();
        parsed
    });
    while lab.trail().of("parse").all().iter().all(|entry| entry.ends.is_empty()) {
        std::thread::yield_now();
    }
    let text = said(|| lab.finish());
    assert!(text.contains("a thread of this lab still runs when its test has ended"), "{text}");
    drop(let_go);
    assert!(thread.join().expect("no panic"));
}

#[test]
fn t16_a_lab_that_is_dropped_while_a_call_is_open_is_checked_as_if_it_were_finished() {
    let lab = Lab::new();
    let hold = lab.hold("total", Phase::BeforeComplete);
    let thread = lab.thread(|| total(&[1]));
    hold.reached();
    let text = said(|| drop(lab));
    assert!(text.contains("I1 total") && text.contains("is still open when its test has ended"), "{text}");
    drop(hold);
    // Its lab is gone and its terminal with it: how it came back is nobody's promise any more, that it did is.
    drop(thread.join());
}

#[test]
fn t16_blocking_work_that_does_not_end_is_left_behind_and_told() {
    static OVER: AtomicBool = AtomicBool::new(false);
    let text = said(|| {
        let scenario = |_lab| async {
            drop(parse("1"));
            drop(tokio::task::spawn_blocking(|| {
                while !OVER.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }));
            tokio::task::yield_now().await;
        };
        Matrix::new(scenario).kinds(Kinds::PANIC).deadline(Duration::from_millis(200)).run();
    });
    OVER.store(true, Ordering::SeqCst);
    assert!(text.contains("a thread of this lab still runs"), "{text}");
}

/// Waits for somebody who goes away without a word when the amount is none.
async fn waits_for_an_amount() {
    let (tell, told) = tokio::sync::oneshot::channel();
    drop(tokio::spawn(async move {
        match parse("1") {
            Ok(amount) => assert!(tell.send(amount).is_ok(), "somebody waits"),
            Err(_) => std::mem::forget(tell),
        }
    }));
    drop(told.await);
}

#[test]
fn a_scenario_that_hangs_behind_a_fault_is_told_with_its_case_behind_the_deadline() {
    let report = Matrix::new(|_lab| waits_for_an_amount())
        .kinds(Kinds::ERROR)
        .phases(&[Phase::BeforeComplete])
        .deadline(Duration::from_secs(2))
        .try_run()
        .expect("no child");
    let told: Vec<_> =
        report.failures.iter().map(|failure| (failure.case.to_string(), failure.broke.clone())).collect();
    let hung = "the scenario hung: it came to no end behind this fault".to_owned();
    assert_eq!(told, [("v1;lab_tests::parse#1;before-complete;error".to_owned(), vec![hung])]);
}

#[test]
fn a_scenario_that_hangs_without_a_fault_is_told() {
    let scenario = |_lab| async {
        drop(parse("1"));
        std::future::pending::<()>().await;
    };
    let text = said(|| Matrix::new(scenario).matrix().deadline(Duration::from_millis(200)).run());
    assert!(text.contains("the scenario hung: no end within 200ms"), "{text}");
}

/// Switches the child below on.
const CHILD: &str = "LAB_TESTS_ADVERSITY_CHILD";

/// Not a test of its own: what the child below does.
#[test]
fn a_child_blocks_its_thread() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let blocks = |_lab| {
        if parse("1").is_err() {
            std::thread::sleep(Duration::from_secs(3));
        }
    };
    Matrix::of_sync(blocks)
        .kinds(Kinds::ERROR)
        .phases(&[Phase::BeforeComplete])
        .deadline(Duration::from_millis(100))
        .run();
}

#[test]
fn a_scenario_that_blocks_its_thread_is_told_of_while_it_hangs() {
    let own = std::env::current_exe().expect("this test's own path");
    let mut child = std::process::Command::new(own);
    // As anybody starts it: the harness keeps what tests print.
    child.args(["adversity::a_child_blocks_its_thread", "--exact"]).env(CHILD, "1").env("AUDIT_COVERAGE", "");
    let output = child.output().expect("the test starts");
    let told = String::from_utf8_lossy(&output.stderr);
    let case = "v1;lab_tests::parse#1;before-complete;error";
    assert!(output.status.success(), "it came to its end at last: {told}");
    assert!(told.contains("a_child_blocks_its_thread: the scenario hangs behind") && told.contains(case), "{told}");
}

#[test]
fn t16_a_fault_that_was_armed_by_hand_and_never_happened_is_told() {
    let never = |arm: &dyn Fn(&Lab)| {
        said(|| {
            let lab = Lab::new();
            arm(&lab);
            lab.scope(|| drop(order(&["1"])));
            lab.finish();
        })
    };
    let text = never(&|lab| lab.inject("parse#9", Phase::AfterBegin, Kind::Panic));
    let never_came = "INERT: v1;lab_tests::parse#9;after-begin;panic was armed, and its moment never came";
    let came = "the scenario came to `after-begin` of lab_tests::parse 1 times";
    assert!(text.contains(&format!("{never_came}: {came}")), "{text}");
    let text = never(&|lab| lab.inject("total", Phase::BeforeComplete, Kind::Error));
    assert!(text.contains("before-complete;error was armed, and cannot happen at this moment"), "{text}");
    let text = never(&|lab| lab.inject("parse", Phase::BeforeBegin, Kind::Cancel));
    assert!(text.contains("cannot happen at this moment"), "{text}");
    let text = never(&|lab| drop(lab.hold("tell", Phase::AfterBegin)));
    assert!(text.contains("lab_tests::tell#1;after-begin") && text.contains("was to be held"), "{text}");
    // The same inside a scenario that nothing else is done to.
    let text = said(|| {
        Matrix::of_sync(|lab| {
            lab.inject("parse#2", Phase::AfterBegin, Kind::Panic);
            drop(order(&["1"]));
        })
        .run();
    });
    assert!(text.contains("parse#2;after-begin;panic was armed, and its moment never came"), "{text}");
}

#[test]
fn a_panic_of_whoever_holds_lets_the_held_code_go_on() {
    let lab = Lab::new();
    let hold = lab.hold("parse", Phase::BeforeComplete);
    let work = lab.thread(|| parse("8").expect("a number"));
    let text = said(move || {
        hold.reached();
        panic!("the test is at its end");
    });
    assert_eq!((text.as_str(), work.join().expect("no panic")), ("the test is at its end", 8));
    let _ended = lab.trail().of("parse").one().completed();
    lab.finish();
}

#[test]
fn a_panic_of_held_code_is_an_ordinary_panic_of_its_function() {
    let lab = Lab::new();
    let hold = lab.hold("parse#1", Phase::AfterBegin);
    lab.inject("parse#1", Phase::BeforeComplete, Kind::Panic);
    let work = lab.thread(|| drop(parse("8")));
    hold.reached();
    drop(hold);
    work.join().expect_err("the plan makes it panic");
    let _burst = lab.trail().of("parse").one().panicked();
    lab.finish();
}

/// An hour back, an hour on, a millisecond back, between a begin and its end.
#[test]
fn t14_the_wall_clock_jumps_and_neither_order_nor_duration_follows_it() {
    const HOUR: i64 = 3_600_000_000_000;
    let lab = Lab::new();
    for jump in [-HOUR, HOUR, -1_000_000] {
        let mut future = pin!(late());
        lab.scope(|| {
            let first = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert_eq!(first, Poll::Pending);
            lab.clock().step_wall(jump);
            lab.clock().advance(1_000);
            let second = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert_eq!(second, Poll::Ready(3));
        });
    }
    let trail = lab.trail();
    let _all = trail.of("late").times(3).completed();
    let mono: Vec<u64> = trail.records.iter().map(|(_, record)| record.header.mono_ns).collect();
    assert!(mono.is_sorted(), "{mono:?}");
    let opened = trail.of_kind(RecordKind::StateOpened);
    let wall: Vec<i64> = opened.iter().map(|record| record.header.wall_ns).collect();
    assert!(!wall.is_sorted(), "the clock was to jump: {wall:?}");
    for entry in trail.of("late").all() {
        let (id, end) = &entry.ends[0];
        let opened = trail.records.iter().find(|(place, _)| *place == entry.id).expect("its opening");
        assert_eq!(end.header.mono_ns - opened.1.header.mono_ns, 1_000, "{id}");
    }
    lab.finish();
}
