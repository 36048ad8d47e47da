//! What recovery does with what a dead process left. Recovery that is itself killed, and scripts that are killed at every
//! operation of their storage, stand in `tests/lab/tests/killed`.

use crate::child::{Victim, fast_place, hear, place};
use audit_runtime::clock::SystemClock;
use audit_runtime::journal::owner::Owner;
use audit_runtime::journal::{DiskStorage, Journal, Layout, Purpose, Settings};
use audit_runtime::model::{BodyWriter, Exit, Header, Id, Key, Kind, Status, StreamId};
use std::path::Path;
use std::sync::Arc;
use workspace_tests::story::{Story, check};

/// Bytes of every segment of every stream.
fn segments(trail: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let layout = Layout::at(trail);
    let mut found = Vec::new();
    for stream in layout.streams().unwrap() {
        for number in layout.segments(stream).unwrap() {
            let path = layout.segment(stream, number);
            found.push((path.clone(), std::fs::read(path).unwrap()));
        }
    }
    found
}

#[test]
fn j1_a_body_killed_by_sigkill_is_abandoned_and_its_stream_stays_as_it_was() {
    let (victim, (_dir, trail)) = (Victim::plain(), place());
    drop(victim.run(&["die", &trail.to_string_lossy(), "kill-inside"]));
    let before = segments(&trail);
    victim.settle(&trail).unwrap();
    let after = segments(&trail);
    for (path, bytes) in &before {
        assert!(after.iter().any(|(p, b)| p == path && b == bytes), "{} was changed", path.display());
    }
    let story = Story::read(&trail).unwrap();
    let (id, entry) = story.numbered(1)[0];
    let (stream, end) = &entry.ends[0];
    assert_ne!(*stream, id.stream, "the terminal stands in the stream of the finder");
    assert_eq!((end.header.status, end.header.exit, end.header.subject), (Status::Abandoned, Exit::Lost, *id));
    assert!(end.body.text(Key::AbandonReason).unwrap().contains("ended without recording a terminal"));
    assert!(end.body.text(Key::Observer).unwrap().contains(&stream.text()[..6]), "{:?}", end.body);
}

#[test]
fn j3_a_living_process_is_left_alone() {
    let (victim, (_dir, trail)) = (Victim::plain(), place());
    let path = trail.to_string_lossy().into_owned();
    let living = victim.start(&["die", &path, "wait-inside"]);
    assert!(living.ready());
    assert!(victim.settle(&trail).unwrap().starts_with("SETTLED 0 0"));
    let story = Story::read(&trail).unwrap();
    assert!(story.numbered(1)[0].1.ends.is_empty(), "{:?}", story.lines());
    let ended = living.ended();
    assert!(ended.status.success());
    victim.settle(&trail).unwrap();
    let (story, _) = check(&trail, &hear(&trail, &[&ended])).unwrap();
    assert_eq!(story.numbered(1)[0].1.end(), Some((Status::Completed, Exit::Returned)));
}

/// A stream whose head names this owner, with one node state open. The journal, and with it the lock, stays in hand.
fn stream_of(layout: &Layout, owner: &Owner) -> (Journal, Id) {
    let mut head = BodyWriter::new();
    head.text(Key::BootId, &owner.boot_id).uint(Key::Pid, u64::from(owner.pid)).uint(Key::ProcessStart, owner.start);
    head.text(Key::CodeVersion, "0").text(Key::Program, "crafted").uint(Key::CanonicalVersion, 1);
    let clock = Arc::new(SystemClock::new());
    let journal =
        Journal::create(layout, Arc::new(DiskStorage), clock, Settings::default(), head.finish()).expect("a stream");
    let mut header = Header::new(Kind::StateOpened);
    header.status = Status::Open;
    let mut body = BodyWriter::new();
    body.raw(Key::Input, &[0x83, 0, 1, 0]).text(Key::Node, "crafted");
    let pending = journal.append(&mut header, &body.finish(), Purpose::Opening).expect("an opening");
    journal.wait(pending).expect("its acknowledgement");
    let id = Id::new(journal.stream(), header.seq);
    (journal, id)
}

#[test]
fn j3_a_pid_in_use_again_or_another_boot_is_a_dead_owner_even_while_its_lock_is_held() {
    let (victim, (_dir, trail)) = (Victim::plain(), place());
    victim.settle(&trail).unwrap();
    let layout = Layout::at(&trail);
    let this = Owner::this();
    let reused = Owner { start: this.start + 1, ..this.clone() };
    let rebooted = Owner { boot_id: "00000000-0000-4000-8000-000000000000".to_owned(), ..this.clone() };
    let (_living, alive) = stream_of(&layout, &this);
    let (_kept, by_pid) = stream_of(&layout, &reused);
    let (_kept_too, by_boot) = stream_of(&layout, &rebooted);
    assert!(victim.settle(&trail).unwrap().starts_with("SETTLED 2 2"));
    let story = Story::read(&trail).unwrap();
    assert!(story.entries[&alive].ends.is_empty());
    for dead in [by_pid, by_boot] {
        assert_eq!(story.entries[&dead].end(), Some((Status::Abandoned, Exit::Lost)));
    }
}

#[test]
fn j6_a_run_without_a_living_process_is_abandoned() {
    let (victim, (_dir, trail)) = (Victim::plain(), place());
    let path = trail.to_string_lossy().into_owned();
    let working = victim.start(&["work", &path, "1", "0", "0"]);
    assert!(working.ready());
    drop(working.killed_after(std::time::Duration::ZERO));
    victim.settle(&trail).unwrap();
    let story = Story::read(&trail).unwrap();
    assert_eq!(story.runs.values().cloned().collect::<Vec<_>>(), [vec![Status::Abandoned]]);
}

#[test]
fn j15_each_of_many_dead_streams_is_read_once() {
    let (victim, (_dir, trail)) = (Victim::plain(), fast_place());
    let path = trail.to_string_lossy().into_owned();
    let layout = Layout::at(&trail);
    victim.settle(&trail).unwrap();
    for _ in 0..12 {
        drop(victim.run(&["die", &path, "kill-inside"]));
    }
    victim.settle(&trail).unwrap();
    let mut dead: Vec<StreamId> = layout.streams().unwrap();
    dead.retain(|stream| layout.ended(*stream).exists());
    assert_eq!(dead.len(), layout.streams().unwrap().len(), "every stream bears its mark");
    // What is never read again may even be gone: an open that looked into one of them would say so.
    for stream in &dead {
        for number in layout.segments(*stream).unwrap() {
            std::fs::write(layout.segment(*stream, number), b"not to be read").unwrap();
        }
    }
    let said = victim.settle(&trail).unwrap();
    assert!(said.starts_with("SETTLED 0 0"), "{said}");
}
