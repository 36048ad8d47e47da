//! A pipeline with files behind it, killed everywhere: whoever comes next goes on with the run, and the files end byte for
//! byte as those of an undisturbed one.

#[expect(dead_code, reason = "the example's own `main` and its command line are not called here")]
#[path = "../../examples/flights/main.rs"]
mod example;

use audit_runtime::{Builder, Recorder};
use audit_testkit::{Case, Lab, Story, audit_test};
use example::{Arguments, asked, process};
use std::error::Error;
use std::path::Path;
use std::sync::OnceLock;

/// Enough for a late flight and a punctual one, each with a sink of its own.
const ROWS: u64 = 2;

fn january(recorder: &Recorder, dir: &Path) -> Result<(), Box<dyn Error>> {
    let arguments = Arguments { rows: ROWS, ..Arguments::of(dir.join("trail"), dir.join("out")) };
    process(recorder, asked(&arguments)?, &arguments).map(drop)
}

/// Each file with its bytes.
fn files(dir: &Path) -> Vec<(&'static str, String)> {
    let read = |name| (name, std::fs::read_to_string(dir.join("out").join(name)).expect("the file is there"));
    ["late.csv", "days.csv", "refused.csv"].map(read).into()
}

/// What the files of a run hold that nobody disturbs.
fn undisturbed() -> &'static [(&'static str, String)] {
    static CALM: OnceLock<Vec<(&'static str, String)>> = OnceLock::new();
    CALM.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a directory");
        goes_on(dir.path());
        let files = files(dir.path());
        assert!(files.iter().filter(|(_, text)| text.lines().count() > 1).count() > 1, "{files:?}");
        files
    })
}

/// The next process, to its end.
fn goes_on(dir: &Path) {
    let recorder = Builder::new(dir.join("trail")).project(false).open().expect("the trail opens");
    recorder.scope(|| january(&recorder, dir)).expect("the run ends");
    recorder.close().expect("and so does its stream");
}

/// Asked behind every kill: the trail is recovered, the files are as the dead process left them.
fn is_gone_on_with(case: &Case, story: &Story) {
    let dir = story.path().parent().expect("the lab's directory");
    goes_on(dir);
    assert_eq!(files(dir), undisturbed(), "{case}");
}

/// Every fault at every moment of its audited functions. Each process has files of its own: one that went on with another
/// one's run would do less.
#[audit_test(matrix)]
fn a_pipeline_survives_every_fault(lab: Lab) -> Result<(), Box<dyn Error>> {
    january(lab.recorder(), &lab.dir().join(lab.recorder().stream().text()))
}

/// Killed at every moment, and before and inside every write of the journal.
#[audit_test(crash, check = is_gone_on_with)]
fn l27_l36_a_pipeline_killed_everywhere_is_gone_on_with(lab: Lab) -> Result<(), Box<dyn Error>> {
    january(lab.recorder(), lab.dir())
}
