//! The test's own check is asked behind every case of every runner, on a trail that nobody writes any more, and what it
//! has against one is a failure of that case.

use audit_testkit::{Case, Kind, Kinds, Lab, Matrix, Phase, Report, Story, audit_test};
use lab_tests::{order, parse};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const LINES: &[&str] = &["3", "4"];

/// Every entry has its one end, and the trail stands where the story says, as it says.
fn is_whole(case: &Case, story: &Story) {
    assert!(story.entries.values().all(|entry| entry.ends.len() == 1), "{case}: {:?}", story.lines);
    let again = Story::read(story.path()).expect("the trail can be read");
    assert_eq!(again.lines, story.lines, "{case}");
}

fn scenario(name: &'static str) -> Matrix {
    Matrix::of_sync(|_lab| drop(parse("3"))).named(&format!("{}::{name}", module_path!()))
}

/// Cases whose only fault is that the test's own check says this.
fn refused(report: &Report, saying: &str) -> Vec<String> {
    let by_check = |broke: &[String]| matches!(broke, [only] if only.contains("own check") && only.contains(saying));
    assert!(report.failures.iter().all(|failure| by_check(&failure.broke)), "{report}");
    report.failures.iter().map(|failure| failure.case.to_string()).collect()
}

#[audit_test(matrix, crash, store, images, check = is_whole)]
fn t6_a_check_that_is_kept_passes_behind_every_runner(_lab: Lab) {
    drop(parse("3"));
}

#[audit_test(crash, depth = 3, check = is_whole)]
fn t6_recovery_is_killed_inside_its_operations_and_so_is_the_one_behind_it(_lab: Lab) {
    drop(parse("3"));
}

#[test]
fn a_check_is_asked_behind_every_kill_and_every_killed_recovery() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let matrix = scenario("a_check_is_asked_behind_every_kill_and_every_killed_recovery").crash().depth(2);
    let count = move |_: &Case, _: &Story| {
        counted.fetch_add(1, Ordering::SeqCst);
    };
    let report = matrix.check(count).try_run();
    // A child has no report.
    let Some(report) = report else { return };
    assert!(report.is_sound(), "{report}");
    assert_eq!(asked.load(Ordering::SeqCst), report.fired);
}

/// Negative control: where the process died inside a call, that call did not complete.
#[test]
fn a_check_that_is_broken_by_a_kill_is_told_with_its_case() {
    let report = Matrix::of_sync(|_lab| drop(order(LINES)))
        .named(concat!(module_path!(), "::a_check_that_is_broken_by_a_kill_is_told_with_its_case"))
        .kinds(Kinds::KILL)
        .sites("lab_tests::parse")
        .phases(&[Phase::AfterBegin, Phase::AfterComplete])
        .check(|_, trail| drop(trail.of("parse").completed()))
        .try_run();
    let Some(report) = report else { return };
    let cases = refused(&report, "parse ABANDONED(lost) should have completed");
    let at = |nth| format!("v1;lab_tests::parse#{nth};after-begin;kill");
    assert_eq!((report.planned, cases), (4, vec![at(1), at(2)]));
}

/// Negative control: a power cut inside a call leaves it open, and recovery cannot call it completed.
#[test]
fn a_check_that_is_broken_by_a_power_cut_is_told_with_its_case() {
    let report = Matrix::of_sync(|_lab| drop(parse("3")))
        .kinds(Kinds::POWER_CUT | Kinds::TORN_TAIL)
        .check(|case, trail| {
            let whole = trail.of("parse").all().iter().all(|entry| entry.exit() == Some(audit_runtime::Exit::Returned));
            assert!(whole, "a call without its value behind {:?}", case.kind);
        })
        .try_run()
        .expect("no child");
    let cases = refused(&report, "a call without its value");
    let is = |kind: Kind| cases.iter().filter(|case| case.ends_with(kind.text())).count();
    assert!(is(Kind::PowerCut) > 0 && is(Kind::TornTail) > 0, "{cases:?}");
    let inside = "v1;lab_tests::parse#1;after-begin everything;power-cut".to_owned();
    let behind = "v1;lab_tests::parse#1;after-complete everything;power-cut".to_owned();
    assert!(cases.contains(&inside) && !cases.contains(&behind), "{cases:?}");
}

/// Negative control: on a disk that is full from the first operation nothing is recorded.
#[test]
fn a_check_that_is_broken_by_a_sick_store_is_told_with_its_case() {
    let report = Matrix::of_sync(|_lab| drop(order(LINES)))
        .kinds(Kinds::FULL)
        .check(|_, trail| drop(trail.of("order").one()))
        .try_run()
        .expect("no child");
    let cases = refused(&report, "order has 0 entries");
    assert!(cases.contains(&"v1;store#1;create;full".to_owned()) && cases.len() < report.fired, "{report}");
}

#[test]
fn a_check_without_a_fault_to_look_behind_is_refused() {
    let payload = std::panic::catch_unwind(|| Matrix::of_sync(|_lab| drop(order(LINES))).check(is_whole).run());
    let text = payload.expect_err("it must not pass").downcast_ref::<String>().cloned().unwrap_or_default();
    assert!(text.contains("no kind of fault"), "{text}");
}

#[test]
fn a_killed_recovery_is_replayed_behind_the_kill_in_front_of_it() {
    let own = std::env::current_exe().expect("this test's own path");
    let replay = |case: &str| {
        let test = "checks::t6_recovery_is_killed_inside_its_operations_and_so_is_the_one_behind_it";
        // What fails here on purpose is no failure path that anybody left untested.
        let mut command = Command::new(&own);
        command.args([test, "--exact", "--nocapture"]).env("AUDIT_CASE", case).env("AUDIT_COVERAGE", "");
        let output = command.output();
        let output = output.expect("the test starts");
        (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    for how in ["before", "torn", "again"] {
        let (sound, said) = replay(&format!("v1;recovery#2;{how} behind v1,lab_tests::parse#1,after-begin,kill;kill"));
        assert!(sound && said.contains("1 planned, 1 fired, 0 inert"), "{said}");
    }
    // Recovery has no operation of this number, so the replay is not what was asked for.
    let (sound, said) = replay("v1;recovery#999;before behind v1,lab_tests::parse#1,after-begin,kill;kill");
    assert!(!sound && said.contains("INERT"), "{said}");
}
