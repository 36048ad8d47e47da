//! The life of runs, across the streams of all their processes: begun, ended, resumed, ended again.

use crate::model::lifecycle::{self, By, Entity};
use crate::model::{Header, Id, Kind, Status};

/// One step of a run, as a record states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RunStep {
    run: Id,
    /// Which process of the run it is of.
    attempt: u32,
    ends: bool,
    place: Id,
    status: u8,
}

impl RunStep {
    pub(super) fn of(place: Id, header: &Header) -> Option<RunStep> {
        let (run, ends) = match header.kind {
            Kind::RunStarted => (place, false),
            Kind::RunResumed => (header.run.0, false),
            Kind::RunEnded => (header.run.0, true),
            _ => return None,
        };
        Some(RunStep { run, attempt: header.attempt, ends, place, status: header.status.code() })
    }
}

/// Steps that the table of transitions does not allow, with what is wrong about each. A run's processes are in order by
/// their numbers; where they stand says nothing across streams.
pub(super) fn run_faults(mut steps: Vec<RunStep>) -> Vec<(Id, String)> {
    steps.sort_unstable();
    let mut faults = Vec::new();
    let mut before: Option<RunStep> = None;
    for step in steps {
        let known = before.filter(|before| before.run == step.run);
        faults.extend(fault(known, step).map(|why| (step.place, format!("{} {why}", step.run))));
        before = Some(step);
    }
    faults
}

fn fault(before: Option<RunStep>, step: RunStep) -> Option<String> {
    let status = |code: u8| Status::from_code(code).unwrap_or(Status::None);
    let Some(before) = before else {
        let begins = !step.ends && step.place == step.run;
        return (!begins).then(|| format!("gets {} without having been opened", status(step.status)));
    };
    if before.place.stream == step.place.stream && before.place.seq > step.place.seq {
        return Some("ends before it begins".to_owned());
    }
    if step.ends && before.attempt != step.attempt {
        return Some(format!("has an end of its process {}, which never began", step.attempt));
    }
    let (from, to) = (status(before.status), status(step.status));
    let moved = lifecycle::step(Entity::Run, Some(from), to, By::Recovery);
    moved.is_err().then(|| format!("goes from {from} to {to}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::StreamId;

    fn step(stream: u8, seq: u64, attempt: u32, status: Status, ends: bool) -> RunStep {
        let id = |stream, seq| Id::new(StreamId([stream; 16]), seq);
        RunStep { run: id(5, 1), attempt, ends, place: id(stream, seq), status: status.code() }
    }

    #[test]
    fn l37_a_resume_follows_an_end_that_allows_it_whatever_the_order_of_streams() {
        let begun = step(5, 1, 0, Status::Running, false);
        let lost = step(2, 9, 0, Status::Abandoned, true);
        let again = step(2, 12, 1, Status::Running, false);
        let done = step(2, 40, 1, Status::Completed, true);
        let faults = |steps: &[RunStep]| run_faults(steps.to_vec()).len();
        assert_eq!(faults(&[done, again, lost, begun]), 0);
        assert_eq!(faults(&[begun, again, done]), 1, "resumed while it was RUNNING");
        assert_eq!(faults(&[begun, lost, again, step(3, 4, 1, Status::Running, false)]), 1, "two resumes in one epoch");
        assert_eq!(faults(&[begun, lost, again, done, step(3, 4, 1, Status::Abandoned, true)]), 1, "two ends");
        assert_eq!(faults(&[begun, lost, done]), 1, "an end of a process that never began");
        let final_success = step(2, 9, 0, Status::Completed, true);
        assert_eq!(faults(&[begun, final_success, again]), 1, "a success is final");
        assert_eq!(faults(&[lost]), 1, "never opened");
    }
}
