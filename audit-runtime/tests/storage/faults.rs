//! Every operation fails, in every way, once and for ever; then the trail is opened on good storage, and all promises are
//! checked: as the kernel shows it, and as a power cut would have left it.

use super::oracle::{faults_of, lies_in, read, reopen};
use super::story::{Acked, Call, Saw, Told, builder, scratch, tell};
use audit_runtime::model::record::flag;
use audit_runtime::{Durability, Recorder};
use audit_testkit::{Effect, Fault, FaultyStorage, Operation, Unsynced};
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

const ERROR: ErrorKind = ErrorKind::Other;
const FULL: ErrorKind = ErrorKind::StorageFull;

/// The ways in which an operation can fail.
fn effects(operation: Operation) -> Vec<Effect> {
    let pair = vec![Effect::Failed(ERROR), Effect::FailedButKept(ERROR)];
    let more = match operation {
        Operation::Write => {
            vec![
                Effect::Failed(FULL),
                Effect::FailedHalfway(FULL),
                Effect::Short,
                Effect::Failed(ErrorKind::Interrupted),
            ]
        }
        Operation::Create => vec![Effect::Failed(FULL), Effect::Failed(ErrorKind::ReadOnlyFilesystem)],
        Operation::Read => vec![Effect::Short],
        Operation::Sync => vec![Effect::Failed(FULL)],
        Operation::Truncate | Operation::Look | Operation::Remove => Vec::new(),
    };
    [pair, more].concat()
}

/// Runs the story on this storage; `None` when the trail could not even be opened.
fn story_on(trail: &Path, storage: &FaultyStorage) -> Option<(Told, Recorder)> {
    let recorder = match builder(trail, storage.clone()).ack_timeout(Duration::from_secs(5)).open() {
        Ok(recorder) => recorder,
        Err(error) => {
            assert!(error.is_refused() || error.is_configuration() || error.is_integrity(), "{error}");
            return None;
        }
    };
    let told = tell(&recorder);
    Some((told, recorder))
}

/// One case: what is wrong afterwards.
fn case(fault: Fault) -> (usize, Vec<String>) {
    let dir = scratch();
    let trail = dir.path().join("trail");
    let storage = FaultyStorage::with(fault);
    let told = story_on(&trail, &storage);
    let (acked, calls): (Vec<Acked>, Vec<Call>) = match &told {
        Some((told, _)) => (told.acked(), told.calls.borrow().clone()),
        None => (Vec::new(), Vec::new()),
    };
    let mut wrong = lies_in(&calls);
    // The process dies here, and once more with the power.
    let (killed, cut) = (dir.path().join("killed"), dir.path().join("cut"));
    FaultyStorage::copy(&trail, &killed).expect("a copy");
    storage.image(&trail, &cut, Unsynced::Nothing).expect("an image");
    // And it ends as it should, as far as it can.
    if let Some((_, recorder)) = told {
        drop(recorder.close());
    }
    let fired = storage.fired();
    let durable: Vec<Acked> = acked.iter().filter(|ack| ack.durability >= Durability::Disk).cloned().collect();
    for (trail, acked) in [(&trail, &acked), (&killed, &acked), (&cut, &durable)] {
        let _recovered = reopen(trail);
        let name = trail.file_name().unwrap_or_default().to_string_lossy().into_owned();
        wrong.extend(faults_of(trail, acked).into_iter().map(|fault| format!("{name}: {fault}")));
    }
    (fired, wrong)
}

/// Every fault of an operation, at every place where it fires.
fn sweep(operations: &[Operation]) -> usize {
    let mut cases = 0;
    let mut wrong = Vec::new();
    for operation in operations {
        for effect in effects(*operation) {
            for make in [Fault::once, Fault::from] {
                for nth in 1.. {
                    let fault = make(*operation, nth, effect);
                    let (fired, bad) = case(fault);
                    if fired == 0 {
                        break;
                    }
                    cases += 1;
                    wrong.extend(bad.into_iter().map(|bad| format!("{fault:?}: {bad}")));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {cases} cases:\n{}", wrong.len(), wrong.join("\n"));
    println!("{operations:?}: {cases} fault cases, three endings each");
    cases
}

#[test]
fn d1_d4_d9_t11_every_write_fails_in_every_way() {
    assert!(sweep(&[Operation::Write]) > 100);
}

#[test]
fn d9_every_sync_fails_in_every_way() {
    assert!(sweep(&[Operation::Sync, Operation::Look]) > 50);
}

#[test]
fn d12_segments_cannot_be_made_read_cut_or_removed() {
    assert!(sweep(&[Operation::Create, Operation::Read, Operation::Truncate, Operation::Remove]) > 10);
}

#[test]
fn a_story_without_faults_is_told_and_kept() {
    let dir = scratch();
    let trail = dir.path().join("trail");
    let storage = FaultyStorage::new();
    let (told, recorder) = story_on(&trail, &storage).expect("good storage opens");
    recorder.close().expect("it closes");
    let saw: Vec<Saw> = told.calls.borrow().iter().map(|call| call.saw).collect();
    use Saw::{Own, Panic, Value};
    assert_eq!(saw, [Value, Own, Panic, Value, Value, Value, Value, Value, Value]);
    assert!(reopen(&trail).is_clean());
    assert_eq!(faults_of(&trail, &told.acked()), Vec::<String>::new());
    assert!(told.acked().len() >= 16, "{}", told.acked().len());
}

#[test]
fn d4_a_terminal_that_the_journal_cannot_take_is_placed_by_the_next_open() {
    let dir = scratch();
    let trail = dir.path().join("trail");
    let storage = FaultyStorage::new();
    let recorder = builder(&trail, storage.clone()).open().expect("opens");
    let guard = recorder.enter("effect").expect("enters");
    storage.plan(Fault::from(Operation::Write, storage.count(Operation::Write) + 1, Effect::Failed(ERROR)));
    let error = guard.complete().expect_err("the terminal cannot be written");
    assert!(error.is_in_doubt(), "{error}");
    assert_eq!(error.code().text(), "AUD0211");
    assert!(recorder.enter("later").expect_err("poisoned").is_refused());
    drop(recorder.close());
    let recovered = reopen(&trail);
    assert_eq!(recovered.streams.iter().map(|stream| stream.placed).sum::<u64>(), 1);
    let found = read(&trail);
    let ends = found.ends("effect");
    assert_eq!(ends.len(), 1);
    assert_eq!(ends[0].header.flags & flag::SPOOLED, flag::SPOOLED);
    assert_eq!(ends[0].header.exit.name(), "returned");
}

#[test]
fn g12_when_the_second_sink_fails_too_the_error_names_both() {
    let dir = scratch();
    let trail = dir.path().join("trail");
    let storage = FaultyStorage::new();
    let nowhere = dir.path().join("no such directory");
    let recorder = builder(&trail, storage.clone()).spool(&nowhere).open().expect("opens");
    let guard = recorder.enter("effect").expect("enters");
    storage.plan(Fault::from(Operation::Write, storage.count(Operation::Write) + 1, Effect::Failed(ERROR)));
    let error = guard.complete().expect_err("neither sink takes it");
    assert!(error.is_in_doubt() && error.code() == audit_runtime::Code::InDoubt, "{error}");
    let text = error.to_string();
    assert!(text.contains("second sink") && text.contains("stays open") && text.contains("AUD0201"), "{text}");
    assert!(recorder.health().poison.is_some());
    drop(recorder.close());
    reopen(&trail);
    assert_eq!(read(&trail).ends("effect")[0].header.status.name(), "ABANDONED");
}

/// Storage that lies is what the oracle must see through; otherwise the sweeps above prove nothing.
#[test]
fn t1_t2_control_lying_storage_is_caught() {
    let lies = [
        (Fault::from(Operation::Sync, 1, Effect::Pretended), true, "is lost"),
        (Fault::from(Operation::Create, 1, Effect::Pretended), true, "is lost"),
        (Fault::once(Operation::Write, 12, Effect::Pretended), false, "is lost"),
    ];
    for (fault, power_cut, what) in lies {
        let dir = scratch();
        let trail = dir.path().join("trail");
        let storage = FaultyStorage::with(fault);
        let (told, recorder) = story_on(&trail, &storage).expect("a lie is not noticed at once");
        let copy = dir.path().join("copy");
        match power_cut {
            true => storage.image(&trail, &copy, Unsynced::Nothing).expect("an image"),
            false => FaultyStorage::copy(&trail, &copy).expect("a copy"),
        }
        drop(recorder.close());
        let acked: Vec<Acked> =
            told.acked().into_iter().filter(|ack| !power_cut || ack.durability >= Durability::Disk).collect();
        reopen(&copy);
        let wrong = faults_of(&copy, &acked);
        assert!(wrong.iter().any(|fault| fault.contains(what)), "{fault:?}: {wrong:?}");
    }
}
