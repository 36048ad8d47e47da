//! What a run declared and acknowledged, read back from the trail. The records of all processes that worked on the run
//! are brought together here; nothing is kept in memory between two questions.

use super::kernel::Phase;
use crate::contract::{
    Ack, Case, Declared, Expectation, Extent, Known, Moment, Outcome, Report, ResultId, Subject, reconcile,
};
use crate::error::Error;
use crate::journal::{Committed, Layout, Reader};
use crate::meeting::{Meeting, Met};
use crate::model::cbor::Value;
use crate::model::{Id, Key, Kind, Record, RunId, Status, StreamId};
use crate::recorder::pledge::Via;
use crate::seeded;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Everything that a reconciliation of this run looks at, as the trail in this directory holds it, and what other
/// machines have sent to the server that the environment names. Times of other processes are compared by wall time.
///
/// # Errors
/// What the journal's files say; `AUD0821` for a server that holds something else than the run.
pub fn case_of(path: impl AsRef<Path>, run: RunId) -> Result<Case, Error> {
    let layout = Layout::at(path);
    layout.check()?;
    let meeting = Meeting::configured(Duration::ZERO)?;
    Ok(united(&layout, run, by_wall_time(), (meeting.as_ref(), None))?.case)
}

/// This moment, as somebody sees it who shares no monotonic clock with the trail.
fn by_wall_time() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Moment { wall_ns: i64::try_from(since.as_nanos()).unwrap_or(i64::MAX), ..Moment::default() }
}

/// Reconciles a run from the trail in this directory, by whoever asks: no process of the run needs to live.
///
/// # Errors
/// What the journal's files say.
pub fn reconcile_run(path: impl AsRef<Path>, run: RunId) -> Result<Report, Error> {
    Ok(reconcile(&case_of(path, run)?))
}

/// The phase in which a run under contract stands, as the trail in this directory tells it.
///
/// # Errors
/// What the journal's files say.
pub fn phase_of(path: impl AsRef<Path>, run: RunId) -> Result<Option<Phase>, Error> {
    let layout = Layout::at(path);
    layout.check()?;
    Ok(read(&layout, run, Moment::default())?.phase)
}

pub(super) fn reconcile_at(
    layout: &Layout,
    run: RunId,
    now: Moment,
    (extent, dropped): (Extent, u64),
    others: Others<'_>,
) -> Result<Report, Error> {
    let found = united(layout, run, now, others)?;
    let lossy = found.case.lossy || dropped > 0;
    Ok(reconcile(&Case { extent, lossy, ..found.case }))
}

/// As if the run were over now: what is open is missing.
pub(super) fn reconcile_over(
    layout: &Layout,
    run: RunId,
    now: Moment,
    dropped: u64,
    others: Others<'_>,
) -> Result<Report, Error> {
    let found = united(layout, run, now, others)?;
    let lossy = found.case.lossy || dropped > 0;
    let known = if found.case.known == Known::Living { Known::Over } else { found.case.known };
    Ok(reconcile(&Case { known, lossy, ..found.case }))
}

pub(super) fn is_contracted(layout: &Layout, run: RunId) -> Result<bool, Error> {
    Ok(read(layout, run, Moment::default())?.case.contracted)
}

pub(super) fn is_closed(layout: &Layout, run: RunId) -> Result<bool, Error> {
    Ok(read(layout, run, Moment::default())?.closed)
}

/// Whether the contract is closed or its finalising action acknowledged.
pub(super) fn is_over(layout: &Layout, run: RunId) -> Result<bool, Error> {
    let found = read(layout, run, Moment::default())?;
    let finalising = found.case.declared.iter().find(|declared| declared.expectation.finalising);
    let done = |subject: &Subject| found.case.acks.iter().any(|ack| ack.subject == *subject);
    Ok(found.closed || finalising.is_some_and(|declared| done(&declared.expectation.subject)))
}

/// Where a run under contract was left.
pub(super) struct Left {
    pub(super) phase: Option<Phase>,
    pub(super) finalising: Option<Subject>,
    /// The finalising action has been acknowledged; the contract has been closed.
    pub(super) finalised: bool,
    pub(super) closed: bool,
    /// What is expected still, with the time that is left.
    pub(super) open: Vec<(Subject, Duration)>,
}

pub(super) fn left(layout: &Layout, run: RunId, now: Moment) -> Result<Left, Error> {
    let found = read(layout, run, now)?;
    let declared = found.case.declared.iter().find(|declared| declared.expectation.finalising);
    let finalising = declared.map(|declared| declared.expectation.subject.clone());
    let finalised = found.case.acks.iter().any(|ack| Some(&ack.subject) == finalising.as_ref());
    let report = reconcile(&found.case);
    let open = report.findings.iter().filter_map(|finding| Some((finding.subject.clone()?, finding.left?)));
    Ok(Left { phase: found.phase, finalising, finalised, closed: found.closed, open: open.collect() })
}

struct Found {
    case: Case,
    closed: bool,
    /// Which process of the run began last, from 0; which ended last, and how.
    begun: u32,
    ended: Option<(u32, Status)>,
    phase: Option<Phase>,
    /// Where the last phase record stands, so that the latest one counts whatever stream it is in.
    phase_at: Option<Moment>,
    /// Acknowledgements, each with the latest wall time of its stream so far.
    acks: Vec<(i64, Ack)>,
    /// The stream that is being read, and the latest wall time that it has told so far.
    told_by: (StreamId, i64),
    /// No acknowledgement came by another way than a tracing event.
    by_event: bool,
}

/// The server at which other machines are met, and below which sequence our own records are waited for there.
pub(super) type Others<'a> = (Option<&'a Meeting>, Option<u64>);

/// The trail's records of the run and those that other machines have sent, each once.
fn united(layout: &Layout, run: RunId, now: Moment, (meeting, below): Others<'_>) -> Result<Found, Error> {
    let mut found = scan(layout, run, now)?;
    if let Some(meeting) = meeting {
        let here = found.ids();
        let met = meeting.gather(run, below, found.span())?;
        found.meet(&met, &here);
    }
    Ok(found.in_order())
}

fn read(layout: &Layout, run: RunId, now: Moment) -> Result<Found, Error> {
    Ok(scan(layout, run, now)?.in_order())
}

fn scan(layout: &Layout, run: RunId, now: Moment) -> Result<Found, Error> {
    let mut found = Found::of(run, now);
    for stream in layout.streams()? {
        let mut committed = Committed::new(Reader::open(layout, stream)?);
        while let Some(counted) = committed.next()? {
            found.take(stream, counted.seq, &counted.record);
        }
    }
    Ok(found)
}

/// What a reconciliation of each run would look at, in one reading of the whole trail; `other` sees every record.
pub(super) fn read_all(layout: &Layout, other: &mut dyn FnMut(&Record)) -> Result<Vec<Case>, Error> {
    layout.check()?;
    let now = by_wall_time();
    let mut runs: BTreeMap<RunId, Found> = BTreeMap::new();
    for stream in layout.streams()? {
        let mut committed = Committed::new(Reader::open(layout, stream)?);
        while let Some(counted) = committed.next()? {
            let header = &counted.record.header;
            let run = if header.kind == Kind::RunStarted { RunId(Id::new(stream, counted.seq)) } else { header.run };
            if run != RunId::NONE {
                let found = runs.entry(run).or_insert_with(|| Found::of(run, now));
                found.take(stream, counted.seq, &counted.record);
            }
            other(&counted.record);
        }
    }
    Ok(runs.into_values().map(|found| found.in_order().case).collect())
}

impl Found {
    fn of(run: RunId, now: Moment) -> Found {
        let case = Case {
            run,
            known: Known::Unknown,
            contracted: false,
            disabled: false,
            declared: Vec::new(),
            acks: Vec::new(),
            lossy: false,
            doubt: None,
            now,
            extent: Extent::Whole,
        };
        Found {
            case,
            closed: false,
            begun: 0,
            ended: None,
            phase: None,
            phase_at: None,
            acks: Vec::new(),
            told_by: (StreamId::default(), i64::MIN),
            by_event: true,
        }
    }

    /// Acknowledgements of several processes are put into one order by wall time; within a stream the sequence decides,
    /// because the time that is compared never decreases there.
    fn in_order(mut self) -> Found {
        // A run that another process goes on with is over when that process has ended it; one that was interrupted waits.
        let over = self.ended.is_some_and(|(which, how)| which >= self.begun && how != Status::Interrupted);
        if self.closed || over {
            self.case.known = Known::Over;
        }
        // A filter may drop an event: where there is nothing else, one that is not there proves nothing.
        self.case.lossy |= self.by_event && !self.acks.is_empty();
        self.acks.sort_by_key(|(told_by, _)| *told_by);
        self.case.acks = std::mem::take(&mut self.acks).into_iter().map(|(_, ack)| ack).collect();
        self
    }
}

impl Found {
    /// The records that stand in the trail.
    fn ids(&self) -> BTreeSet<Id> {
        let declared = self.case.declared.iter().map(|declared| Id { ord: 0, ..declared.id });
        declared.chain(self.acks.iter().map(|(_, ack)| ack.id)).collect()
    }

    /// Wall times of the first and the last of them.
    fn span(&self) -> Option<(i64, i64)> {
        let declared = self.case.declared.iter().map(|declared| declared.at.wall_ns);
        let walls: Vec<i64> = declared.chain(self.acks.iter().map(|(_, ack)| ack.at.wall_ns)).collect();
        Some((*walls.iter().min()?, *walls.iter().max()?))
    }

    /// Takes what others have sent; a record that stands in the trail too is one record.
    fn meet(&mut self, met: &Met, here: &BTreeSet<Id>) {
        for ((stream, seq), record) in &met.records {
            if !here.contains(&Id::new(*stream, *seq)) {
                self.take(*stream, *seq, record);
            }
        }
        self.case.doubt = met.doubt;
        if seeded::is("redis_absence_is_pass") {
            let acks = &self.acks;
            self.case.doubt = None;
            self.case.declared.retain(|d| acks.iter().any(|(_, ack)| ack.subject == d.expectation.subject));
        }
    }

    fn take(&mut self, stream: StreamId, seq: u64, record: &Record) {
        let header = &record.header;
        let id = Id::new(stream, seq);
        let before = if self.told_by.0 == stream { self.told_by.1 } else { i64::MIN };
        self.told_by = (stream, before.max(header.wall_ns));
        let case = &mut self.case;
        if header.kind == Kind::RunStarted && id == case.run.0 {
            case.known = Known::Living;
            return;
        }
        if header.run != case.run {
            return;
        }
        let at = Moment { stream, mono_ns: header.mono_ns, wall_ns: header.wall_ns };
        match header.kind {
            Kind::RunResumed => self.begun = self.begun.max(header.attempt),
            Kind::RunEnded if self.ended.is_none_or(|(which, _)| which <= header.attempt) => {
                self.ended = Some((header.attempt, header.status));
            }
            Kind::ContractClosed => {
                self.closed = true;
                case.lossy |= record.body.uint(Key::AcksDropped).is_some_and(|dropped| dropped > 0);
            }
            Kind::ContractDeclared => {
                case.contracted = true;
                case.disabled |= record.body.is(Key::Disabled);
                case.lossy |= record.body.is(Key::ByEvents);
                let items = record.body.get(Key::Expectations).and_then(Value::as_array).unwrap_or_default();
                let declared = items.iter().zip(0..).map(|(item, ord)| {
                    let id = Id { ord, ..id };
                    Declared { expectation: expectation(item), id, at }
                });
                case.declared.extend(declared);
            }
            Kind::ExpectationDeclared => {
                let expectation = Expectation {
                    subject: subject(record),
                    within: record.body.uint(Key::WithinNs).map(Duration::from_nanos),
                    finalising: record.body.is(Key::Finalising),
                    place: record.body.text(Key::DeclaredAt).map(str::to_owned),
                };
                case.declared.push(Declared { expectation, id, at });
            }
            Kind::ContractAck => {
                if let Some(outcome) = outcome(record) {
                    self.by_event &= record.body.text(Key::Via) == Some(Via::Event.name());
                    let place = record.body.text(Key::Location).map(str::to_owned);
                    let ack = Ack { id, run: header.run, subject: subject(record), outcome, at, place };
                    self.acks.push((self.told_by.1, ack));
                }
            }
            Kind::RunPhase if self.phase_at.is_none_or(|before| at.since(&before) >= 0) => {
                self.phase = record.body.text(Key::Phase).and_then(Phase::from_name);
                self.phase_at = Some(at);
            }
            _ => {}
        }
    }
}

fn subject(record: &Record) -> Subject {
    let text = |key| record.body.text(key).unwrap_or_default().to_owned();
    let attempt = record.header.attempt;
    Subject { domain: text(Key::Domain), action: text(Key::Action), instance: text(Key::Instance), attempt }
}

fn outcome(record: &Record) -> Option<Outcome> {
    let text = |key| record.body.text(key).unwrap_or_default().to_owned();
    match record.body.text(Key::Outcome)? {
        "success" => Some(Outcome::Success { result: ResultId::new(text(Key::Result))? }),
        "failure" => Some(Outcome::Failure { error: text(Key::Error) }),
        "rolled_back" => Some(Outcome::RolledBack { reason: text(Key::Reason) }),
        "rollback_failed" => Some(Outcome::RollbackFailed { reason: text(Key::Reason), error: text(Key::Error) }),
        _ => None,
    }
}

fn expectation(item: &Value) -> Expectation {
    let get = |name: &str| {
        let pairs = item.as_map().unwrap_or_default();
        pairs.iter().find(|(key, _)| key.as_text() == Some(name)).map(|(_, value)| value)
    };
    let text = |name: &str| get(name).and_then(Value::as_text).unwrap_or_default().to_owned();
    let uint = |name: &str| get(name).and_then(Value::as_uint);
    let attempt = uint("attempt").and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    Expectation {
        subject: Subject { domain: text("domain"), action: text("action"), instance: text("instance"), attempt },
        within: uint("within_ns").map(Duration::from_nanos),
        finalising: get("finalising") == Some(&Value::Bool(true)),
        place: get("declared_at").and_then(Value::as_text).map(str::to_owned),
    }
}
