//! The whole story of a trail in one assertion: the same text each time, a difference where the story differs.

use audit_runtime::Exit;
use audit_testkit::{Kind, Lab, Phase, assert_trail};
use lab_tests::work::promise;
use lab_tests::{checkout, order};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

fn said(work: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(work)).expect_err("another story must not pass");
    payload.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[test]
fn a_story_is_told_without_ids_and_times() {
    for pause in [1, 70_000_000] {
        let lab = Lab::new();
        lab.clock().advance(pause);
        drop(lab.scope(|| order(&["1", "x"])));
        assert!(lab.block_on(checkout(&["2"])).is_some_and(|taken| taken.is_ok()));
        assert_trail!(
            lab,
            "
            #1 order: errored `no amount: invalid digit found in string`
              #2 parse: returned
              #3 parse: errored `no amount: invalid digit found in string`
            #4 checkout: returned
              #5 order: returned
                #6 parse: returned
                #7 total: returned
              #8 charge: returned
              #9 tell: returned (detached)
            "
        );
        lab.finish();
    }
}

#[test]
fn another_story_is_shown_line_by_line() {
    let lab = Lab::new();
    lab.inject("parse#2", Phase::AfterBegin, Kind::Panic);
    let struck = catch_unwind(AssertUnwindSafe(|| lab.scope(|| order(&["1", "2", "3"]))));
    assert!(struck.is_err());
    let text = said(|| assert_trail!(lab, "#1 order: returned\n  #2 parse: returned\n  #3 parse: returned"));
    for line in
        ["  - #1 order: returned\n", "  + #1 order: panicked", "      #2 parse: returned\n", "  +   #3 parse: panicked"]
    {
        assert!(text.contains(line), "{line:?} is missing:\n{text}");
    }
    assert!(text.contains("if that is what it should say:\n\n#1 order: panicked"), "{text}");
    let _one = lab.trail().of("order").one().failed(Exit::Panicked);
}

#[test]
fn runs_and_promises_belong_to_the_story() {
    let lab = Lab::new();
    lab.scope(|| promise(lab.recorder(), "3")).expect("a parcel");
    let trail = lab.trail();
    assert_trail!(
        trail,
        "
        #1 RUN_STARTED promise RUNNING
        #2 take: returned
          #3 EXPECTATION_DECLARED shop parcel_sent
          #4 send: returned
            #5 parse: returned
            #6 CONTRACT_ACK shop parcel_sent success
        #7 RUN_ENDED of #1 COMPLETED
        "
    );
    lab.finish();
}

#[test]
fn a_story_may_stand_in_a_file() {
    let lab = Lab::new();
    lab.scope(|| order(&["1", "2"])).expect("an order");
    assert_trail!(lab, file = "tests/trails/order.txt");
    let missing = said(|| assert_trail!(lab, file = "tests/trails/nobody.txt"));
    assert!(missing.contains("UPDATE_TRAILS=1") && missing.contains("#1 order: returned"), "{missing}");
    drop(lab.scope(|| order(&["3"])));
    let other = said(|| assert_trail!(lab, file = "tests/trails/order.txt"));
    assert!(other.contains("another story than tests/trails/order.txt"), "{other}");
    assert!(other.contains("\n  + #5 order: returned\n"), "{other}");
}

/// In a process of its own, because the environment belongs to all tests of one.
#[test]
fn the_file_is_written_when_asked_for() {
    const ASKED: &str = "LAB_TESTS_TRAILS";
    if let Some(dir) = std::env::var_os(ASKED) {
        let lab = Lab::new();
        lab.scope(|| order(&["1"])).expect("an order");
        let file = std::path::Path::new(&dir).join("deep/one.txt");
        assert_trail!(lab, file = file.to_str().expect("a text"));
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let own = std::env::current_exe().expect("this test's own path");
    let asked = |update: Option<&str>| {
        let mut command = Command::new(&own);
        command.args(["trails::the_file_is_written_when_asked_for", "--exact"]).env(ASKED, dir.path());
        match update {
            Some(value) => command.env("UPDATE_TRAILS", value),
            None => command.env_remove("UPDATE_TRAILS"),
        };
        command.output().expect("it starts").status.success()
    };
    assert!(!asked(None), "there is no file yet");
    assert!(!asked(Some("0")) && !dir.path().join("deep").exists(), "0 asks for nothing");
    assert!(asked(Some("1")), "it is written");
    let text = std::fs::read_to_string(dir.path().join("deep/one.txt")).expect("the file");
    assert_eq!(text, "#1 order: returned\n  #2 parse: returned\n  #3 total: returned\n");
    assert!(asked(None), "and is what it should be");
}
