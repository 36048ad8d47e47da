//! Images of trails: what a power cut leaves, the last segment cut at every byte, tails of zeros and garbage, segments
//! that are missing, foreign, damaged or of another version. What is wrong is told by name, nothing before it is lost.

use super::oracle::{faults_of, read, reopen};
use super::story::{Acked, builder, scratch, tell};
use audit_runtime::journal::frame::{SEGMENT_HEADER, SegmentHeader};
use audit_runtime::journal::{Layout, Reader, Tear};
use audit_runtime::{Durability, Severity, StreamId};
use audit_testkit::{FaultyStorage, Operation, Unsynced};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A trail as the death of its process left it, with what had been acknowledged.
struct Killed {
    dir: tempfile::TempDir,
    stream: StreamId,
    acked: Vec<Acked>,
    storage: FaultyStorage,
    living: PathBuf,
}

impl Killed {
    /// The story, then `more` notes with `text`, then death with an entry open.
    fn after(more: usize, text: &str) -> Killed {
        let dir = scratch();
        let living = dir.path().join("living");
        let storage = FaultyStorage::new();
        let recorder = builder(&living, storage.clone()).open().expect("opens");
        let told = tell(&recorder);
        let _open = recorder.enter("open at the end").expect("enters");
        for _ in 0..more {
            recorder.note("filler", Severity::Info, &[("text", text)]).expect("notes");
        }
        FaultyStorage::copy(&living, &dir.path().join("killed")).expect("a copy");
        let power_cut = dir.path().join("power cut");
        storage.image(&living, &power_cut, Unsynced::Nothing).expect("an image");
        Killed { stream: recorder.stream(), acked: told.acked(), storage, living, dir }
    }

    fn copy(&self, name: &str) -> PathBuf {
        let into = self.dir.path().join(name);
        FaultyStorage::copy(&self.dir.path().join("killed"), &into).expect("a copy");
        into
    }

    fn segment(&self, trail: &Path, number: u32) -> PathBuf {
        Layout::at(trail).segment(self.stream, number)
    }

    /// The end of the stream as a reader finds it.
    fn end(&self, trail: &Path) -> audit_runtime::journal::End {
        let mut reader = Reader::open(&Layout::at(trail), self.stream).expect("opens");
        while reader.next().expect("a frame").is_some() {}
        reader.end().clone()
    }
}

#[test]
fn d7_a_power_cut_leaves_everything_that_was_acknowledged_for_the_disk() {
    let dir = scratch();
    let trail = dir.path().join("trail");
    let storage = FaultyStorage::new();
    let recorder = builder(&trail, storage.clone()).open().expect("opens");
    let told = tell(&recorder);
    let _behind = recorder.enter("not synced").expect("enters");
    let acked = told.acked();
    let durable: Vec<Acked> = acked.iter().filter(|ack| ack.durability >= Durability::Disk).cloned().collect();
    assert!(durable.len() >= 8 && durable.len() < acked.len());
    let mut cuts = vec![Unsynced::Nothing, Unsynced::Everything];
    for unit in [1, 512, 4096] {
        cuts.extend((1..=20).map(|seed| Unsynced::Torn { unit, seed: seed * 0x9e37_79b9 }));
    }
    for cut in cuts {
        let image = dir.path().join(format!("{cut:?}"));
        storage.image(&trail, &image, cut).expect("an image");
        reopen(&image);
        let kept = if cut == Unsynced::Everything { &acked } else { &durable };
        assert_eq!(faults_of(&image, kept), Vec::<String>::new(), "{cut:?}");
    }
}

#[test]
fn j4_a_cut_at_every_byte_loses_nothing_before_it() {
    let killed = Killed::after(0, "");
    let trail = killed.copy("whole");
    let bytes = fs::read(killed.segment(&trail, 0)).expect("a segment");
    let used = bytes.iter().rposition(|byte| *byte != 0).expect("not empty") + 1;
    let mut reader = Reader::open(&Layout::at(&trail), killed.stream).expect("opens");
    let mut ends = vec![SEGMENT_HEADER];
    while reader.next().expect("a frame").is_some() {
        ends.push(usize::try_from(reader.end().offset).expect("small"));
    }
    let mut images = 0;
    for cut in SEGMENT_HEADER..used {
        // Short by the file's length, by zeros, by garbage: the three tails that a dying machine leaves.
        for (tail, fill) in [(0, 0), (64, 0), (64, 0xa5)] {
            let mut image = bytes[..cut].to_vec();
            image.resize(cut + tail, fill);
            fs::write(killed.segment(&trail, 0), &image).expect("written");
            let end = killed.end(&trail);
            let whole = ends.iter().filter(|end| **end <= cut).count() - 1;
            // Padding that is missing is zeros for a reader, so the frame before it is whole already.
            assert!(end.records as usize == whole || end.records as usize == whole + 1, "cut at {cut}: {end:?}");
            assert!(end.offset as usize <= cut.next_multiple_of(8));
            if fill != 0 {
                assert!(end.tear.is_some() && end.torn_bytes > 0, "garbage behind {cut} went unseen");
            }
            images += 1;
        }
    }
    println!("{images} images of a stream of {} records, {used} bytes", ends.len() - 1);
}

#[test]
fn t7_a_stream_that_was_rolled_back_is_never_written_again_and_no_sequence_is_used_twice() {
    let killed = Killed::after(4, "text");
    let whole = killed.copy("whole");
    let mut reader = Reader::open(&Layout::at(&whole), killed.stream).expect("opens");
    let mut ends = Vec::new();
    while reader.next().expect("a frame").is_some() {
        ends.push(usize::try_from(reader.end().offset).expect("small"));
    }
    for (n, end) in ends.iter().enumerate().skip(1) {
        let trail = killed.copy(&format!("rolled back to {n}"));
        let path = killed.segment(&trail, 0);
        let shortened = fs::read(&path).expect("a segment")[..*end].to_vec();
        fs::write(&path, &shortened).expect("written");
        let recorder = builder(&trail, FaultyStorage::new()).open().expect("opens");
        recorder.enter("later").expect("enters").complete().expect("ends");
        recorder.close().expect("closes");
        assert_eq!(fs::read(&path).expect("a segment"), shortened, "an old stream was written");
        let (layout, mut used) = (Layout::at(&trail), BTreeSet::new());
        for stream in layout.streams().expect("streams") {
            let mut reader = Reader::open(&layout, stream).expect("opens");
            while let Some(frame) = reader.next().expect("a frame") {
                assert!(used.insert((stream, frame.seq)), "{stream} uses {} twice", frame.seq);
            }
        }
        assert_eq!(faults_of(&trail, &[]), Vec::<String>::new(), "rolled back to {n}");
    }
}

#[test]
fn j4_a_cut_is_reported_and_settled_when_the_trail_is_opened() {
    let killed = Killed::after(0, "");
    let whole = killed.copy("whole");
    let end = usize::try_from(killed.end(&whole).offset).expect("small");
    for (cut, named) in [(end - 1, true), (end - 30, true), (end, false)] {
        let trail = killed.copy(&format!("cut at {cut}"));
        let path = killed.segment(&trail, 0);
        fs::write(&path, &fs::read(&path).expect("a segment")[..cut]).expect("written");
        let recovered = reopen(&trail);
        let stream = &recovered.streams[0];
        assert_eq!((stream.stream, stream.tear.is_some()), (killed.stream, named), "{recovered}");
        assert_eq!(recovered.to_string().contains("torn bytes"), named);
        // The last record is the one that was cut.
        let before: Vec<Acked> = killed.acked.iter().rev().skip(usize::from(named)).cloned().collect();
        assert_eq!(faults_of(&trail, &before), Vec::<String>::new());
        // Opened again, there is nothing left to find.
        assert!(reopen(&trail).is_clean());
    }
}

#[test]
fn j11_j12_damaged_segments_are_told_by_name() {
    let killed = Killed::after(120, &"x".repeat(900));
    assert!(killed.storage.count(Operation::Create) >= 3);
    let whole = killed.copy("whole");
    assert!(killed.end(&whole).segment >= 2, "the stream has several segments");
    let second = || fs::read(killed.segment(&whole, 1)).expect("a segment");
    let header = SegmentHeader::decode(&second()).expect("a header");
    let reheaded = |header: SegmentHeader| [&header.encode()[..], &second()[SEGMENT_HEADER..]].concat();
    let version = {
        let mut bytes = second();
        bytes[8] = 9;
        let crc = crc32c(&bytes[..60]).to_le_bytes();
        bytes[60..64].copy_from_slice(&crc);
        bytes
    };
    let damaged = {
        let mut bytes = second();
        bytes[20] ^= 1;
        bytes
    };
    let zeros = vec![0; 64 * 1024];
    let cases: Vec<(&str, Option<Vec<u8>>, Tear)> = vec![
        ("missing", None, Tear::MissingSegment(1)),
        ("foreign", Some(reheaded(SegmentHeader { stream: StreamId([7; 16]), ..header })), Tear::ForeignSegment(1)),
        ("renumbered", Some(reheaded(SegmentHeader { number: 5, ..header })), Tear::ForeignSegment(1)),
        ("moved", Some(reheaded(SegmentHeader { first_seq: header.first_seq + 1, ..header })), Tear::SegmentGap(1)),
        ("version", Some(version), Tear::SegmentVersion(1, 9)),
        ("damaged", Some(damaged), Tear::DamagedSegment(1)),
        ("emptied", Some(zeros), Tear::DamagedSegment(1)),
    ];
    for (name, bytes, tear) in cases {
        let trail = killed.copy(name);
        match bytes {
            Some(bytes) => fs::write(killed.segment(&trail, 1), bytes).expect("written"),
            None => fs::remove_file(killed.segment(&trail, 1)).expect("removed"),
        }
        let end = killed.end(&trail);
        assert_eq!(end.tear.as_ref(), Some(&tear), "{name}");
        assert_eq!(end.records, header.first_seq, "{name}: what stands before is read");
        assert!(end.stray_frames > 0, "{name}: what stands behind is counted");
        // Verified before anybody settles it, the loss is a violation.
        let verdict = audit_runtime::trail::verify(&Layout::at(&trail), &mut |_| {}).expect("verifies");
        assert!(!verdict.is_intact(), "{name}");
        let recovered = reopen(&trail);
        let said = recovered.to_string() + &format!("{:?}", recovered.streams);
        assert!(said.contains(&tear.to_string()), "{name}: {said}");
        let read = read(&trail);
        assert!(read.records.len() as u64 >= header.first_seq, "{name}");
    }
}

#[test]
fn j13_a_stream_goes_on_from_segment_to_segment_without_a_hole() {
    let killed = Killed::after(300, &"y".repeat(700));
    let trail = killed.copy("whole");
    let end = killed.end(&trail);
    assert!(end.segment >= 3 && end.tear.is_none() && end.torn_bytes == 0, "{end:?}");
    reopen(&trail);
    assert_eq!(faults_of(&trail, &killed.acked), Vec::<String>::new());
    // A power cut while segments were full and not synced yet: notes are for the disk, so all of them are there.
    let cut = killed.dir.path().join("cut");
    killed.storage.image(&killed.living, &cut, Unsynced::Nothing).expect("an image");
    reopen(&cut);
    let noted = read(&cut).records.values().filter(|r| r.header.kind == audit_runtime::model::Kind::Note).count();
    assert_eq!(noted, 301);
}

/// Bit by bit, as the page on the format says.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
        }
    }
    !crc
}
