//! Verification against damage of every sort, over streams whose frames are written by hand.

use std::fs;

use super::*;
use crate::index::tests::{Script, dead_and_recovered, trail};
use crate::journal::{Layout, frame};
use crate::model::{Id, RunId, Status};

fn verdict(layout: &Layout) -> Verdict {
    verify(layout, &mut |_| {}).unwrap()
}

fn rules(verdict: &Verdict) -> Vec<&'static str> {
    verdict.findings.iter().map(|finding| finding.rule).collect()
}

/// A recovered trail of two streams; the younger one is closed.
fn sound() -> (tempfile::TempDir, Layout, Script, Script) {
    let (dead, mut by) = dead_and_recovered(3, 5);
    by.end();
    let (dir, layout) = trail();
    dead.write(&layout, dead.records.len());
    by.write(&layout, by.records.len());
    (dir, layout, dead, by)
}

#[test]
fn v1_a_sound_trail_is_intact_and_every_end_is_attested() {
    let (_dir, layout, dead, by) = sound();
    let verdict = verdict(&layout);
    assert_eq!(rules(&verdict), Vec::<&str>::new(), "{:?}", verdict.findings);
    assert_eq!(verdict.records(), (dead.records.len() + by.records.len()) as u64);
    let endings: Vec<_> = verdict.streams.iter().map(|stream| stream.ending.clone()).collect();
    assert_eq!(endings, [Ending::Settled, Ending::Closed]);
}

#[test]
fn v1_every_flipped_byte_of_every_record_is_found() {
    let (_dir, layout, dead, by) = sound();
    for script in [&dead, &by] {
        let whole = script.segment(script.records.len());
        for at in 0..whole.len() - 256 {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x41;
            fs::write(layout.segment(script.stream, 0), &bytes).unwrap();
            let verdict = verdict(&layout);
            assert!(!rules(&verdict).is_empty(), "byte {at} of {}", script.stream);
            // A damaged closing record looks like a kill while it was written: then the end is said to be unattested.
            if script.stream == dead.stream || (at as u64) < script.offset(script.records.len() - 1) {
                assert!(!verdict.is_intact() && verdict.first_bad.is_some(), "byte {at} of {}", script.stream);
            }
        }
        fs::write(layout.segment(script.stream, 0), &whole).unwrap();
    }
    assert!(verdict(&layout).is_intact());
}

#[test]
fn v1_t7_records_cut_doubled_swapped_or_spliced_in_are_found() {
    let (_dir, layout, dead, by) = sound();
    for (script, other) in [(&dead, &by), (&by, &dead)] {
        let count = script.records.len();
        for at in 0..count {
            let mut mutants = vec![script.records[..at].to_vec(), script.records.clone(), script.records.clone()];
            mutants[1].remove(at);
            mutants[2].insert(at, script.records[at].clone());
            if at + 1 < count {
                let mut swapped = script.records.clone();
                swapped.swap(at, at + 1);
                mutants.push(swapped);
            }
            let mut spliced = script.records.clone();
            spliced[at] = other.records[at.min(other.records.len() - 1)].clone();
            if spliced[at] != script.records[at] {
                mutants.push(spliced);
            }
            for records in mutants {
                let mutant = Script { stream: script.stream, records };
                mutant.write(&layout, mutant.records.len());
                assert!(!rules(&verdict(&layout)).is_empty(), "record {at} of {}", script.stream);
            }
        }
        script.write(&layout, count);
    }
}

/// A re-numbered, re-framed forgery of equal length: only the stated root tells.
#[test]
fn v4_a_rewritten_record_of_equal_length_is_found_by_the_root() {
    let (_dir, layout, mut dead, _by) = sound();
    let last = dead.records.len() - 1;
    dead.records[last][16] ^= 1;
    dead.write(&layout, dead.records.len());
    let verdict = verdict(&layout);
    assert_eq!(rules(&verdict), ["ROOT"]);
    assert!(verdict.findings[0].message.contains("another root"), "{}", verdict.findings[0]);
}

#[test]
fn v2_a_cut_at_a_record_boundary_of_an_unattested_stream_is_said_to_be_unattested() {
    let (_dir, layout) = trail();
    let mut script = Script::new(4);
    let id = script.open(RunId::NONE, Id::NONE);
    script.close(RunId::NONE, id, Status::Completed);
    for records in 1..=script.records.len() {
        script.write(&layout, records);
        let verdict = verdict(&layout);
        assert_eq!((rules(&verdict), verdict.is_intact()), (vec!["NOT_ATTESTED"], true));
        assert!(verdict.findings[0].message.contains("end not attested"));
    }
}

#[test]
fn j4_a_torn_last_frame_is_told_from_a_hole_before_whole_frames() {
    let (_dir, layout) = trail();
    let mut script = Script::new(4);
    let id = script.open(RunId::NONE, Id::NONE);
    script.close(RunId::NONE, id, Status::Completed);
    let mut torn = script.segment(script.records.len());
    torn.truncate(script.offset(script.records.len()) as usize - 9);
    fs::create_dir_all(layout.stream_dir(script.stream)).unwrap();
    fs::write(layout.segment(script.stream, 0), &torn).unwrap();
    assert!(verdict(&layout).is_intact());
    let mut holed = script.segment(script.records.len());
    let at = script.offset(1) as usize + frame::FRAME_HEAD + 20;
    holed[at] ^= 1;
    fs::write(layout.segment(script.stream, 0), &holed).unwrap();
    let verdict = verdict(&layout);
    assert_eq!(verdict.first_bad, Some((script.stream, 1)), "{:?}", verdict.findings);
}

#[test]
fn g11_two_terminals_a_terminal_first_and_one_of_nothing_are_found() {
    let (_dir, layout) = trail();
    let mut script = Script::new(4);
    let id = script.open(RunId::NONE, Id::NONE);
    script.close(RunId::NONE, id, Status::Completed);
    let second = script.close(RunId::NONE, id, Status::Failed);
    let nothing = script.close(RunId::NONE, Id::new(script.stream, 0), Status::Failed);
    let future = script.close(RunId::NONE, Id::new(script.stream, 90), Status::Failed);
    let absent = script.close(RunId::NONE, Id::new(crate::StreamId([9; 16]), 3), Status::Abandoned);
    script.end();
    script.write(&layout, script.records.len());
    let verdict = verdict(&layout);
    let mut found: Vec<_> = verdict.findings.iter().map(|finding| finding.id.clone()).collect();
    found.sort();
    assert_eq!(found, [second, nothing, future, absent].map(|id| format!("{id:#}")));
    assert_eq!(verdict.first_bad, Some((script.stream, second.seq)));
}

#[test]
fn j11_t13_unknown_kinds_are_counted_and_are_no_fault() {
    let (_dir, layout) = trail();
    let mut script = Script::new(4);
    let mut strange = crate::model::Header::new(crate::model::Kind::Note).encode();
    strange[2..4].copy_from_slice(&999u16.to_le_bytes());
    strange[8..16].copy_from_slice(&1u64.to_le_bytes());
    script.records.push([&strange[..], &[0xbf, 0xff]].concat());
    script.end();
    script.write(&layout, script.records.len());
    let verdict = verdict(&layout);
    assert_eq!((verdict.streams[0].unknown, rules(&verdict)), (1, vec![]));
}
