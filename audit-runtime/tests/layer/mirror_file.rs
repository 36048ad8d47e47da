//! The mirror file: the trail's records as lines, and nothing that recording depends on.

use super::trail;
use audit_runtime::trail::Tail;
use audit_runtime::{Builder, Severity, audited};
use std::time::Duration;

#[derive(Debug)]
struct Fault(&'static str);

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl From<audit_runtime::Error> for Fault {
    fn from(_: audit_runtime::Error) -> Fault {
        Fault("refused")
    }
}

#[audited(node = "step")]
fn step(n: u32) -> Result<u32, Fault> {
    match n % 7 {
        0 => Err(Fault("every seventh fails")),
        _ => Ok(n),
    }
}

fn work(recorder: &audit_runtime::Recorder) {
    let run = recorder.begin_run("mirrored").expect("a run begins");
    run.scope(|| (0..40).for_each(|n| drop(step(n))));
    recorder.note("done", Severity::Info, &[("rows", "40")]).expect("a note");
    run.finish().expect("a run ends");
}

#[test]
fn the_mirror_is_what_tail_prints() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (trail, file) = (dir.path().join("trail"), dir.path().join("mirror.jsonl"));
    let recorder = Builder::new(&trail).mirror(&file).open().expect("a fresh trail opens");
    work(&recorder);
    recorder.close().expect("a clean close");

    let mirrored = std::fs::read_to_string(&file).expect("a mirror");
    let lines: Vec<&str> = mirrored.lines().collect();
    let told = Tail::open(&trail).and_then(|mut tail| tail.poll(&[], usize::MAX)).expect("a readable trail");
    let told: Vec<String> = told.iter().map(|told| told.line.to_string()).collect();
    assert_eq!(lines, told);
    assert_eq!(lines.len(), trail::records(&trail).len());
    for line in &lines {
        let json: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        assert!(json["event_type"].is_string(), "{line}");
    }
    assert!(lines.last().is_some_and(|line| line.contains("STREAM_CLOSED")));
    assert_eq!(recorder.health().observer_drops, 0);
}

#[test]
fn d14_a_mirror_that_fails_is_counted_and_costs_no_record() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (trail, file) = (dir.path().join("trail"), dir.path().join("a-directory"));
    std::fs::create_dir(&file).expect("a directory");
    let recorder = Builder::new(&trail).mirror(&file).open().expect("a fresh trail opens");
    work(&recorder);
    recorder.close().expect("a clean close");
    let records = trail::records(&trail).len();
    assert_eq!(trail::entries(&trail), (40, 34));
    assert_eq!(recorder.health().observer_drops, records as u64, "each missed line is counted");
}

#[test]
fn d21_a_mirror_that_hangs_does_not_hold_the_close() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (trail, file) = (dir.path().join("trail"), dir.path().join("a-pipe"));
    // Nobody reads from it, so whoever opens it to write waits.
    let made = std::process::Command::new("mkfifo").arg(&file).status().expect("mkfifo runs");
    assert!(made.success());
    let opened = Builder::new(&trail).mirror(&file).ack_timeout(Duration::from_millis(300)).open();
    let recorder = opened.expect("a fresh trail opens");
    recorder.note("done", Severity::Info, &[]).expect("a note");
    let (tell, hear) = std::sync::mpsc::channel();
    let closing = recorder.clone();
    std::thread::spawn(move || drop(tell.send(closing.close().map(drop))));
    hear.recv_timeout(Duration::from_secs(60)).expect("an answer in time").expect("a clean close");
    assert!(recorder.health().observer_drops > 0, "what it misses is counted");
    assert!(trail::records(&trail).last().is_some(), "the trail is whole");
    // The control: whoever reads the pipe finds the mirror still at it.
    let mut lines = String::new();
    let pipe = std::fs::File::open(&file).expect("the other end");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(pipe), &mut lines).expect("a line");
    assert!(lines.contains("STREAM_OPENED"), "{lines}");
}
