//! The verifier, asked about trails that somebody changed who can make checksums fit: what a closing or settling record
//! attests is compared with what stands there, and what nothing attests is said to be so.

use crate::bug;
use audit_runtime::journal::frame::{FRAME_HEAD, checksum, seed};
use audit_runtime::journal::{Layout, Reader};
use audit_runtime::model::Header;
use audit_runtime::model::digest::Scope;
use audit_runtime::model::record::HEADER;
use audit_runtime::payload::{DiskFiles, Store};
use audit_runtime::trail::{Ending, Known, Verdict, invariants, verify};
use audit_runtime::{Builder, StreamId};
use audit_testkit::{FaultyStorage, Lab};
use lab_tests::order;
use std::fs;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// A trail whose only process died between two calls: its files, as they were while it lived.
fn unattested() -> (TempDir, Layout, StreamId) {
    let lab = Lab::new();
    lab.scope(|| order(&["3", "4"])).expect("an order");
    let dir = tempfile::tempdir().expect("a directory");
    FaultyStorage::copy(lab.path(), dir.path()).expect("copied");
    let stream = lab.recorder().stream();
    lab.finish();
    let layout = Layout::at(dir.path());
    (dir, layout, stream)
}

/// The same trail, recovered by a process that closed its own stream: the dead one's, then the other one's.
fn attested() -> (TempDir, Layout, [StreamId; 2]) {
    let (dir, layout, dead) = unattested();
    let recorder = Builder::new(dir.path()).project(false).open().expect("the trail opens");
    let closed = recorder.stream();
    recorder.close().expect("closed");
    let verdict = verify(&layout, &mut |_| {}).expect("a trail");
    let ending =
        |stream: StreamId| verdict.streams.iter().find(|told| told.stream == stream).map(|told| told.ending.clone());
    assert_eq!([ending(dead), ending(closed)], [Some(Ending::Settled), Some(Ending::Closed)]);
    assert!(verdict.findings.is_empty(), "{:?}", verdict.findings);
    (dir, layout, [dead, closed])
}

/// Where the records of a stream stand in its only segment.
fn places(layout: &Layout, stream: StreamId) -> Vec<Range<usize>> {
    let mut reader = Reader::open(layout, stream).expect("a stream");
    let mut places = Vec::new();
    while let Some(frame) = reader.next().expect("readable") {
        let from = usize::try_from(frame.offset).expect("a small trail") + FRAME_HEAD;
        places.push(from..from + frame.bytes.len());
    }
    places
}

/// What verification says while a stream stands there with a change. The checker of the runners says the same.
fn changed(layout: &Layout, stream: StreamId, change: impl FnOnce(&mut Vec<u8>)) -> Verdict {
    let file = layout.segment(stream, 0);
    let whole = fs::read(&file).expect("a segment");
    let mut bytes = whole.clone();
    change(&mut bytes);
    assert_ne!(bytes, whole, "nothing was changed");
    fs::write(&file, bytes).expect("written");
    let verdict = verify(layout, &mut |_| {}).expect("a trail");
    let known = Known { roots: true, ..Known::default() };
    let checked = invariants(layout, &known).map(|census| census.findings.iter().all(|finding| finding.rule != "I8"));
    assert_eq!(checked.unwrap_or(false), verdict.is_intact(), "{:?}", verdict.findings);
    fs::write(&file, whole).expect("written");
    verdict
}

/// Changes a record, and makes its checksum fit.
fn rewrite(bytes: &mut [u8], stream: StreamId, place: &Range<usize>, change: impl FnOnce(&mut [u8])) {
    change(&mut bytes[place.clone()]);
    let fits = checksum(seed(stream, 0), &bytes[place.clone()]);
    bytes[place.start - 4..place.start].copy_from_slice(&fits.to_le_bytes());
}

/// The same record at another time.
fn later(record: &mut [u8]) {
    let mut header = Header::decode(record).expect("a header");
    header.wall_ns += 1;
    record[..HEADER].copy_from_slice(&header.encode());
}

#[test]
fn t8_cut_tail() {
    bug();
    let (_dir, layout, [dead, closed]) = attested();
    for (n, place) in places(&layout, dead).iter().enumerate().skip(1) {
        let verdict = changed(&layout, dead, |bytes| bytes[place.start - FRAME_HEAD..].fill(0));
        assert!(!verdict.is_intact(), "I8 a settled stream passes although it was cut behind {n} records");
    }
    // Without its closing record this one is attested by nobody, which is said.
    for (n, place) in places(&layout, closed).iter().enumerate().skip(1) {
        let verdict = changed(&layout, closed, |bytes| bytes[place.start - FRAME_HEAD..].fill(0));
        assert!(!verdict.findings.is_empty(), "I8 a closed stream passes although it was cut behind {n} records");
    }
}

#[test]
fn t8_t9_suffix_of_equal_length() {
    bug();
    let (_dir, layout, [dead, closed]) = attested();
    // The closing record attests those before it, and nobody attests the closing record.
    for (stream, uncovered) in [(dead, 0), (closed, 1)] {
        let mut places = places(&layout, stream);
        places.truncate(places.len() - uncovered);
        for first in 0..places.len() {
            for (what, altered) in [("record", &places[first..=first]), ("all from record", &places[first..])] {
                let verdict = changed(&layout, stream, |bytes| {
                    altered.iter().for_each(|place| rewrite(bytes, stream, place, later));
                });
                assert!(!verdict.is_intact(), "I8 {what} {first} passes although it was changed behind its digest");
            }
        }
    }
}

#[test]
fn t8_missing_stream() {
    bug();
    let (_dir, layout, [dead, _]) = attested();
    fs::remove_dir_all(layout.stream_dir(dead)).expect("removed");
    let verdict = verify(&layout, &mut |_| {}).expect("a trail");
    assert!(!verdict.is_intact(), "I8 a trail passes that lacks a stream which it has settled");
}

#[test]
fn t8_end_that_nobody_attests() {
    bug();
    let (_dir, layout, stream) = unattested();
    for place in places(&layout, stream).iter().skip(1) {
        let verdict = changed(&layout, stream, |bytes| bytes[place.start - FRAME_HEAD..].fill(0));
        let told = verdict.findings.iter().any(|finding| finding.rule == "NOT_ATTESTED");
        assert!(told, "an end that nobody attests is taken for one that somebody does");
    }
}

#[test]
fn t9_payload_changed_behind_its_digest() {
    bug();
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::at(dir.path(), Arc::new(DiskFiles), Duration::from_secs(5));
    let placed = store.place(Scope::Payload, b"seven".to_vec()).expect("kept");
    let digest = placed.digest().clone();
    drop(placed);
    let name = digest.hex();
    let file = dir.path().join(&name[..2]).join(&name[2..4]).join(&name);
    assert_eq!(fs::read(&file).expect("a payload"), b"seven");
    fs::write(&file, b"eight").expect("written");
    let read = store.read(digest.bytes());
    assert!(read.is_err_and(|error| error.is_integrity()), "a payload passes under a digest that is not its own");
}

#[test]
fn t13_kind_of_a_later_version() {
    bug();
    let (_dir, layout, stream) = unattested();
    for place in places(&layout, stream).iter().skip(1) {
        let unknown = |record: &mut [u8]| record[2..4].copy_from_slice(&60_000u16.to_le_bytes());
        let verdict = changed(&layout, stream, |bytes| rewrite(bytes, stream, place, unknown));
        let counted: u64 = verdict.streams.iter().map(|told| told.unknown).sum();
        assert_eq!(counted, 1, "a record that this build cannot read was passed over, and not counted");
    }
}
