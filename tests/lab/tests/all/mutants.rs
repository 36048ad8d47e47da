//! The checker itself: a sound trail is written once more with one thing changed, frames and roots as they should be, and
//! the checker names the invariant that this breaks. Unchanged it finds nothing.

use audit_runtime::clock::ManualClock;
use audit_runtime::journal::{DiskStorage, Journal, Layout, Purpose, Reader, Settings, owner};
use audit_runtime::model::record::HEADER;
use audit_runtime::model::{Durability, Header, Kind};
use audit_runtime::trail::{Acknowledged, Known, invariants};
use audit_runtime::{Id, Status, StreamId};
use audit_testkit::Lab;
use lab_tests::checkout;
use lab_tests::work::load;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A record of the sound trail; its place there, and what it says now.
#[derive(Clone)]
struct Told {
    seq: u64,
    header: Header,
    body: Vec<u8>,
    /// What somebody was told that it says, where that is something else.
    before: Option<Vec<u8>>,
}

/// The records of a small shop's day: calls inside calls, a task, a load with its sink.
fn sound() -> (StreamId, Vec<u8>, Vec<Told>) {
    let lab = Lab::new();
    assert!(lab.block_on(checkout(&["3"])).is_some_and(|taken| taken.is_ok()));
    lab.scope(|| load(lab.recorder(), &["3"])).expect("loaded");
    let (layout, stream) = (Layout::at(lab.path()), lab.recorder().stream());
    let mut reader = Reader::open(&layout, stream).expect("a stream");
    let (mut head, mut all) = (Vec::new(), Vec::new());
    while let Some(frame) = reader.next().expect("readable") {
        let (header, body) = (Header::decode(frame.bytes).expect("a header"), frame.bytes[HEADER..].to_vec());
        match header.kind {
            Kind::StreamOpened => head = body,
            _ => all.push(Told { seq: frame.seq, header, body, before: None }),
        }
    }
    lab.finish();
    (stream, head, all)
}

/// Writes the records into a new stream; ids of the old one are those of the new one then. What was acknowledged comes back.
fn write(dir: &Path, (old, head, all): (StreamId, Vec<u8>, Vec<Told>), lost: &[Told]) -> Vec<Acknowledged> {
    let layout = Layout::at(dir);
    let clock = Arc::new(ManualClock::at(1_767_225_600_000_000_000));
    layout.create().expect("an empty trail");
    let journal = Journal::create(&layout, Arc::new(DiskStorage), clock, Settings::default(), head).expect("a stream");
    let new = journal.stream();
    // A record that is gone, or that stands twice, is named by its first place.
    let place = |seq: u64| all.iter().position(|told| told.seq == seq).map_or(seq + 10_000, |at| at as u64 + 1);
    let moved = |id: Id| if id.stream == old { Id { stream: new, seq: place(id.seq), ..id } } else { id };
    let inside = |body: &[u8]| {
        let mut body = body.to_vec();
        for at in 0..body.len().saturating_sub(24) {
            if body[at..at + 16] == old.0 {
                let seq = u64::from_be_bytes(body[at + 16..at + 24].try_into().expect("eight bytes"));
                body[at..at + 16].copy_from_slice(&new.0);
                body[at + 16..at + 24].copy_from_slice(&place(seq).to_be_bytes());
            }
        }
        body
    };
    let headed = |told: &Told| {
        let mut header = told.header;
        header.subject = moved(header.subject);
        header.parent = moved(header.parent);
        header.run.0 = moved(header.run.0);
        header
    };
    let mut acknowledged = Vec::new();
    for told in &all {
        let mut header = headed(told);
        drop(journal.append(&mut header, &inside(&told.body), Purpose::Point).expect("appended"));
        let before = inside(told.before.as_ref().unwrap_or(&told.body));
        acknowledged.push(Acknowledged::of(Id::new(new, header.seq), &header, &before));
    }
    for told in lost {
        acknowledged.push(Acknowledged::of(Id::new(new, 5_000), &headed(told), &told.body));
    }
    journal.close(|_| {}).expect("a clean end");
    // A child of another test that has not come to its exec yet holds a copy of the stream's lock, and what a living
    // process has open is no finding.
    let until = Instant::now() + Duration::from_secs(10);
    while owner::is_alive(&layout, new) && Instant::now() < until {
        std::thread::yield_now();
    }
    acknowledged
}

fn rules(dir: &Path, acknowledged: Vec<Acknowledged>) -> BTreeSet<&'static str> {
    let known = Known { acknowledged, roots: true };
    match invariants(&Layout::at(dir), &known) {
        Ok(census) => census.findings.iter().map(|finding| finding.rule).collect(),
        // As the runners say it: a trail that cannot be read through does not fit itself.
        Err(error) if error.is_integrity() => BTreeSet::from(["I8"]),
        Err(error) => panic!("{error}"),
    }
}

fn at(all: &[Told], is: impl Fn(&Header) -> bool) -> usize {
    all.iter().position(|told| is(&told.header)).expect("the sound trail has one")
}

fn of(all: &[Told], kind: Kind) -> usize {
    at(all, |header| header.kind == kind)
}

/// The terminal of the first call that happened inside another one.
fn child_end(all: &[Told]) -> usize {
    at(all, |header| header.kind == Kind::StateClosed && !header.parent.is_none())
}

fn opening_of(all: &[Told], end: usize) -> usize {
    let subject = all[end].header.subject;
    all.iter().position(|told| told.seq == subject.seq).expect("its opening")
}

type Mutation = fn(&mut Vec<Told>);

const MUTANTS: &[(&str, &str, Mutation)] = &[
    ("a terminal is missing", "I1", |all| drop(all.remove(child_end(all)))),
    ("a run has no end", "I1", |all| drop(all.remove(of(all, Kind::RunEnded)))),
    ("a terminal stands twice", "I1", |all| {
        let end = child_end(all);
        all.insert(end, all[end].clone());
    }),
    ("a token has two outcomes", "I1", |all| {
        let outcome = of(all, Kind::TokenOutcome);
        all.insert(outcome, all[outcome].clone());
    }),
    ("a terminal is nobody's", "I2", |all| {
        let end = child_end(all);
        all[end].header.subject.seq += 7_000;
    }),
    ("a terminal stands before its opening", "I3", |all| {
        let end = child_end(all);
        let opening = opening_of(all, end);
        let told = all.remove(end);
        all.insert(opening, told);
    }),
    ("an opening is later than its end, by the clock", "I3", |all| {
        let opening = opening_of(all, child_end(all));
        all[opening].header.mono_ns += 1_000_000;
    }),
    ("a checkpoint stands before an outcome", "I3", |all| {
        let (checkpoint, outcome) = (all.remove(of(all, Kind::Checkpoint)), of(all, Kind::TokenOutcome));
        all.insert(outcome, checkpoint);
    }),
    ("a receipt stands behind what it completes", "I3", |all| {
        let (receipt, outcome) = (all.remove(of(all, Kind::SinkReceipt)), of(all, Kind::TokenOutcome));
        all.insert(outcome, receipt);
    }),
    ("a parent does not exist", "I5", |all| {
        let opening = opening_of(all, child_end(all));
        all[opening].header.parent.seq += 7_000;
    }),
    ("a child ends behind its parent", "I5", |all| {
        let end = child_end(all);
        let told = all.remove(end);
        let parent = at(all, |header| header.kind == Kind::StateClosed && header.subject == told.header.parent);
        all.insert(parent + 1, told);
    }),
    ("an acknowledged record says something else", "I6", |all| {
        let run = of(all, Kind::RunStarted);
        let mut body = all[run].body.clone();
        let name = body.windows(4).position(|piece| piece == b"load").expect("its name");
        body[name] = b'r';
        let before = std::mem::replace(&mut all[run].body, body);
        all[run].before = Some(before);
    }),
    ("a receipt was not kept on the device", "I6", |all| {
        let receipt = of(all, Kind::SinkReceipt);
        all[receipt].header.durability = Durability::Process;
    }),
    ("a success has no output", "I8", |all| {
        let end = at(all, |header| header.kind == Kind::StateClosed && header.status == Status::Completed);
        all[end].body = vec![0xbf, 0xff];
    }),
];

#[test]
fn each_change_of_a_sound_trail_is_named_by_the_invariant_that_it_breaks() {
    let dir = tempfile::tempdir().expect("a directory");
    let trail = sound();
    let plain = dir.path().join("plain");
    let acknowledged = write(&plain, trail.clone(), &[]);
    assert_eq!(rules(&plain, acknowledged), BTreeSet::new(), "written once more, it is as sound as before");
    let mut escaped = Vec::new();
    for (n, (what, rule, mutate)) in MUTANTS.iter().enumerate() {
        let place = dir.path().join(n.to_string());
        let (old, head, mut all) = trail.clone();
        mutate(&mut all);
        let acknowledged = write(&place, (old, head, all), &[]);
        let found = rules(&place, acknowledged);
        if !found.contains(rule) {
            escaped.push(format!("{what}: wanted {rule}, found {found:?}"));
        }
    }
    assert!(escaped.is_empty(), "{}", escaped.join("\n"));
}

#[test]
fn a_lost_record_and_a_flipped_bit_are_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let trail = sound();
    let lost = trail.2[0].clone();
    let acknowledged = write(dir.path(), trail, &[lost]);
    assert_eq!(rules(dir.path(), acknowledged.clone()), BTreeSet::from(["I6"]), "somebody was told of one more record");
    let layout = Layout::at(dir.path());
    let file = layout.segment(layout.streams().expect("a stream")[0], 0);
    let mut bytes = std::fs::read(&file).expect("the segment");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).expect("written");
    let found = rules(dir.path(), acknowledged);
    assert!(found.contains("I6"), "what stands behind the damage is lost: {found:?}");
}
