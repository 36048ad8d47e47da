//! A group that is larger than a segment: whole or absent, wherever the storage stops.

use super::oracle::{faults_of, read, reopen};
use super::story::{builder, scratch};
use audit_runtime::journal::{Layout, Reader};
use audit_runtime::model::record::flag;
use audit_runtime::model::{Header, Kind, StreamId};
use audit_testkit::{Effect, Fault, FaultyStorage, Operation};
use std::io::ErrorKind;
use std::path::Path;

/// Entries that a process leaves open: their terminals fill more than the smallest segment.
const OPEN: usize = 300;

/// A trail as its process left it when it died.
fn dead_with_many_open(trail: &Path) -> StreamId {
    let living = trail.with_extension("living");
    let recorder = builder(&living, FaultyStorage::new()).segments(1 << 20, 1 << 20).open().expect("opens");
    let open: Vec<_> = (0..OPEN).map(|_| recorder.enter("left open").expect("enters")).collect();
    FaultyStorage::copy(&living, trail).expect("a copy");
    drop(open);
    recorder.stream()
}

/// Terminals of recovery as they stand, whether they count or not, and segments of the stream that has most of them.
fn written(trail: &Path, dead: StreamId) -> (usize, usize) {
    let layout = Layout::at(trail);
    let (mut terminals, mut segments) = (0, 0);
    for stream in layout.streams().expect("streams").into_iter().filter(|stream| *stream != dead) {
        let mut reader = Reader::open(&layout, stream).expect("readable");
        while let Some(frame) = reader.next().expect("a frame") {
            let header = Header::decode(frame.bytes).expect("a header");
            let grouped = header.flags & flag::GROUPED != 0;
            terminals += usize::from(grouped && header.kind == Kind::StateClosed);
        }
        segments = segments.max(reader.end().segment as usize + 1);
    }
    (terminals, segments)
}

#[test]
fn j13_d19_a_group_that_goes_on_in_the_next_segment_is_whole_or_absent() {
    let left = scratch();
    let killed = left.path().join("killed");
    let dead = dead_with_many_open(&killed);
    let place = || {
        let dir = scratch();
        let trail = dir.path().join("trail");
        FaultyStorage::copy(&killed, &trail).expect("a copy");
        (dir, trail)
    };
    let (_calm, trail) = place();
    let storage = FaultyStorage::new();
    builder(&trail, storage.clone()).open().expect("opens").close().expect("closes");
    let (terminals, segments) = written(&trail, dead);
    assert!(terminals == OPEN && segments > 1, "{terminals} terminals in {segments} segments");
    let writes = storage.count(Operation::Write);
    let mut cut = 0;
    for at in (1..=writes).step_by(writes.div_ceil(12)) {
        for effect in [Effect::Failed(ErrorKind::StorageFull), Effect::FailedHalfway(ErrorKind::Other)] {
            let (_dir, trail) = place();
            let storage = FaultyStorage::with(Fault::from(Operation::Write, at, effect));
            drop(builder(&trail, storage).open().map(|recorder| recorder.close()));
            let before = read(&trail).ends("left open").len();
            assert!(before == 0 || before == OPEN, "{before} of {OPEN} count after {effect:?} at {at}");
            let (stand, _) = written(&trail, dead);
            // The control: terminals stand there that do not count.
            cut += usize::from(before == 0 && stand > 0);
            reopen(&trail);
            assert_eq!(faults_of(&trail, &[]), Vec::<String>::new(), "{effect:?} at {at}");
            let ends = read(&trail);
            let ends = ends.ends("left open");
            assert!(ends.len() == OPEN && ends.iter().all(|end| end.header.status.name() == "ABANDONED"));
        }
    }
    println!("{writes} writes of a recovery in {segments} segments; {cut} groups were cut, and counted for nothing");
    assert!(cut > 3, "{cut} groups were cut");
}
