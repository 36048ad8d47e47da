//! A trail with all that the format has.

use super::{builder, tell};
use audit_runtime::Severity;
use audit_testkit::{Effect, Fault, FaultyStorage, Operation};
use std::path::{Path, PathBuf};

/// Makes a trail with all that the format has: a closed stream, a killed one that was settled, torn bytes, a spooled terminal.
pub fn rich_trail(dir: &Path) -> PathBuf {
    let (first, trail) = (dir.join("first"), dir.join("trail"));
    let recorder = builder(&first, FaultyStorage::new()).open().expect("opens");
    let _told = tell(&recorder);
    recorder.note("näme", Severity::Critical, &[("text", "ß 日本 \u{1f600}"), ("empty", "")]).expect("notes");
    let _open = recorder.enter("never ended").expect("enters");
    FaultyStorage::copy(&first, &trail).expect("copies");
    let stream = trail.join("streams").join(recorder.stream().text()).join("00000000.seg");
    let mut bytes = std::fs::read(&stream).expect("a segment");
    let end = bytes.iter().rposition(|byte| *byte != 0).expect("not empty") + 1;
    bytes[end.next_multiple_of(8) + 12] = 7;
    std::fs::write(&stream, bytes).expect("written");
    let storage = FaultyStorage::new();
    let recorder = builder(&trail, storage.clone()).open().expect("opens");
    assert_eq!(recorder.recovered().streams.len(), 1);
    let _told = tell(&recorder);
    let guard = recorder.enter("spooled").expect("enters");
    storage.plan(Fault::from(
        Operation::Write,
        storage.count(Operation::Write) + 1,
        Effect::Failed(std::io::ErrorKind::Other),
    ));
    assert!(guard.complete().expect_err("the write fails").is_in_doubt());
    let with_spool = dir.join("with spool");
    FaultyStorage::copy(&trail, &with_spool).expect("copies");
    drop(recorder.close());
    let recorder = builder(&trail, FaultyStorage::new()).open().expect("opens");
    recorder.close().expect("closes");
    with_spool
}
