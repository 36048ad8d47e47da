//! Two keys keep the testkit out of what people run: a feature that no program has by accident, and a plan that only a lab
//! can give. What was written with it says so.

use audit_runtime::journal::{Layout, Reader};
use audit_runtime::model::{Key, Record};
use audit_runtime::trail::Trail;
use audit_testkit::Lab;
use std::path::{Path, PathBuf};
use std::process::Command;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Whether the heads of a trail's streams say that the testkit was compiled in.
fn heads(trail: &Path) -> Vec<bool> {
    let layout = Layout::at(trail);
    let head = |stream| {
        let mut reader = Reader::open(&layout, stream).expect("a stream");
        let frame = reader.next().expect("readable").expect("a head");
        Record::decode(frame.bytes).expect("a record").body.is(Key::Testkit)
    };
    layout.streams().expect("streams").into_iter().map(head).collect()
}

/// What the doctor says of the testkit.
fn doctor(trail: &Path) -> usize {
    let checkup = Trail::open(trail).expect("a trail").doctor().expect("a checkup");
    checkup.findings.iter().filter(|finding| finding.rule == "TESTKIT").count()
}

#[test]
fn a_trail_of_a_lab_says_so_and_the_doctor_names_it() {
    let lab = Lab::new();
    lab.scope(|| lab_tests::total(&[1]));
    let trail = lab.path().to_owned();
    assert_eq!(heads(&trail), [true]);
    assert_eq!(doctor(&trail), 1);
    lab.finish();
}

/// Switches the child below on: where it finds its trail.
const CHILD: &str = "LAB_TESTS_TWO_KEYS_CHILD";

/// The testkit is compiled into this program, which is one key. The environment is not the other one.
#[test]
fn a_case_in_the_environment_does_nothing_without_a_lab() {
    if let Some(trail) = std::env::var_os(CHILD) {
        let recorder = audit_runtime::Builder::new(trail).project(false).open().expect("the trail opens");
        recorder.scope(|| lab_tests::parse("1")).expect("a number");
        recorder.close().expect("closed");
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let trail = dir.path().join("trail");
    for kind in ["panic", "error", "kill"] {
        let mut child = Command::new(std::env::current_exe().expect("this test's own path"));
        child.args(["two_keys::a_case_in_the_environment_does_nothing_without_a_lab", "--exact"]);
        child.env(CHILD, &trail).env("AUDIT_CASE_IN", dir.path());
        child.env("AUDIT_CASE", format!("v1;lab_tests::parse#1;after-begin;{kind}"));
        let output = child.output().expect("it starts");
        assert!(output.status.success(), "{kind}: {}", String::from_utf8_lossy(&output.stdout));
    }
    let story = audit_testkit::Story::read(&trail).expect("readable");
    let _all = story.of("parse").times(3).completed();
    assert_eq!(heads(&trail), [true; 3]);
}

/// Files of the runtime that read the environment.
fn readers(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("sources").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(readers(&path));
        } else if std::fs::read_to_string(&path).is_ok_and(|text| text.contains("env::var")) {
            found.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    found
}

#[test]
fn the_runtime_reads_its_settings_and_nothing_of_the_testkit() {
    assert_eq!(readers(&workspace().join("audit-runtime/src")), ["config.rs"]);
    let settings: Vec<&str> = audit_runtime::config::SETTINGS.iter().map(|setting| setting.name).collect();
    for ours in ["AUDIT_CASE", "AUDIT_CASE_IN", "AUDIT_CASE_OF", "AUDIT_COVERAGE"] {
        assert!(!settings.contains(&ours), "{ours}");
    }
    assert!(settings.contains(&"AUDIT_REQUIRED"), "{settings:?}");
}

/// The build directory that this test was built in.
fn target() -> PathBuf {
    let own = std::env::current_exe().expect("this test's own path");
    own.ancestors().nth(3).expect("a target directory").to_owned()
}

/// What a build in this directory makes, an object for each crate.
fn built(arguments: &[&str]) -> Vec<String> {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--message-format", "json"])
        .args(arguments)
        .current_dir(workspace())
        .env("CARGO_TARGET_DIR", target())
        .output()
        .expect("cargo");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let said = String::from_utf8_lossy(&built.stdout).into_owned();
    said.lines().filter(|line| line.contains("\"reason\":\"compiler-artifact\"")).map(str::to_owned).collect()
}

/// The features that the runtime was built with.
fn runtime(artifacts: &[String]) -> String {
    let line = artifacts.iter().find(|line| line.contains("\"name\":\"audit_runtime\"")).expect("the runtime is built");
    let features = line.split_once("\"features\":[").expect("its features").1;
    features.split(']').next().unwrap_or_default().to_owned()
}

#[test]
fn a_plain_build_of_the_workspace_leaves_an_examples_trail_free_of_the_testkit() {
    // Cargo builds the examples of a workspace only by name.
    for plain in [&["--workspace"][..], &["-p", "audited-examples", "--example", "flights"]] {
        let features = runtime(&built(plain));
        assert!(!features.contains("testkit"), "{plain:?}: {features}");
    }
    let dir = tempfile::tempdir().expect("a directory");
    let trail = dir.path().join("trail");
    let mut flights = Command::new(target().join("debug/examples/flights"));
    flights.arg("--trail").arg(&trail).arg("--out").arg(dir.path().join("out")).args(["--rows", "20"]);
    let ran = flights.output().expect("runs");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let heads = heads(&trail);
    assert!(!heads.is_empty() && heads.iter().all(|testkit| !testkit), "{heads:?}");
    assert_eq!(doctor(&trail), 0);
}

/// Features of the runtime in a build of the whole workspace, without its tests.
fn features(edges: &str) -> String {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--workspace", "--offline", "-e", edges, "-i", "audit-runtime"])
        .current_dir(workspace())
        .output()
        .expect("cargo");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    String::from_utf8_lossy(&tree.stdout).into_owned()
}

#[test]
fn a_plain_build_of_the_workspace_asks_for_no_testkit() {
    assert!(!features("features,no-dev").contains("feature \"testkit\""));
    // The same question with the tests in it has another answer, so it can see the feature.
    assert!(features("features").contains("feature \"testkit\""));
}
