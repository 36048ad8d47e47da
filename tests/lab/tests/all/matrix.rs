//! Every fault at every moment, in process: each fires, each leaves a sound trail.

use audit_testkit::{Case, Kind, Kinds, Lab, Matrix, Phase, audit_test};
use lab_tests::{both, checkout, either, loose, order, parse, total};

const LINES: &[&str] = &["3", " 4", "5"];

#[audit_test(matrix)]
fn t16_a_sync_scenario_survives_everything(_lab: Lab) {
    let _sum = order(LINES);
}

#[audit_test(matrix)]
async fn t5_an_async_scenario_survives_everything(_lab: Lab) {
    let _sum = checkout(LINES).await;
}

#[audit_test(matrix)]
async fn t5_joined_futures_are_cut_one_by_one(_lab: Lab) {
    both().await;
}

#[audit_test]
async fn a_test_in_a_lab_reads_its_trail(lab: Lab) -> Result<(), lab_tests::Fault> {
    let sum = checkout(LINES).await?;
    assert_eq!(sum, 12);
    let trail = lab.trail();
    let _one = trail.of("checkout").one().completed();
    let _three = trail.of("lab_tests::parse").times(3).completed().inside("order");
    trail.of("nobody").none();
    Ok(())
}

#[test]
fn t5_every_cut_is_named_and_every_kind_is_there() {
    let report = Matrix::new(|_lab| async { drop(checkout(LINES).await) }).matrix().try_run().expect("no child");
    assert!(report.is_sound(), "{report}");
    assert_eq!((report.inert, report.skipped), (0, 0));
    assert_eq!(report.fired, report.planned);
    // checkout, order, 3 parse, total, charge, tell: each is entered and left; three awaits in checkout, one in charge
    // and in tell, each cut twice; five `?`.
    assert_eq!(report.sites, 6);
    let marks = 8 * 4;
    let awaits = 2 * (2 + 1 + 1);
    let questions = 3 + 3 + 3;
    assert_eq!(report.moments, marks + awaits + questions, "{report}");
}

#[test]
fn an_injected_error_takes_the_place_of_the_value() {
    let seen = Matrix::of_sync(|_lab| drop(order(LINES)))
        .kinds(Kinds::ERROR)
        .check(|case: &Case, trail| {
            if case.at("parse") {
                assert_eq!(trail.of("order").one().errored().all().len(), 1);
            }
            if case.at("total") {
                panic!("a function without a `Result` has no error to give");
            }
        })
        .try_run()
        .expect("no child");
    assert!(seen.is_sound(), "{seen}");
    // Three lines, each read by `parse` (its `?`, its begin, its end) and asked for by a `?`; and `order` itself.
    assert_eq!(seen.fired, 3 * (3 + 1) + 2, "{seen}");
}

#[test]
fn a_check_names_a_site_by_its_path_the_end_of_it_or_its_node() {
    let names = ["refuse the customer", "refuse_customer", "work::refuse_customer", "lab_tests::work::refuse_customer"];
    let report = Matrix::of_sync(|_lab| drop(lab_tests::work::refuse_customer("nobody")))
        .kinds(Kinds::PANIC)
        .check(move |case: &Case, _| {
            assert!(names.iter().all(|name| case.at(name)) && !case.at("parse") && !case.at("poll"))
        })
        .try_run()
        .expect("no child");
    assert!(report.is_sound() && report.fired > 0, "{report}");
}

#[test]
fn a_broken_promise_is_printed_with_its_replay() {
    let report = Matrix::of_sync(|_lab| drop(order(LINES)))
        .kinds(Kinds::PANIC)
        .sites("lab_tests::parse")
        .phases(&[Phase::AfterBegin])
        .check(|_, trail| drop(trail.of("parse").completed()))
        .try_run()
        .expect("no child");
    assert!(!report.is_sound());
    assert_eq!(report.failures.len(), 3);
    let text = report.to_string();
    assert!(text.contains("case   v1;lab_tests::parse#1;after-begin;panic"), "{text}");
    assert!(
        text.contains("should have completed") && text.contains("replay AUDIT_CASE='v1;lab_tests::parse#1;"),
        "{text}"
    );
    assert!(text.contains("trail  "), "{text}");
}

#[test]
fn one_fault_by_hand_and_what_the_caller_saw() {
    let lab = Lab::new();
    lab.inject("parse#2", Phase::BeforeComplete, Kind::Error);
    let outcome = lab.scope(|| order(LINES));
    assert!(outcome.expect_err("the second line fails").to_string().contains("AUD0901"));
    let trail = lab.trail();
    let _two = trail.of("parse").times(2);
    let _failed = trail.of("order").one().errored().saying("AUD0901");
    trail.of("total").none();
    lab.finish();
}

#[test]
fn a_panic_before_the_terminal_is_no_success() {
    let lab = Lab::new();
    lab.inject("total", Phase::BeforeComplete, Kind::Panic);
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| lab.scope(|| total(&[1, 2]))));
    assert!(caught.is_err());
    audit_testkit::assert_failed!(lab, site = "total", cause = Panicked);
    lab.finish();
}

#[test]
fn code_is_held_at_a_moment_until_it_is_let_go() {
    let lab = Lab::new();
    let hold = lab.hold("parse", Phase::BeforeComplete);
    let work = lab.thread(|| parse("8").expect("a number"));
    hold.reached();
    let open = lab.trail();
    assert!(open.of("parse").one().all()[0].ends.is_empty(), "it stands before its terminal");
    drop(hold);
    assert_eq!(work.join().expect("no panic"), 8);
    let _ended = lab.trail().of("parse").one().completed();
    lab.finish();
}

#[test]
fn what_cannot_be_seen_into_or_failed_is_told() {
    let report = Matrix::of_sync(|_lab| drop(loose("7"))).matrix().try_run().expect("no child");
    assert!(report.is_sound(), "{report}");
    assert_eq!(report.mute.len(), 1, "{report}");
    assert!(
        report.to_string().contains("src/lib.rs:") && report.to_string().contains("cannot be made here"),
        "{report}"
    );
    let report = Matrix::new(|_lab| async {
        either().await;
    })
    .matrix()
    .try_run()
    .expect("no child");
    assert!(report.is_sound(), "{report}");
    assert_eq!(report.blind.len(), 1, "{report}");
    assert!(report.blind[0].ends_with(" select!"), "{report}");
}
