//! Parents and runs: kept across calls, polls, tasks and threads; their loss is told.

use crate::trail::{Fault, Told, Trail, act};
use crate::trail::{How, block_on};
use audit_runtime::model::{Exit, Id, Key, RunId};
use audit_runtime::{InAuditContext, audit_context, audited};

#[audited]
fn leaf() -> Told {
    act(How::Ok)
}

#[audited]
async fn leaf_later() -> Told {
    tokio::task::yield_now().await;
    act(How::Ok)
}

#[audited]
async fn spawns() -> Told {
    let with = tokio::spawn(leaf_later().in_audit_context());
    let context = audit_context();
    let thread = std::thread::spawn(move || context.run(leaf));
    let wrapped = std::thread::spawn(audit_context().wrap(leaf));
    with.await.map_err(|_| Fault::Told)??;
    thread.join().map_err(|_| Fault::Told)??;
    wrapped.join().map_err(|_| Fault::Told)?
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_context_is_carried_into_tasks_and_threads() {
    let trail = Trail::new();
    trail.recorder.scope_async(spawns()).await.expect("it ends well");
    let parent = trail.only("spawns");
    let children: Vec<_> = trail.states().into_iter().filter(|state| state.parent == parent.id).collect();
    assert_eq!(children.len(), 3);
    assert!(children.iter().all(|child| child.opened.body.get(Key::Unattributed).is_none()));
}

#[test]
fn an_entry_outside_every_run_is_legal_and_has_no_parent() {
    let trail = Trail::new();
    trail.recorder.scope(leaf).expect("recorded");
    let state = trail.only("leaf");
    assert_eq!((state.run, state.parent), (RunId::NONE, Id::NONE));
    assert!(!state.opened.body.is(Key::Unattributed));
}

#[test]
fn an_entry_inside_a_run_belongs_to_it() {
    let trail = Trail::new();
    let run = trail.recorder.begin_run("only").expect("a run");
    run.scope(leaf).expect("recorded");
    trail.recorder.scope(leaf).expect("the only run of its recorder is found without a scope of its own");
    let id = run.id();
    run.finish().expect("finished");
    assert!(trail.states().iter().all(|state| state.run == id && !state.opened.body.is(Key::Unattributed)));
}

#[test]
fn work_that_lost_its_context_is_recorded_as_unattributed() {
    let trail = Trail::new();
    let (one, two) = (trail.recorder.begin_run("one").expect("a run"), trail.recorder.begin_run("two").expect("a run"));
    trail.recorder.scope(leaf).expect("recorded");
    let lost = trail.only("leaf");
    assert!(lost.opened.body.is(Key::Unattributed));
    assert_eq!(lost.run, RunId::NONE);
    one.scope(leaf).expect("recorded");
    assert!(!trail.states()[1].opened.body.is(Key::Unattributed));
    drop((one, two));
}

#[audited(run = run)]
fn in_given_run(run: RunId) -> Told {
    leaf()
}

#[test]
fn option_run_names_the_run() {
    let trail = Trail::new();
    let (one, two) = (trail.recorder.begin_run("one").expect("a run"), trail.recorder.begin_run("two").expect("a run"));
    let id = two.id();
    trail.recorder.scope(|| in_given_run(id)).expect("recorded");
    assert_eq!(trail.only("in_given_run").run, id);
    assert_eq!(trail.only("leaf").run, id, "its children follow it");
    drop((one, two));
}

#[test]
fn two_scopes_on_one_thread_do_not_mix() {
    let (one, two) = (Trail::new(), Trail::new());
    one.recorder.scope(|| {
        leaf().expect("recorded");
        two.recorder.scope(leaf).expect("recorded");
        block_on(leaf_later()).expect("recorded");
    });
    assert_eq!((one.states().len(), two.states().len()), (2, 1));
    assert_eq!(two.only("leaf").parent, Id::NONE);
}

#[audited]
fn breaks() {
    panic!("told to panic");
}

#[audited]
async fn never() {
    std::future::pending::<()>().await;
}

#[audited]
async fn outer_of_two_ends() -> Told {
    assert!(crate::trail::caught(breaks).is_err());
    leaf()?;
    {
        let mut inner = std::pin::pin!(never());
        assert!(crate::trail::poll_once(inner.as_mut()).is_pending());
    }
    leaf()
}

#[test]
fn g16_the_outer_entry_is_current_again_behind_an_inner_one_that_panics_or_is_cancelled() {
    let trail = Trail::new();
    trail.recorder.scope(|| block_on(outer_of_two_ends())).expect("recorded");
    let outer = trail.only("outer_of_two_ends");
    assert_eq!(outer.exit(), Exit::Returned);
    assert_eq!((trail.only("breaks").exit(), trail.only("never").exit()), (Exit::Panicked, Exit::Cancelled));
    let inner: Vec<_> = trail.states().into_iter().filter(|state| state.id != outer.id).collect();
    assert_eq!(inner.len(), 4);
    assert!(inner.iter().all(|state| state.parent == outer.id), "what comes after them belongs to the outer one");
}

#[test]
fn g22_closing_is_a_hand_off_with_nothing_to_await() {
    // Not futures: what these return is known when they return, so there is nothing that somebody could forget.
    let _closes: [fn(audit_runtime::Guard) -> Result<(), audit_runtime::Error>; 1] = [audit_runtime::Guard::complete];
    let trail = Trail::new();
    trail.recorder.enter("by hand").expect("opened").complete().expect("closed");
    let states = trail.states();
    assert!(matches!(states.as_slice(), [one] if one.exit() == Exit::Returned));
}

#[test]
fn j8_who_joins_a_run_says_so_and_what_another_thread_records_belongs_to_it() {
    let trail = Trail::new();
    let run = trail.recorder.begin_run("shared").expect("a run");
    let id = run.id();
    let other = trail.recorder.join_run(id).expect("joined");
    std::thread::spawn(move || other.scope(leaf)).join().expect("no panic").expect("recorded");
    run.finish().expect("finished");
    let joined = trail.of_kind(audit_runtime::model::Kind::RunJoined);
    assert!(matches!(joined.as_slice(), [one] if one.header.run == id));
    let state = trail.only("leaf");
    assert_eq!((state.run, state.opened.body.is(Key::Unattributed)), (id, false));
}
