//! Damage of any sort is found: by `verify`, or by opening the trail.

use std::fs;
use std::path::Path;

use audit_runtime::StreamId;
use audit_runtime::journal::{Layout, frame};
use audit_runtime::trail::verify;

use super::support::*;

/// Whether something is said of the trail: a finding, or an error at open.
fn is_noticed(dir: &Path) -> bool {
    match verify(&Layout::at(dir), &mut |_| {}) {
        Ok(verdict) => !verdict.findings.is_empty(),
        Err(_) => true,
    }
}

/// A small trail with a settled and two closed streams.
fn trail() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    death(dir.path());
    recover(dir.path());
    story(dir.path());
    // Prepared space is cut off, so that reading a small trail is quick: zeros and unused segments hold nothing.
    for file in segments(dir.path()) {
        let bytes = fs::read(&file).expect("a file");
        match used(&bytes) {
            0 => fs::remove_file(&file).expect("a file"),
            end => fs::write(&file, &bytes[..bytes.len().min(end.next_multiple_of(8) + 64)]).expect("a file"),
        }
    }
    assert!(!is_noticed(dir.path()), "a sound trail has no finding");
    dir
}

/// Bytes of a segment that are in use.
fn used(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1)
}

#[test]
fn v1_every_flipped_byte_is_noticed() {
    let dir = trail();
    for file in [segments(dir.path()), vec![dir.path().join("format")]].concat() {
        let whole = fs::read(&file).expect("a file");
        for at in 0..used(&whole) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            fs::write(&file, bytes).expect("a file");
            assert!(is_noticed(dir.path()), "byte {at} of {}", file.display());
        }
        fs::write(&file, whole).expect("a file");
    }
    assert!(!is_noticed(dir.path()));
}

#[test]
fn v1_every_truncation_is_noticed() {
    let dir = trail();
    for file in segments(dir.path()) {
        let whole = fs::read(&file).expect("a file");
        for len in 0..used(&whole) {
            fs::write(&file, &whole[..len]).expect("a file");
            assert!(is_noticed(dir.path()), "cut to {len} bytes: {}", file.display());
        }
        fs::remove_file(&file).expect("a file");
        assert!(is_noticed(dir.path()), "removed: {}", file.display());
        fs::write(&file, whole).expect("a file");
    }
}

#[test]
fn v1_doubled_and_swapped_pieces_are_noticed() {
    let dir = trail();
    for file in segments(dir.path()) {
        let whole = fs::read(&file).expect("a file");
        let end = used(&whole);
        for at in (0..end - 8).step_by(8) {
            let (head, tail) = whole.split_at(at);
            let doubled = [head, &tail[..8], tail].concat();
            let mut swapped = whole.clone();
            swapped.swap(at, at + 5);
            for bytes in [doubled, swapped] {
                if bytes[..end] != whole[..end] {
                    fs::write(&file, bytes).expect("a file");
                    assert!(is_noticed(dir.path()), "byte {at} of {}", file.display());
                }
            }
        }
        fs::write(&file, whole).expect("a file");
    }
}

#[test]
fn v1_the_program_says_where_and_exits_with_4() {
    let dir = trail();
    let file = segments(dir.path()).remove(0);
    let mut bytes = fs::read(&file).expect("a file");
    let at = frame::SEGMENT_HEADER + frame::FRAME_HEAD + 40;
    bytes[at] ^= 1;
    fs::write(&file, bytes).expect("a file");
    let said = audited(dir.path(), &["verify"]);
    assert_eq!(said.code, 4, "{}", said.out);
    assert!(said.out.contains("VIOLATED: the first bad record is 0 of stream"), "{}", said.out);
    let object = audited(dir.path(), &["verify", "--json"]).json();
    assert_eq!(object["findings"][0]["weight"], "integrity", "{object}");
}

/// A record whose bytes were changed by somebody who also mends the checksum.
fn forge(dir: &Path, change: impl Fn(&mut Vec<u8>) -> bool) {
    for file in segments(dir) {
        let name = file.parent().and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default();
        let seed = frame::seed(StreamId::parse(name).expect("a stream's directory"), 0);
        let whole = fs::read(&file).expect("a file");
        let mut out = whole[..frame::SEGMENT_HEADER].to_vec();
        let (mut at, mut done) = (frame::SEGMENT_HEADER, false);
        while let frame::Found::Record(record) = frame::read(&whole, at, seed) {
            let mut forged = record.to_vec();
            done = done || change(&mut forged);
            frame::write(&mut out, seed, &forged, &[]);
            at += frame::framed(record.len());
        }
        if done {
            out.extend_from_slice(&whole[at..]);
            fs::write(&file, out).expect("a file");
            return;
        }
    }
    panic!("nothing was forged");
}

#[test]
fn j12_a_record_that_contradicts_itself_is_named_with_its_field() {
    let dir = trail();
    // The first terminal gets status OPEN (1): its checksum fits, its kind does not.
    forge(dir.path(), |record| {
        let terminal = record[2..4] == 34u16.to_le_bytes();
        if terminal {
            record[4] = 1;
        }
        terminal
    });
    let object = audited(dir.path(), &["verify", "--json"]);
    assert_eq!(object.code, 4);
    let findings = object.json()["findings"].to_string();
    assert!(findings.contains("STATE_CLOSED.status: OPEN cannot stand here"), "{findings}");
    // Q6: what verify sees, questions of the index do not hide.
    for question in ["sweep", "doctor"] {
        assert_eq!(audited(dir.path(), &[question]).code, 4, "{question}");
    }
}

#[test]
fn v4_a_forged_record_of_equal_length_is_found_by_the_root() {
    let dir = trail();
    forge(dir.path(), |record| {
        let opening = record[2..4] == 32u16.to_le_bytes();
        if opening {
            record[16] ^= 1;
        }
        opening
    });
    let said = audited(dir.path(), &["verify", "--json"]);
    assert_eq!((said.code, &said.json()["findings"][0]["rule"]), (4, &"ROOT".into()), "{}", said.out);
}

#[test]
fn j11_records_of_a_later_version_are_counted_and_no_fault() {
    let dir = tempfile::tempdir().expect("a directory");
    death(dir.path());
    forge(dir.path(), |record| {
        let site = record[2..4] == 4u16.to_le_bytes();
        if site {
            record[2..4].copy_from_slice(&900u16.to_le_bytes());
        }
        site
    });
    let object = audited(dir.path(), &["verify", "--json"]).json();
    assert_eq!(object["items"][0]["unknown_kinds"], 1, "{object}");
    let doctor = audited(dir.path(), &["doctor", "--json"]).json();
    assert_eq!(doctor["items"][0]["unknown_kinds"], 1, "{doctor}");
    assert_eq!(audited(dir.path(), &["runs"]).code, 0);
}

#[test]
fn v2_the_end_of_a_dead_stream_is_not_attested_until_it_is_settled() {
    let dir = tempfile::tempdir().expect("a directory");
    death(dir.path());
    let said = audited(dir.path(), &["verify"]);
    assert!(said.code == 1 && said.out.contains("end not attested"), "{}", said.out);
    recover(dir.path());
    let said = audited(dir.path(), &["verify"]);
    assert!(said.code == 0 && said.out.contains("settled"), "{}", said.out);
}
