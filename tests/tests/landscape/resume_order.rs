//! What several processes have left of one run comes back, and is told, in the order in which it came about: a stream's id
//! says nothing of its age.

use super::trail::{Lab, Nodes, row};
use audit_runtime::landscape::{Again, Landscape, ReadBack, Trigger};
use audit_runtime::model::digest::{Scope, digest_bytes};
use audit_runtime::{Id, Run, RunId, Status, StreamId};

/// What the processes have left, oldest first.
#[derive(Default)]
struct Left {
    streams: Vec<StreamId>,
    gathered: Vec<Id>,
    drafts: Vec<Id>,
    rows: Vec<Id>,
    doubts: Vec<Id>,
}

impl Left {
    /// One process's part: a token that came out of a batch, a batch that gathers, a row on its way, and from the first two
    /// processes a write in doubt, each to a sink of its own.
    fn work(&mut self, lab: &Lab, (run, land, nodes): (Run, Landscape, Nodes)) {
        let n = self.streams.len() as u32;
        let mut released = land.batch(nodes.agg).unwrap();
        released.add(row(&land, &nodes, 10 * n)).unwrap();
        let outputs = released.release(Trigger::Count).unwrap().complete(1, &"sum").unwrap();
        self.gathered.push(outputs[0].id());
        let mut draft = land.batch(nodes.agg).unwrap();
        draft.add(row(&land, &nodes, 10 * n + 1)).unwrap();
        self.drafts.push(draft.id());
        let token = row(&land, &nodes, 10 * n + 2);
        self.rows.push(token.row().unwrap());
        let doubtful = [nodes.bad, nodes.out].get(n as usize).map(|sink| {
            let visit = row(&land, &nodes, 10 * n + 3).enter(*sink).unwrap();
            let content = digest_bytes(Scope::Bytes, b"lines");
            let prepared = land.prepare(*sink, &format!("part-{n}"), content, vec![visit]).unwrap();
            self.doubts.push(prepared.id());
            let Ok(written) = prepared.write(|| Ok::<(), String>(())) else { panic!("it writes") };
            written
        });
        self.streams.push(lab.recorder.stream());
        run.interrupt("in the middle").unwrap();
        drop((outputs, draft, token, doubtful));
    }

    /// Whether the order of the streams' ids would pass for the order of their ages.
    fn looks_sorted(&self) -> bool {
        self.rows.is_sorted() || self.doubts.is_sorted()
    }
}

/// One run, left by process after process, until their streams are not in order.
fn left_by_many() -> (Lab, RunId, Left) {
    loop {
        let mut lab = Lab::new();
        let mut left = Left::default();
        let begun = lab.begin();
        let id = begun.0.id();
        left.work(&lab, begun);
        for _ in 0..3 {
            lab.recorder.close().unwrap();
            lab.recorder = audit_runtime::open(lab.path()).unwrap();
            left.work(&lab, lab.resume(id));
        }
        if !left.looks_sorted() {
            lab.recorder.close().unwrap();
            lab.recorder = audit_runtime::open(lab.path()).unwrap();
            return (lab, id, left);
        }
    }
}

#[test]
fn l34_l40_what_several_processes_left_comes_back_oldest_first() {
    let (lab, id, left) = left_by_many();
    let (run, land, nodes) = lab.resume(id);
    let doubts = land.in_doubt();
    assert_eq!(doubts.iter().map(|doubt| doubt.id()).collect::<Vec<_>>(), left.doubts);
    for doubt in doubts {
        assert!(doubt.read_back(|_| Ok::<_, String>(ReadBack::NotApplied)).unwrap().is_none());
    }
    let gathered = land.gathered_again().unwrap();
    assert_eq!(gathered.iter().map(|token| token.id()).collect::<Vec<_>>(), left.gathered);
    let batches = land.batches_again(nodes.agg).unwrap();
    assert_eq!(batches.iter().map(|batch| batch.id()).collect::<Vec<_>>(), left.drafts);
    let rows = land.rows_in_flight();
    let told: Vec<Id> = rows.iter().map(|row| row.row).filter(|row| left.rows.contains(row)).collect();
    assert_eq!(told, left.rows);
    // The control: by their ids alone they would come in another order.
    let mut by_id = left.rows.clone();
    by_id.sort_unstable();
    assert_ne!(by_id, left.rows);

    gathered.into_iter().for_each(|token| token.filtered().unwrap());
    for batch in batches {
        batch.release(Trigger::EndOfSource).unwrap().complete(0, &()).unwrap();
    }
    for n in (0..4u32).flat_map(|n| [10 * n + 2, 10 * n + 3]) {
        let Some(row) = rows.iter().find(|row| row.digest == digest_of(n)) else { continue };
        land.row_in_flight(row, &n).unwrap().into_iter().for_each(|token| token.filtered().unwrap());
    }
    assert_eq!(run.finish().unwrap().status, Status::Completed);
    assert_eq!(lab.sweep(), Vec::<String>::new());
}

#[test]
fn q2_the_first_entries_of_a_run_are_those_of_its_first_process() {
    let (lab, id, left) = left_by_many();
    let trail = lab.trail();
    let streams = |limit| {
        let story = trail.show(id.0, limit).unwrap();
        story.entries.iter().map(|entry| Id::parse(&entry.id).unwrap().stream).collect::<Vec<_>>()
    };
    assert_eq!(streams(2), [left.streams[0]; 2]);
    let mut all = streams(1000);
    assert_eq!(all.len(), 6, "four releases and two visits of sinks");
    all.dedup();
    assert_eq!(all, left.streams);
    // The control: by their ids the streams would stand in another order.
    assert!(!left.streams.is_sorted());
}

fn digest_of(n: u32) -> audit_runtime::model::digest::Slot {
    digest_bytes(Scope::Payload, n.to_string().as_bytes()).into()
}

#[test]
fn q2_the_visits_of_a_token_are_told_in_the_order_in_which_they_happened() {
    loop {
        let mut lab = Lab::new();
        let (run, land, nodes) = lab.begin();
        let (id, first) = (run.id(), row(&land, &nodes, 1));
        let token = first.id();
        let first = first.enter(nodes.clean).unwrap();
        let mut visits = vec![first.id()];
        run.interrupt("in the middle").unwrap();
        drop((first, land));
        for last in [false, false, true] {
            lab.recorder.close().unwrap();
            lab.recorder = audit_runtime::open(lab.path()).unwrap();
            let (run, land, nodes) = lab.resume(id);
            let Again::Open(mut tokens) = land.row_again(nodes.source, "1", &1u32).unwrap() else {
                panic!("on its way")
            };
            let visit = tokens.pop().unwrap().enter(nodes.clean).unwrap();
            visits.push(visit.id());
            if last {
                visit.complete().unwrap().filtered().unwrap();
                run.finish().unwrap();
            } else {
                run.interrupt("again").unwrap();
                drop(visit);
            }
        }
        // The control: only a trail whose streams are out of order can tell the difference.
        if visits.is_sorted() {
            continue;
        }
        let story = lab.explain(token);
        let told: Vec<&str> = story.lines().filter(|line| line.contains("At `clean`")).collect();
        let attempt = |line: &&str| (1..4).find(|n| line.contains(&format!(", attempt {n}"))).unwrap_or(0);
        assert_eq!(told.iter().map(attempt).collect::<Vec<_>>(), [0, 1, 2, 3], "{story}");
        return;
    }
}
