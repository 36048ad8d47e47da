//! Verification against damage of every sort, over streams whose frames are written by hand.

use std::fs;

use super::verify::look;
use super::*;
use crate::index::tests::{Script, dead_and_recovered, trail};
use crate::journal::owner::{Lock, Owner};
use crate::journal::{Layout, frame};
use crate::model::{BodyWriter, Header, Id, Key, Kind, RunId, Status};

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

/// Two streams of processes that live, with one between them that takes long to read; the first process ends, and the
/// second settles it, while that one is read.
struct Moving {
    _dir: tempfile::TempDir,
    layout: Layout,
    early: Script,
    late: Script,
    /// How much of each stands there when the first look begins.
    before: (usize, usize),
}

impl Moving {
    fn new() -> Moving {
        let (dir, layout) = trail();
        let mut early = Script::new(1);
        let owner = Owner::this();
        let mut head = BodyWriter::new();
        head.text(Key::BootId, &owner.boot_id)
            .uint(Key::Pid, u64::from(owner.pid))
            .uint(Key::ProcessStart, owner.start);
        head.text(Key::CodeVersion, "0").text(Key::Program, "script");
        early.records.clear();
        early.push(Header::new(Kind::StreamOpened), head);
        let first = early.records.len();
        let open = early.open(RunId::NONE, Id::NONE);
        let mut between = Script::new(4);
        between.site(1, "work");
        while between.records.len() < 1 << 16 {
            let id = between.open(RunId::NONE, Id::NONE);
            between.close(RunId::NONE, id, Status::Completed);
        }
        between.end();
        between.write(&layout, between.records.len());
        let mut late = Script::new(9);
        let second = late.records.len();
        late.close(RunId::NONE, open, Status::Abandoned);
        late.settle(&early, early.records.len() as u64, early.offset(early.records.len()));
        late.end();
        Moving { _dir: dir, layout, early, late, before: (first, second) }
    }
}

impl Moving {
    /// What `work` finds while the early stream's process goes on, dies, and is settled by the late one, all of it behind
    /// the moment at which the early stream has been read.
    fn while_it_moves<R>(&self, work: impl FnOnce(&mut dyn FnMut(u64)) -> R) -> R {
        let Moving { layout, early, late, before, .. } = self;
        early.write(layout, before.0);
        late.write(layout, before.1);
        let mut lock = Lock::take(&layout.stream_lock(early.stream)).unwrap();
        assert!(lock.is_some());
        work(&mut |_| {
            if lock.take().is_some() {
                early.write(layout, early.records.len());
                late.write(layout, late.records.len());
            }
        })
    }
}

#[test]
fn v1_a_process_that_ends_while_others_are_read_is_no_fault() {
    let moving = Moving::new();
    let verdict = moving.while_it_moves(|seen| verify(&moving.layout, seen)).unwrap();
    assert_eq!(rules(&verdict), Vec::<&str>::new(), "{:?}", verdict.findings);
    let endings: Vec<_> = verdict.streams.iter().map(|stream| stream.ending.clone()).collect();
    assert_eq!(endings, [Ending::Settled, Ending::Closed, Ending::Closed]);
    // The control: one look alone takes it for tampering, and says that somebody moved.
    let (once, moved) = moving.while_it_moves(|seen| look(&moving.layout, &mut 0, seen)).unwrap();
    assert!(moved && !once.is_intact(), "{:?}", once.findings);
}

#[test]
fn v1_what_stays_amiss_beside_a_living_process_is_found() {
    let moving = Moving::new();
    let Moving { layout, early, late, .. } = &moving;
    // The settled stream lost its last record, and one of a living process stands beside it.
    early.write(layout, early.records.len() - 1);
    late.write(layout, late.records.len());
    let living = Script { stream: crate::StreamId([2; 16]), records: early.records[..1].to_vec() };
    living.write(layout, 1);
    let _lock = Lock::take(&layout.stream_lock(living.stream)).unwrap();
    let verdict = verdict(layout);
    assert!(!verdict.is_intact() && rules(&verdict).contains(&"ROOT"), "{:?}", verdict.findings);
    assert_eq!(verdict.streams[1].ending, Ending::Alive);
}
