//! Exits that a function can be left by, one terminal for each entry.

use crate::trail::{Fault, How, Told, Trail, act, block_on, caught, poll_once};
use audit_runtime::audited;
use audit_runtime::model::{Exit, Key, Kind, Status};
use std::cell::RefCell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

#[audited]
fn with_payload(payload: u8) -> u32 {
    match payload {
        0 => panic!("a literal"),
        1 => std::panic::panic_any(41_u64),
        _ => 1,
    }
}

#[test]
fn g3_panic_keeps_its_payload() {
    let trail = Trail::new();
    let payload = trail.recorder.scope(|| std::panic::catch_unwind(|| with_payload(1))).expect_err("it panics");
    assert_eq!(payload.downcast_ref::<u64>(), Some(&41));
    let payload = trail.recorder.scope(|| std::panic::catch_unwind(|| with_payload(0))).expect_err("it panics");
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"a literal"));
    assert_eq!(trail.recorder.scope(|| with_payload(2)), 1);
    let exits: Vec<_> = trail.states().iter().map(|state| state.exit()).collect();
    assert_eq!(exits, [Exit::Panicked, Exit::Panicked, Exit::Returned]);
    assert_eq!(trail.states()[1].text(Key::Error), Some("a literal"));
}

#[audited]
fn third_step_fails(log: &RefCell<Vec<u8>>) -> Told {
    log.borrow_mut().push(1);
    act(How::Ok)?;
    log.borrow_mut().push(2);
    act(How::Ok)?;
    log.borrow_mut().push(3);
    act(How::Err)?;
    log.borrow_mut().push(4);
    Ok(0)
}

#[test]
fn g4_a_question_mark_at_the_third_step_ends_once() {
    let trail = Trail::new();
    let log = RefCell::new(Vec::new());
    let error = trail.recorder.scope(|| third_step_fails(&log)).expect_err("the third step fails");
    assert!(matches!(error, Fault::Told));
    assert_eq!(*log.borrow(), [1, 2, 3]);
    assert_eq!(trail.only("third_step_fails").exit(), Exit::Errored);
}

#[audited]
fn many_ways_out(way: u8) -> Told {
    let closure = |x: u8| -> Told {
        if x == 9 {
            return Err(Fault::Told);
        }
        Ok(1)
    };
    drop(closure(9));
    if way == 0 {
        return Ok(1);
    }
    let found = 'search: {
        if way == 1 {
            break 'search Some(2);
        }
        None
    };
    if let Some(found) = found {
        return Ok(found);
    }
    let 2 = way else { return Err(Fault::Told) };
    closure(way)
}

#[test]
fn g5_each_way_out_ends_exactly_once() {
    let trail = Trail::new();
    trail.recorder.scope(|| (0..4).for_each(|way| drop(many_ways_out(way))));
    let exits: Vec<_> = trail.states().iter().map(|state| state.exit()).collect();
    assert_eq!(exits, [Exit::Returned, Exit::Returned, Exit::Returned, Exit::Errored]);
}

/// Ready after it was polled this many times.
struct After(u32);

impl Future for After {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0 == 0 {
            return Poll::Ready(());
        }
        self.0 -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

#[audited]
async fn child(polls: u32) -> Told {
    After(polls).await;
    act(How::Ok)
}

#[audited]
async fn five_awaits() -> Told {
    let mut sum = 0;
    for _ in 0..5 {
        sum += child(1).await?;
    }
    Ok(sum)
}

#[test]
fn g6_a_dropped_future_is_cancelled_exactly_once_at_every_await() {
    let mut cut = 0;
    loop {
        let trail = Trail::new();
        let done = trail.recorder.scope(|| {
            let mut future = Box::pin(five_awaits());
            (0..cut).any(|_| poll_once(future.as_mut()).is_ready())
        });
        let states = trail.states();
        if cut == 0 {
            assert!(states.is_empty(), "never polled: no record");
        } else if done {
            assert!(states.iter().all(|state| state.exit() == Exit::Returned));
            break;
        } else {
            let parent = trail.only("five_awaits");
            assert_eq!((parent.status(), parent.exit()), (Status::Failed, Exit::Cancelled));
            let last = states.last().expect("a child");
            assert_eq!(last.exit(), Exit::Cancelled);
            assert!(last.closed_seq < parent.closed_seq, "the child ends before its parent");
            assert!(states.iter().all(|state| state.terminals.len() == 1));
        }
        cut += 1;
        assert!(cut < 100, "the future ends");
    }
    assert!(cut > 5, "each await was cut");
}

#[audited]
async fn joined(how: How) -> Told {
    After(1).await;
    if how == How::Hang {
        std::future::pending::<()>().await;
    }
    act(how)
}

#[test]
fn g7_a_panic_among_joined_futures_cancels_the_others() {
    let trail = Trail::new();
    let seen = trail.recorder.scope(|| {
        caught(|| block_on(async { futures::join!(joined(How::Hang), joined(How::Panic), joined(How::Hang)) }))
    });
    assert_eq!(seen.err().as_deref(), Some("told to panic"));
    let mut exits: Vec<_> = trail.states().iter().map(|state| state.exit().name()).collect();
    exits.sort_unstable();
    assert_eq!(exits, ["cancelled", "cancelled", "panicked"]);
}

#[test]
fn g8_a_future_moved_to_another_thread_stays_one_entry() {
    let trail = Trail::new();
    let mut future = Box::pin(trail.recorder.scope_async(five_awaits()));
    assert!(poll_once(future.as_mut()).is_pending());
    trail.recorder.scope(|| drop(block_on(child(0))));
    std::thread::spawn(move || block_on(future)).join().expect("no panic").expect("it ends well");
    let states = trail.states();
    let parent = trail.only("five_awaits");
    assert_eq!(parent.exit(), Exit::Returned);
    let (inside, outside): (Vec<_>, Vec<_>) =
        states.iter().filter(|state| state.function == "child").partition(|state| state.parent == parent.id);
    assert_eq!((inside.len(), outside.len()), (5, 1), "the first thread's context was clean between the polls");
}

#[audited]
fn deep(depth: u32, how: How) -> Told {
    if depth == 0 { act(how) } else { other(depth - 1, how) }
}

#[audited]
fn other(depth: u32, how: How) -> Told {
    if depth == 0 { act(how) } else { deep(depth - 1, how) }
}

#[test]
fn g14_a_hundred_entries_deep_each_has_its_caller_as_parent() {
    for (how, exit) in [(How::Ok, Exit::Returned), (How::Err, Exit::Errored), (How::Panic, Exit::Panicked)] {
        let trail = Trail::new();
        drop(trail.recorder.scope(|| caught(|| deep(99, how))));
        let states = trail.states();
        assert_eq!(states.len(), 100);
        for pair in states.windows(2) {
            assert_eq!(pair[1].parent, pair[0].id);
            assert!(pair[1].closed_seq < pair[0].closed_seq, "closed innermost first");
        }
        assert!(states.iter().all(|state| state.exit() == exit));
        assert_eq!(trail.of_kind(Kind::PanicObserved).len(), usize::from(how == How::Panic));
    }
}

#[test]
fn g14_functions_that_call_themselves_are_entered_each_time() {
    let trail = Trail::new();
    trail.recorder.scope(|| {
        crate::shapes_sync::recursive(20, How::Ok).expect("it ends well");
        block_on(crate::shapes_async::async_recursive(20, How::Ok)).expect("it ends well");
    });
    let states = trail.states();
    for name in ["recursive", "async_recursive"] {
        let chain: Vec<_> = states.iter().filter(|state| state.function == name).collect();
        assert_eq!(chain.len(), 21);
        assert!(chain.windows(2).all(|pair| pair[1].parent == pair[0].id && pair[1].closed_seq < pair[0].closed_seq));
    }
}

thread_local! {
    static LOG: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

struct Noisy(&'static str);

impl Drop for Noisy {
    fn drop(&mut self) {
        LOG.with_borrow_mut(|log| log.push(self.0));
    }
}

impl Noisy {
    fn twin(self, a: Noisy, _: Noisy, (b, c): (Noisy, Noisy)) -> Told {
        let _local = Noisy("local");
        LOG.with_borrow_mut(|log| log.push("body"));
        drop(b);
        let _ = (&a, &c);
        act(How::Ok)
    }

    #[audited]
    fn annotated(self, a: Noisy, _: Noisy, (b, c): (Noisy, Noisy)) -> Told {
        let _local = Noisy("local");
        LOG.with_borrow_mut(|log| log.push("body"));
        drop(b);
        let _ = (&a, &c);
        act(How::Ok)
    }

    async fn async_twin(self, a: Noisy, b: Noisy) -> Told {
        let _local = Noisy("local");
        After(1).await;
        drop(a);
        let _ = &b;
        act(How::Ok)
    }

    #[audited]
    async fn async_annotated(self, a: Noisy, b: Noisy) -> Told {
        let _local = Noisy("local");
        After(1).await;
        drop(a);
        let _ = &b;
        act(How::Ok)
    }
}

fn effects(work: impl FnOnce()) -> Vec<&'static str> {
    LOG.with_borrow_mut(Vec::clear);
    work();
    LOG.with_borrow_mut(std::mem::take)
}

#[test]
fn g15_effects_and_drops_are_those_of_the_plain_twin() {
    let trail = Trail::new();
    let args = || (Noisy("a"), (Noisy("b"), Noisy("c")));
    let plain = effects(|| {
        let (a, pair) = args();
        drop(Noisy("self").twin(a, Noisy("_"), pair));
    });
    let audited = effects(|| {
        let (a, pair) = args();
        trail.recorder.scope(|| drop(Noisy("self").annotated(a, Noisy("_"), pair)));
    });
    let named = |effects: Vec<&'static str>| effects.into_iter().filter(|name| *name != "_").collect::<Vec<_>>();
    assert_eq!(named(audited), named(plain), "all but the argument that nobody can name");
    let plain = effects(|| drop(block_on(Noisy("self").async_twin(Noisy("a"), Noisy("b")))));
    let audited = effects(|| {
        trail.recorder.scope(|| drop(block_on(Noisy("self").async_annotated(Noisy("a"), Noisy("b")))));
    });
    assert_eq!(audited, plain);
}

#[audited]
#[track_caller]
fn caller() -> &'static std::panic::Location<'static> {
    std::panic::Location::caller()
}

#[test]
fn g15_track_caller_still_names_the_caller() {
    let trail = Trail::new();
    let (seen, line) = trail.recorder.scope(|| (caller(), line!()));
    assert_eq!((seen.file(), seen.line()), (file!(), line));
    assert_eq!(trail.only("caller").exit(), Exit::Returned);
}

struct CallsInDrop;

impl Drop for CallsInDrop {
    fn drop(&mut self) {
        drop(child_sync());
    }
}

#[audited]
fn child_sync() -> Told {
    act(How::Ok)
}

#[audited]
fn panics_with_a_guest() -> Told {
    let _guest = CallsInDrop;
    act(How::Panic)
}

/// A successful call inside the unwinding of another one is no panic.
#[test]
fn a_call_made_while_unwinding_is_told_as_what_it_is() {
    let trail = Trail::new();
    drop(trail.recorder.scope(|| caught(panics_with_a_guest)));
    assert_eq!(trail.only("panics_with_a_guest").exit(), Exit::Panicked);
    assert_eq!(trail.only("child_sync").exit(), Exit::Returned);
    assert_eq!(trail.only("child_sync").parent, trail.only("panics_with_a_guest").id);
}

#[test]
fn g9_a_guard_that_is_dropped_is_cancelled() {
    let trail = Trail::new();
    drop(trail.recorder.enter("by hand").expect("opened"));
    let guard = trail.recorder.enter("ended").expect("opened");
    guard.context().run(|| drop(child_sync()));
    let id = guard.id();
    guard.complete().expect("recorded");
    trail.recorder.enter("failed").expect("opened").fail("no luck").expect("recorded");
    let states = trail.states();
    assert_eq!((states[0].node.as_str(), states[0].exit()), ("by hand", Exit::Cancelled));
    assert_eq!(states[0].text(Key::Reason), Some("dropped"));
    assert_eq!((states[1].node.as_str(), states[1].status()), ("ended", Status::Completed));
    assert_eq!(states[2].parent, id);
    assert_eq!((states[3].exit(), states[3].text(Key::Error)), (Exit::Errored, Some("no luck")));
}

#[test]
fn g10_what_follows_a_completed_guard_changes_nothing() {
    let trail = Trail::new();
    let after = || -> Result<(), Fault> {
        trail.recorder.enter("step")?.complete()?;
        Err(Fault::Told)
    };
    assert!(after().is_err());
    assert_eq!(trail.states()[0].status(), Status::Completed);
}

#[test]
fn g23_a_deferred_entry_is_deferred_once_and_ends_by_a_terminal() {
    let trail = Trail::new();
    let mut guard = trail.recorder.enter("hand-over").expect("an entry");
    guard.defer("the answer comes by mail").expect("DEFERRED is recorded");
    assert!(guard.defer("again").expect_err("only OPEN is deferred").is_refused());
    guard.complete().expect("DEFERRED ends");
    assert_eq!(trail.states()[0].status(), Status::Completed);
}

#[test]
fn a_future_polled_between_two_recorders_keeps_its_own() {
    let (one, two) = (Trail::new(), Trail::new());
    let mut future = pin!(one.recorder.scope_async(five_awaits()));
    while two.recorder.scope(|| poll_once(future.as_mut()).is_pending()) {}
    assert_eq!(one.states().len(), 6);
    assert!(two.states().is_empty());
}

/// Also where the error is a type parameter that nobody promised to be `Send`.
#[test]
fn a_future_stays_send_although_its_output_is_not() {
    let trail = Trail::new();
    let future = crate::shapes_async::send_with_an_output_that_is_not(|| std::rc::Rc::new(1_u8));
    let future = crate::shapes_async::is_send(trail.recorder.scope_async(future));
    assert!(block_on(future).is_err());
    assert_eq!(trail.only("send_with_an_output_that_is_not").exit(), Exit::Errored);
}
