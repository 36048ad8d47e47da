//! Sequences of operations against a small model of what a trail must say. The model knows ids, parents and ends; it knows
//! nothing of segments, syncs or recovery.

use super::oracle::{Found, faults_of, read};
use super::story::{builder, scratch};
use audit_runtime::clock::ManualClock;
use audit_runtime::model::{Kind, Record};
use audit_runtime::{Exit, Guard, Id, Recorder, Run, Severity, Status};
use audit_testkit::{FaultyStorage, Unsynced};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

/// One operation. Numbers choose among what there is.
#[derive(Clone, Debug)]
enum Op {
    Enter,
    EnterInside(usize),
    Complete(usize),
    Fail(usize),
    Drop(usize),
    Panic,
    Note,
    BeginRun,
    FinishRun(usize),
    DropRun(usize),
    StepClock(i64),
    Crash,
    PowerCut,
    Reopen,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        6 => Just(Op::Enter),
        4 => any::<usize>().prop_map(Op::EnterInside),
        5 => any::<usize>().prop_map(Op::Complete),
        3 => any::<usize>().prop_map(Op::Fail),
        2 => any::<usize>().prop_map(Op::Drop),
        2 => Just(Op::Panic),
        2 => Just(Op::Note),
        2 => Just(Op::BeginRun),
        2 => any::<usize>().prop_map(Op::FinishRun),
        1 => any::<usize>().prop_map(Op::DropRun),
        2 => (-4_000_000_000_000_i64..4_000_000_000_000).prop_map(Op::StepClock),
        1 => Just(Op::Crash),
        1 => Just(Op::PowerCut),
        1 => Just(Op::Reopen),
    ];
    prop::collection::vec(op, 1..60)
}

/// What the model says of an entity: who its parent is, how it ended.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Entity {
    parent: Id,
    end: Option<(Status, Exit)>,
}

/// The model, and the program that it is compared with.
struct World {
    dir: tempfile::TempDir,
    generation: usize,
    clock: Arc<ManualClock>,
    storage: FaultyStorage,
    recorder: Recorder,
    guards: Vec<Guard>,
    runs: Vec<Run>,
    entities: BTreeMap<Id, Entity>,
    notes: Vec<Id>,
}

const LOST: (Status, Exit) = (Status::Abandoned, Exit::Lost);

impl World {
    fn new() -> World {
        let (dir, storage, clock) = (scratch(), FaultyStorage::new(), Arc::new(ManualClock::at(0)));
        let recorder = builder(&dir.path().join("0"), storage.clone()).clock(clock.clone()).open().expect("opens");
        let (guards, runs, entities, notes) = (Vec::new(), Vec::new(), BTreeMap::new(), Vec::new());
        World { dir, generation: 0, clock, storage, recorder, guards, runs, entities, notes }
    }

    fn trail(&self) -> PathBuf {
        self.dir.path().join(self.generation.to_string())
    }

    fn end(&mut self, id: Id, status: Status, exit: Exit) {
        let entity = self.entities.get_mut(&id).expect("the model knows it");
        assert_eq!(entity.end.replace((status, exit)), None, "{id} ends once");
    }

    fn entered(&mut self, guard: Guard, parent: Id) {
        assert_eq!(self.entities.insert(guard.id(), Entity { parent, end: None }), None, "an id is nobody else's");
        self.guards.push(guard);
    }

    fn take<T>(items: &mut Vec<T>, n: usize) -> Option<T> {
        (!items.is_empty()).then(|| items.swap_remove(n % items.len()))
    }

    fn apply(&mut self, op: &Op) {
        self.clock.advance(1000);
        match op {
            Op::Enter => {
                let guard = self.recorder.scope(|| self.recorder.enter("node")).expect("enters");
                self.entered(guard, Id::NONE);
            }
            Op::EnterInside(n) => {
                let Some(outer) = self.guards.get(n % self.guards.len().max(1)) else { return };
                let parent = outer.id();
                let guard = outer.context().run(|| self.recorder.enter("inner")).expect("enters");
                self.entered(guard, parent);
            }
            Op::Complete(n) => {
                let Some(guard) = Self::take(&mut self.guards, *n) else { return };
                self.end(guard.id(), Status::Completed, Exit::Returned);
                guard.complete().expect("completes");
            }
            Op::Fail(n) => {
                let Some(guard) = Self::take(&mut self.guards, *n) else { return };
                self.end(guard.id(), Status::Failed, Exit::Errored);
                guard.fail("an error").expect("fails");
            }
            Op::Drop(n) => {
                let Some(guard) = Self::take(&mut self.guards, *n) else { return };
                self.end(guard.id(), Status::Failed, Exit::Cancelled);
                drop(guard);
            }
            Op::Panic => {
                let guard = self.recorder.scope(|| self.recorder.enter("bursting")).expect("enters");
                let id = guard.id();
                self.entities.insert(id, Entity { parent: Id::NONE, end: None });
                let burst = catch_unwind(AssertUnwindSafe(|| {
                    let _guard = guard;
                    std::panic::resume_unwind(Box::new("burst"))
                }));
                assert!(burst.is_err());
                self.end(id, Status::Failed, Exit::Cancelled);
            }
            Op::Note => self.notes.push(self.recorder.note("thing", Severity::Info, &[]).expect("notes")),
            Op::BeginRun => {
                let run = self.recorder.begin_run("run").expect("begins");
                self.entities.insert(run.id().0, Entity { parent: Id::NONE, end: None });
                self.runs.push(run);
            }
            Op::FinishRun(n) => {
                let Some(run) = Self::take(&mut self.runs, *n) else { return };
                let id = run.id().0;
                match run.finish() {
                    Ok(summary) if summary.status == Status::Failed => self.end(id, Status::Failed, Exit::Errored),
                    Ok(summary) => self.end(id, summary.status, Exit::Returned),
                    // Work of the run is open: it comes back as it was.
                    Err(unfinished) => self.runs.push(unfinished.run),
                }
            }
            Op::DropRun(n) => {
                let Some(run) = Self::take(&mut self.runs, *n) else { return };
                self.end(run.id().0, Status::Failed, Exit::Errored);
                drop(run);
            }
            Op::StepClock(ns) => self.clock.step_wall(*ns),
            Op::Crash => self.go_on_from(|world, next| FaultyStorage::copy(&world.trail(), next).expect("a copy")),
            Op::PowerCut => {
                // A note is for the disk, and with it all that stands before it.
                self.notes.push(self.recorder.note("last", Severity::Info, &[]).expect("notes"));
                let cut = |world: &World, next: &std::path::Path| {
                    world.storage.image(&world.trail(), next, Unsynced::Nothing).expect("an image");
                };
                self.go_on_from(cut);
            }
            Op::Reopen => {
                self.recorder.close().expect("closes");
                self.abandon();
                self.reopen();
            }
        }
    }

    /// The program dies; what it left is opened by the next one.
    fn go_on_from(&mut self, leave: impl FnOnce(&World, &std::path::Path)) {
        leave(self, &self.dir.path().join((self.generation + 1).to_string()));
        let (guards, runs) = (std::mem::take(&mut self.guards), std::mem::take(&mut self.runs));
        self.lose(&guards, &runs);
        // The dead program's own values must not write any more into what the next one reads.
        drop((guards, runs));
        drop(self.recorder.close());
        self.generation += 1;
        self.reopen();
    }

    fn abandon(&mut self) {
        let (guards, runs) = (std::mem::take(&mut self.guards), std::mem::take(&mut self.runs));
        self.lose(&guards, &runs);
        // A process that lives on would drop them; one that ends does not.
        guards.into_iter().for_each(std::mem::forget);
        runs.into_iter().for_each(std::mem::forget);
    }

    fn lose(&mut self, guards: &[Guard], runs: &[Run]) {
        let ids: Vec<Id> = guards.iter().map(Guard::id).chain(runs.iter().map(|run| run.id().0)).collect();
        ids.into_iter().for_each(|id| self.end(id, LOST.0, LOST.1));
    }

    fn reopen(&mut self) {
        self.storage = FaultyStorage::new();
        self.recorder =
            builder(&self.trail(), self.storage.clone()).clock(self.clock.clone()).open().expect("opens again");
    }

    /// Ends everything and compares.
    fn judge(mut self) {
        self.recorder.close().expect("closes");
        self.abandon();
        self.reopen();
        self.recorder.close().expect("closes");
        let found = read(&self.trail());
        assert_eq!(faults_of(&self.trail(), &[]), Vec::<String>::new());
        assert_eq!(found.open.keys().copied().collect::<Vec<_>>(), self.entities.keys().copied().collect::<Vec<_>>());
        for (id, entity) in &self.entities {
            let told = (found.open[id].header.parent, end_of(&found, id));
            assert_eq!(told, (entity.parent, entity.end), "{id}");
        }
        assert!(self.notes.iter().all(|id| found.records[id].header.kind == Kind::Note));
        ordered(&found);
    }
}

fn end_of(found: &Found, id: &Id) -> Option<(Status, Exit)> {
    let record: &Record = found.terminals.get(id)?.first()?;
    Some((record.header.status, record.header.exit))
}

/// D17: the sequence has no gaps and monotonic time never runs back in it, whatever the wall clock did.
fn ordered(found: &Found) {
    let mut last: Option<(Id, u64)> = None;
    for (id, record) in &found.records {
        if let Some((before, mono)) = last.filter(|(before, _)| before.stream == id.stream) {
            assert!(id.seq > before.seq && record.header.mono_ns >= mono, "{before} {id}");
        }
        last = Some((*id, record.header.mono_ns));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn d17_j2_any_sequence_leaves_the_trail_that_the_model_foretells(ops in ops()) {
        let mut world = World::new();
        ops.iter().for_each(|op| world.apply(op));
        world.judge();
    }
}

#[test]
fn control_a_model_that_foretells_something_else_is_noticed() {
    let mut world = World::new();
    [Op::Enter, Op::Complete(0)].iter().for_each(|op| world.apply(op));
    let id = *world.entities.keys().next().expect("one");
    world.entities.insert(id, Entity { parent: Id::NONE, end: Some((Status::Failed, Exit::Errored)) });
    assert!(catch_unwind(AssertUnwindSafe(|| world.judge())).is_err());
}
