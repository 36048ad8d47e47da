//! Segments, the reserve for terminals, limits, gaps, and the hints that spare reading a stream.

use super::oracle::{faults_of, read, reopen};
use super::story::{builder, scratch};
use audit_runtime::model::{Key, Kind};
use audit_runtime::{Error, Guard, Id, Recorder, Severity, audited};
use audit_testkit::{Effect, Fault, FaultyStorage, Operation};
use std::io::ErrorKind;
use std::sync::Barrier;

/// A note of about this many KiB: one text alone would be cut.
fn large_note(recorder: &Recorder, kib: usize) -> Result<Id, Error> {
    let names: Vec<String> = (0..kib).map(|n| format!("part {n}")).collect();
    let part = "l".repeat(1000);
    let fields: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), part.as_str())).collect();
    recorder.note("large", Severity::Info, &fields)
}

const FULL: Effect = Effect::Failed(ErrorKind::StorageFull);

#[test]
fn d12_newcomers_are_refused_and_all_that_is_open_still_closes() {
    let dir = scratch();
    let trail = dir.path().join("trail");
    let storage = FaultyStorage::new();
    let recorder = builder(&trail, storage.clone()).open().expect("opens");
    // The disk is full from here on: what is filled is all there is.
    storage.plan(Fault::from(Operation::Create, storage.count(Operation::Create) + 1, FULL));
    let mut open: Vec<Guard> = Vec::new();
    let error = loop {
        match recorder.enter("entry") {
            Ok(guard) => open.push(guard),
            Err(error) => break error,
        }
    };
    assert!(error.is_capacity() && error.is_refused(), "{error}");
    assert!(open.len() > 20, "{}", open.len());
    // A note may not eat the space of the terminals either.
    assert!(large_note(&recorder, 3).expect_err("no space").is_capacity());
    for guard in open {
        guard.fail("e".repeat(1024)).expect("its space was kept");
    }
    // Space came back with the terminals: it is not all used up.
    recorder.enter("entry").expect("admitted again").complete().expect("closes");
    recorder.close().expect("closes");
    assert!(reopen(&trail).is_clean());
    assert_eq!(faults_of(&trail, &[]), Vec::<String>::new());
}

#[test]
fn d12_a_large_record_does_not_leave_the_terminals_without_space() {
    let dir = scratch();
    let trail = dir.path().join("trail");
    let storage = FaultyStorage::new();
    let recorder = builder(&trail, storage.clone()).open().expect("opens");
    storage.plan(Fault::from(Operation::Create, storage.count(Operation::Create) + 1, FULL));
    let open: Vec<Guard> = (0..16).map(|_| recorder.enter("entry").expect("admitted")).collect();
    // It would fit behind the end of this segment, and what it leaves behind here counts for nothing then.
    while large_note(&recorder, 28).is_ok() {}
    for guard in open {
        guard.fail("e".repeat(1024)).expect("its space was kept");
    }
    recorder.close().expect("closes");
    assert_eq!(faults_of(&trail, &[]), Vec::<String>::new());
}

#[test]
fn a_record_larger_than_the_next_segment_is_written_and_one_that_fits_nowhere_is_refused_at_once() {
    let dir = scratch();
    let trail = dir.path().join("trail");
    let recorder = builder(&trail, FaultyStorage::new()).segments(64 * 1024, 4 * 1024 * 1024).open().expect("opens");
    let id = large_note(&recorder, 700).expect("a segment is made for it");
    let error = large_note(&recorder, 1100).expect_err("too large");
    assert_eq!(error.code().text(), "AUD0206");
    recorder.close().expect("closes");
    assert!(read(&trail).bytes[&id].len() > 700_000);
    let small = dir.path().join("small");
    let recorder = builder(&small, FaultyStorage::new()).open().expect("opens");
    let error = large_note(&recorder, 700).expect_err("no segment is that large");
    assert_eq!(error.code().text(), "AUD0206");
    recorder.close().expect("closes");
}

#[audited(node = "degrading", on_audit_failure = degrade)]
fn degrading(n: &mut u32) -> u32 {
    *n += 1;
    *n
}

#[test]
fn d10_degrade_runs_on_and_the_first_record_afterwards_counts_the_gap() {
    let dir = scratch();
    let trail = dir.path().join("trail");
    let storage = FaultyStorage::new();
    let recorder = builder(&trail, storage.clone()).open().expect("opens");
    let mut ran = 0;
    assert_eq!(recorder.scope(|| degrading(&mut ran)), 1);
    storage.plan(Fault::from(Operation::Write, 1, Effect::Failed(ErrorKind::Other)));
    for n in 2..=8 {
        assert_eq!(recorder.scope(|| degrading(&mut ran)), n, "results are unaffected");
    }
    assert!(recorder.health().degraded && !recorder.health().healthy);
    storage.mend();
    drop(recorder.close());
    let recorder = builder(&trail, storage).open().expect("opens again");
    let stream = recorder.stream();
    assert!(!recorder.health().degraded);
    recorder.close().expect("closes");
    let found = read(&trail);
    let gaps: Vec<_> = found.records.iter().filter(|(_, record)| record.header.kind == Kind::Gap).collect();
    assert_eq!(gaps.len(), 1);
    let (id, gap) = gaps[0];
    assert_eq!((id.stream, id.seq, gap.body.uint(Key::Count)), (stream, 1, Some(7)));
}

#[test]
fn j6_a_run_that_is_open_at_close_is_abandoned_by_the_next_open() {
    let dir = scratch();
    let trail = dir.path().join("trail");
    let recorder = builder(&trail, FaultyStorage::new()).open().expect("opens");
    let run = recorder.begin_run("unfinished").expect("begins");
    recorder.close().expect("closes");
    let recovered = reopen(&trail);
    assert_eq!(recovered.streams.iter().map(|stream| stream.runs.len()).sum::<usize>(), 1, "{recovered}");
    // Its late end has nowhere to go: one terminal stands, and it stays.
    drop(run);
    reopen(&trail);
    assert_eq!(faults_of(&trail, &[]), Vec::<String>::new());
}

#[test]
fn a_terminal_that_comes_after_the_close_is_placed_by_the_next_open() {
    let dir = scratch();
    let trail = dir.path().join("trail");
    let recorder = builder(&trail, FaultyStorage::new()).open().expect("opens");
    let guard = recorder.enter("late").expect("enters");
    recorder.close().expect("closes");
    assert!(guard.complete().expect_err("closed").is_in_doubt());
    let recovered = reopen(&trail);
    assert_eq!(recovered.streams[0].placed, 1, "{recovered}");
    assert_eq!(read(&trail).ends("late")[0].header.status.name(), "COMPLETED");
    assert_eq!(faults_of(&trail, &[]), Vec::<String>::new());
}

#[test]
fn d15_eight_threads_that_open_a_new_trail_at_one_instant_share_one_recorder() {
    for _ in 0..20 {
        let dir = scratch();
        let trail = dir.path().join("trail");
        let start = Barrier::new(8);
        let streams: Vec<Result<_, Error>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        audit_runtime::Builder::new(&trail).project(false).open()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        let recorders: Vec<_> = streams.into_iter().map(|opened| opened.expect("opens")).collect();
        assert!(recorders.iter().all(|recorder| recorder.stream() == recorders[0].stream()));
    }
}

#[test]
fn j16_process_and_disk_records_of_many_threads_leave_no_hole() {
    let dir = scratch();
    let trail = dir.path().join("trail");
    // The real storage, with its mapping: eight threads take turns between it and the device.
    let recorder =
        audit_runtime::Builder::new(&trail).project(false).segments(64 * 1024, 256 * 1024).open().expect("opens");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for n in 0..300 {
                    if n % 10 == 9 {
                        recorder.note("device", Severity::Info, &[]).expect("notes");
                    }
                    recorder.enter("kernel").expect("enters").complete().expect("closes");
                }
            });
        }
    });
    let closed = recorder.close().expect("closes");
    assert_eq!(closed.open, 0);
    let found = read(&trail);
    assert_eq!(found.ends("kernel").len(), 2400);
    assert_eq!(found.records.values().filter(|record| record.header.kind == Kind::Note).count(), 240);
    assert_eq!(faults_of(&trail, &[]), Vec::<String>::new());
}
