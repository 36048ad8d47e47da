//! Trails to ask, and the program to ask them with.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use audit_runtime::{Builder, Recorder, RunId, Severity, audited};
use serde_json::Value;

/// Names the directory in which a child of this test binary writes and dies.
const CHILD: &str = "AUDITED_TEST_CHILD";

#[derive(Debug)]
pub struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the row has no carrier")
    }
}

impl From<audit_runtime::Error> for Broken {
    fn from(_: audit_runtime::Error) -> Broken {
        Broken
    }
}

#[audited(node = "parse", digest(row))]
pub fn parse(row: u32) -> Result<u32, Broken> {
    if row == 13 { Err(Broken) } else { Ok(row) }
}

#[audited(node = "load")]
pub fn load(rows: u32) -> Result<u32, Broken> {
    (0..rows).map(parse).sum()
}

#[audited(node = "die")]
fn die() -> Result<u32, Broken> {
    drop(parse(1));
    std::process::abort()
}

pub fn recorder(dir: &Path) -> Recorder {
    Builder::new(dir).project(false).open().expect("the trail opens")
}

/// One run of two nodes with one failure, closed cleanly.
pub fn story(dir: &Path) -> RunId {
    let recorder = recorder(dir);
    let run = recorder.begin_run("story").expect("the run begins");
    let id = run.id();
    run.scope(|| {
        drop(load(3));
        drop(parse(13));
    });
    recorder.note("discovery", Severity::Info, &[("what", "a note\u{1b}[31m")]).expect("the note is kept");
    run.finish().expect("the run ends");
    recorder.close().expect("the stream closes");
    id
}

/// A process that wrote here and died with a run, and two entries in it, open.
pub fn death(dir: &Path) {
    let exe = std::env::current_exe().expect("this test binary has a path");
    let status = Command::new(exe)
        .args(["support::a_child_writes_and_dies", "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, dir)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("the child runs");
    assert!(!status.success(), "the child dies");
}

/// Not a test of its own: what the child of [`death`] does.
#[test]
fn a_child_writes_and_dies() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let recorder = recorder(Path::new(&dir));
    let run = recorder.begin_run("doomed").expect("the run begins");
    drop(run.scope(die));
}

/// Opens the trail, which recovers what is dead, and closes it again.
pub fn recover(dir: &Path) {
    recorder(dir).close().expect("the stream closes");
}

/// What the program said.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    /// The object that `--json` prints; fails unless it is the only thing on stdout.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}", self.out))
    }
}

pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_audited"));
    command.env_remove("AUDIT_TRAIL").env_remove("NO_COLOR");
    command
}

pub fn audited(dir: &Path, arguments: &[&str]) -> Said {
    said(program().arg("--trail").arg(dir).args(arguments).output().expect("the program runs"))
}

pub fn said(output: Output) -> Said {
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
        err: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
    }
}

/// Every file of a trail with its bytes.
pub fn everything(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir).expect("the directory can be read") {
        let path = entry.expect("the entry can be read").path();
        if path.is_dir() {
            files.extend(everything(&path));
        } else {
            files.insert(path.clone(), fs::read(path).expect("the file can be read"));
        }
    }
    files
}

/// Segment files of a trail.
pub fn segments(dir: &Path) -> Vec<PathBuf> {
    everything(dir).into_keys().filter(|path| path.extension().is_some_and(|ext| ext == "seg")).collect()
}
