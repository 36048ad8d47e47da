//! What a record means for the row of its node state or run. Pure, and free of the order in which streams arrive: an end
//! that is read before its opening waits in the row; of two ends the row holds the one that ranks first, and the other one
//! is kept beside it as a contradiction. Nothing is dropped, nothing is guessed.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::digest::Slot;
use crate::model::kind::Shape;
use crate::model::record::flag;
use crate::model::{Id, Key, Kind, Record, RunId, Status, StreamId};

use super::json::{Json, hex};

/// Where a record stands.
pub(super) type Place = (StreamId, u64);

/// The row of one node state.
#[derive(Clone, Debug, PartialEq, Default)]
pub(super) struct StateRow {
    pub opening: Option<Opening>,
    pub deferred: Option<Place>,
    pub end: Option<End>,
}

/// What the opening record states.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Opening {
    pub place: Place,
    pub at: i64,
    pub run: Option<Id>,
    pub parent: Option<Id>,
    pub token: Option<Id>,
    pub resume: Option<Id>,
    pub node: Option<Arc<str>>,
    pub site: u32,
    pub attempt: u32,
    pub input: Option<String>,
    pub recorded: Option<String>,
    pub trace: Option<String>,
    pub unattributed: bool,
    pub durability: &'static str,
}

/// What a terminal, or a hand-over, states.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct End {
    pub place: Place,
    pub at: i64,
    pub run: Option<Id>,
    pub status: Status,
    pub exit: Option<&'static str>,
    pub duration: Option<u64>,
    pub input: Option<String>,
    pub output: Option<String>,
    pub context: Option<String>,
    pub error: Option<String>,
    pub error_type: Option<String>,
    pub error_code: Option<String>,
    pub success_reason: Option<String>,
    pub abandon_reason: Option<String>,
    pub observer: Option<String>,
    pub reason: Option<String>,
    pub location: Option<String>,
    pub spooled: bool,
}

impl End {
    /// Terminals before hand-overs, the owner's own stream before any other, then stream and sequence.
    fn rank(&self, subject: Id) -> (bool, bool, Place) {
        (self.status == Status::Deferred, self.place.0 != subject.stream, self.place)
    }
}

impl StateRow {
    /// Status as the row shows it. A state without opening has the status of its end.
    pub(super) fn status(&self) -> Status {
        self.end.as_ref().map_or(Status::Open, |end| end.status)
    }

    /// Takes an end. The one that does not rank first comes back when the two contradict each other.
    pub(super) fn offer(&mut self, subject: Id, end: End) -> Option<End> {
        if end.status == Status::Deferred {
            self.deferred = Some(self.deferred.map_or(end.place, |first| first.min(end.place)));
        }
        let Some(standing) = self.end.take().filter(|standing| standing.place != end.place) else {
            // Nothing stands yet, or the same record is read a second time.
            self.end = Some(end);
            return None;
        };
        let (first, second) =
            if end.rank(subject) < standing.rank(subject) { (end, standing) } else { (standing, end) };
        let contradiction = contradicts(&first, &second);
        self.end = Some(first);
        contradiction.then_some(second)
    }
}

/// Two terminals, two hand-overs, or a hand-over behind the terminal of the same stream.
fn contradicts(first: &End, second: &End) -> bool {
    let handed = |end: &End| end.status == Status::Deferred;
    if handed(first) == handed(second) {
        return true;
    }
    first.place.0 == second.place.0 && second.place.1 > first.place.1
}

/// Reads an opening record.
pub(super) fn opening(place: Place, record: &Record, node: Option<Arc<str>>) -> Opening {
    let (header, body) = (&record.header, &record.body);
    Opening {
        place,
        at: header.wall_ns,
        run: run_of(header.run),
        parent: header.parent.some().filter(|parent| Some(*parent) != run_of(header.run)),
        token: body.id(Key::Token),
        resume: body.id(Key::Resume),
        node: body.text(Key::Node).map(Arc::from).or(node),
        site: header.site,
        attempt: header.attempt,
        input: slot(record, Key::Input),
        recorded: json(record, Key::Recorded),
        trace: body.bytes(Key::Trace).map(hex),
        unattributed: body.is(Key::Unattributed),
        durability: header.durability.name(),
    }
}

/// Reads a terminal or a hand-over.
pub(super) fn ending(place: Place, record: &Record) -> End {
    let (header, body) = (&record.header, &record.body);
    let text = |key| body.text(key).map(str::to_owned);
    End {
        place,
        at: header.wall_ns,
        run: run_of(header.run),
        status: header.status,
        exit: (header.status != Status::Deferred).then(|| header.exit.name()),
        duration: (header.status != Status::Abandoned).then_some(header.duration_ns),
        input: slot(record, Key::Input),
        output: slot(record, Key::Output),
        context: json(record, Key::ContextAfter),
        error: text(Key::Error),
        error_type: text(Key::ErrorType),
        error_code: text(Key::ErrorCode),
        success_reason: text(Key::SuccessReason),
        abandon_reason: text(Key::AbandonReason),
        observer: text(Key::Observer),
        reason: text(Key::Reason),
        location: text(Key::Location),
        spooled: header.flags & flag::SPOOLED != 0,
    }
}

/// The row of one run. A run that is resumed has an end for each of its processes; the row shows the last one's.
#[derive(Clone, Debug, PartialEq, Default)]
pub(super) struct RunRow {
    pub start: Option<RunStart>,
    pub resumes: BTreeMap<u32, Resumed>,
    pub ends: BTreeMap<u32, RunEnd>,
}

/// What `RUN_RESUMED` states.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Resumed {
    pub place: Place,
    pub at: i64,
    pub prior_status: Option<String>,
    pub checkpoint: Option<Id>,
    pub actor: Option<String>,
    pub redriven: Option<u64>,
}

/// What `RUN_STARTED` states.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RunStart {
    pub place: Place,
    pub at: i64,
    pub name: Option<String>,
    pub actor: Option<String>,
    pub tenant: Option<String>,
    pub session: Option<String>,
    pub request: Option<String>,
    pub trace: Option<String>,
    pub fields: Option<String>,
    pub input: Option<String>,
    pub canonical: Option<u64>,
    pub running_timeout: Option<u64>,
}

/// What `RUN_ENDED` states.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RunEnd {
    pub place: Place,
    pub at: i64,
    pub status: Status,
    pub duration: Option<u64>,
    pub reason: Option<String>,
    pub counts: Option<String>,
    pub findings: Option<String>,
    pub abandon_reason: Option<String>,
    pub observer: Option<String>,
    pub error: Option<String>,
}

impl RunRow {
    /// The run's last process, from 0.
    pub(super) fn attempt(&self) -> u32 {
        let last = self.resumes.keys().chain(self.ends.keys()).max();
        last.copied().unwrap_or(0)
    }

    /// The end of its last process.
    pub(super) fn end(&self) -> Option<&RunEnd> {
        self.ends.get(&self.attempt())
    }

    /// Status as the row shows it.
    pub(super) fn status(&self) -> Status {
        self.end().map_or(Status::Running, |end| end.status)
    }

    /// Takes an end; of two ends of one process the one that does not rank first comes back.
    pub(super) fn offer(&mut self, run: Id, attempt: u32, end: RunEnd) -> Option<RunEnd> {
        let rank = |end: &RunEnd| (end.place.0 != run.stream, end.place);
        match self.ends.remove(&attempt).filter(|standing| standing.place != end.place) {
            None => {
                self.ends.insert(attempt, end);
                None
            }
            Some(standing) => {
                let (first, second) = if rank(&end) < rank(&standing) { (end, standing) } else { (standing, end) };
                self.ends.insert(attempt, first);
                Some(second)
            }
        }
    }

    /// Takes a resume; of two within one epoch the later one comes back.
    pub(super) fn resume(&mut self, attempt: u32, resumed: Resumed) -> Option<Resumed> {
        match self.resumes.remove(&attempt).filter(|standing| standing.place != resumed.place) {
            None => {
                self.resumes.insert(attempt, resumed);
                None
            }
            Some(standing) => {
                let first = resumed.place < standing.place;
                let (first, second) = if first { (resumed, standing) } else { (standing, resumed) };
                self.resumes.insert(attempt, first);
                Some(second)
            }
        }
    }
}

/// Reads `RUN_RESUMED`.
pub(super) fn resumed(place: Place, record: &Record) -> Resumed {
    let body = &record.body;
    Resumed {
        place,
        at: record.header.wall_ns,
        prior_status: body.text(Key::PriorStatus).map(str::to_owned),
        checkpoint: body.id(Key::Checkpoint),
        actor: body.text(Key::Actor).map(str::to_owned),
        redriven: body.uint(Key::Redriven),
    }
}

/// Reads `RUN_STARTED`.
pub(super) fn run_start(place: Place, record: &Record) -> RunStart {
    let text = |key| record.body.text(key).map(str::to_owned);
    RunStart {
        place,
        at: record.header.wall_ns,
        name: text(Key::Name),
        actor: text(Key::Actor),
        tenant: text(Key::Tenant),
        session: text(Key::Session),
        request: text(Key::Request),
        trace: record.body.bytes(Key::Trace).map(hex),
        fields: json(record, Key::Fields),
        input: slot(record, Key::Input),
        canonical: record.body.uint(Key::CanonicalVersion),
        running_timeout: record.body.uint(Key::RunningTimeoutMs),
    }
}

/// Reads `RUN_ENDED`.
pub(super) fn run_end(place: Place, record: &Record) -> RunEnd {
    let text = |key| record.body.text(key).map(str::to_owned);
    RunEnd {
        place,
        at: record.header.wall_ns,
        status: record.header.status,
        duration: (record.header.status != Status::Abandoned).then_some(record.header.duration_ns),
        reason: text(Key::Reason),
        counts: json(record, Key::Counts),
        findings: json(record, Key::Findings),
        abandon_reason: text(Key::AbandonReason),
        observer: text(Key::Observer),
        error: text(Key::Error),
    }
}

/// The run that a record is about: the one it names, or the one it begins.
pub(super) fn run_subject(stream: StreamId, record: &Record) -> Id {
    match record.header.kind {
        Kind::RunStarted => Id::new(stream, record.header.seq),
        _ => record.header.run.0,
    }
}

pub(super) fn run_of(run: RunId) -> Option<Id> {
    run.0.some()
}

/// A map or list of a body as JSON text.
pub(super) fn json(record: &Record, key: Key) -> Option<String> {
    record.body.get(key).map(|value| Json::from(value).to_string())
}

/// A digest slot as text: `args sha256:…`, `args hmac-sha256:KEY:…`, or why there is none.
pub(super) fn slot(record: &Record, key: Key) -> Option<String> {
    record.body.slot(key).map(|slot| match slot {
        Slot::Digest(digest) => format!("{} {digest}", digest.scope().name()),
        Slot::Absent(absence) => absence.to_string(),
    })
}

/// The slot's text, for fields that are slots.
pub(super) fn slot_field(record: &Record, key: Key) -> Option<String> {
    (key.shape() == Shape::Slot).then(|| slot(record, key)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn end(stream: u8, seq: u64, status: Status) -> End {
        End {
            place: (StreamId([stream; 16]), seq),
            at: 0,
            run: None,
            status,
            exit: None,
            duration: None,
            input: None,
            output: None,
            context: None,
            error: None,
            error_type: None,
            error_code: None,
            success_reason: None,
            abandon_reason: None,
            observer: None,
            reason: None,
            location: None,
            spooled: false,
        }
    }

    /// Folds ends in this order; the row, and the places of all contradictions, sorted.
    fn folded(subject: Id, ends: &[End]) -> (StateRow, Vec<Place>) {
        let mut row = StateRow::default();
        let mut beside: Vec<Place> =
            ends.iter().filter_map(|end| row.offer(subject, end.clone())).map(|end| end.place).collect();
        beside.sort_unstable();
        (row, beside)
    }

    proptest! {
        /// Streams may arrive in any order, records of one stream only in theirs.
        #[test]
        fn j7_rows_do_not_depend_on_the_order_of_streams(
            mut places in prop::collection::btree_set((1u8..4, 1u64..5), 1..5),
            handed in any::<bool>(),
            turn in 0usize..3,
        ) {
            let subject = Id::new(StreamId([1; 16]), 0);
            let status = |stream: u8, seq: u64| match (handed, stream, seq) {
                (true, 1, 1) => Status::Deferred,
                (_, 1, _) => Status::Completed,
                _ => Status::Abandoned,
            };
            let in_order: Vec<End> = places.iter().map(|(s, q)| end(*s, *q, status(*s, *q))).collect();
            let mut streams: Vec<u8> = vec![1, 2, 3];
            streams.rotate_left(turn);
            let mut turned = Vec::new();
            for stream in streams {
                turned.extend(in_order.iter().filter(|e| e.place.0 == StreamId([stream; 16])).cloned());
            }
            places.clear();
            prop_assert_eq!(folded(subject, &in_order), folded(subject, &turned));
        }
    }

    #[test]
    fn g11_two_terminals_are_both_kept_and_the_owner_s_own_stands() {
        let subject = Id::new(StreamId([9; 16]), 0);
        let (row, beside) = folded(subject, &[end(2, 5, Status::Abandoned), end(9, 3, Status::Completed)]);
        assert_eq!(row.status(), Status::Completed);
        assert_eq!(beside, vec![(StreamId([2; 16]), 5)]);
    }

    #[test]
    fn a_deferred_state_that_ends_is_no_contradiction() {
        let subject = Id::new(StreamId([9; 16]), 0);
        let handed = end(9, 1, Status::Deferred);
        for ends in [[handed.clone(), end(2, 5, Status::Abandoned)], [end(2, 5, Status::Abandoned), handed]] {
            let (row, beside) = folded(subject, &ends);
            assert_eq!((row.status(), row.deferred), (Status::Abandoned, Some((StreamId([9; 16]), 1))));
            assert!(beside.is_empty());
        }
    }
}
