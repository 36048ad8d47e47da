//! What the caller gets when the audit itself fails, by policy and by return type.

use crate::trail::{Fault, How, Told, Trail, act, block_on};
use audit_runtime::model::Kind;
use audit_runtime::{Error, audited};
use std::cell::Cell;

thread_local! {
    static RUNS: Cell<u32> = const { Cell::new(0) };
}

fn ran() -> u32 {
    RUNS.set(RUNS.get() + 1);
    7
}

#[audited]
fn refuses() -> Told {
    ran();
    act(How::Ok)
}

#[audited]
async fn refuses_later() -> Told {
    ran();
    act(How::Ok)
}

#[audited]
fn has_no_room_for_an_error() -> u32 {
    ran()
}

#[audited]
fn generic<T: From<u32>>() -> T {
    T::from(ran())
}

#[audited(on_audit_failure = panic)]
fn panics() -> Result<u32, String> {
    Ok(ran())
}

#[audited(on_audit_failure = degrade)]
fn degrades() -> Result<u32, String> {
    Ok(ran())
}

#[audited(on_audit_failure = degrade)]
async fn degrades_later() -> u32 {
    ran()
}

fn audit_error<R>(work: impl FnOnce() -> R) -> Error {
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    let Err(payload) = caught else { panic!("it is refused by panic") };
    *payload.downcast::<Error>().expect("the payload is the audit error")
}

#[test]
fn p1_a_refused_call_does_not_run_its_body() {
    let trail = Trail::new();
    drop(trail.recorder.close());
    trail.recorder.scope(|| {
        assert!(matches!(refuses(), Err(Fault::Audit(error)) if error.is_refused()));
        assert!(matches!(block_on(refuses_later()), Err(Fault::Audit(error)) if error.is_refused()));
        assert!(audit_error(has_no_room_for_an_error).is_refused());
        assert!(audit_error(generic::<u64>).is_refused());
        assert!(audit_error(panics).is_refused());
    });
    assert_eq!(RUNS.get(), 0);
    trail.recorder.scope(|| {
        assert_eq!(degrades(), Ok(7));
        assert_eq!(block_on(degrades_later()), 7);
    });
    assert_eq!(RUNS.get(), 2);
    assert!(trail.states().is_empty());
}

#[test]
fn the_same_functions_run_where_the_trail_is_sound() {
    let trail = Trail::new();
    trail.recorder.scope(|| {
        refuses().expect("recorded");
        block_on(refuses_later()).expect("recorded");
        assert_eq!((has_no_room_for_an_error(), generic::<u64>()), (7, 7));
        assert_eq!((panics(), degrades()), (Ok(7), Ok(7)));
        assert_eq!(block_on(degrades_later()), 7);
    });
    assert_eq!(trail.states().len(), 7);
    assert!(trail.of_kind(Kind::Gap).is_empty());
}

#[test]
fn without_a_recorder_the_body_runs() {
    assert_eq!(degrades(), Ok(7));
    assert_eq!(refuses().expect("nobody refuses"), 7);
    assert_eq!(block_on(refuses_later()).expect("nobody refuses"), 7);
}
