//! What a run of the landscape came to, as its journal tells it: what must be the same however often it was killed.

use audit_runtime::journal::{Committed, Layout, Reader};
use audit_runtime::model::cbor::Value;
use audit_runtime::model::{Id, Key, Kind, Outcome, Record, Status, StreamId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Journey {
    /// Status of the run's last end, with its counts of rows and outcomes.
    pub end: (String, Vec<(String, u64)>),
    /// The ends of each row's tokens, by identity; those of no row under none.
    pub rows: BTreeMap<String, Vec<String>>,
    /// Keys of durable writes.
    pub receipts: Vec<String>,
    /// Keys of artifacts.
    pub artifacts: Vec<String>,
    /// Forks, expansions, merges, batches that completed.
    pub groups: [usize; 4],
}

impl Marks {
    /// Adds those of another run.
    pub fn add(&mut self, other: &Marks) {
        self.resumes += other.resumes;
        self.again += other.again;
        self.held_again += other.held_again;
        self.adopted += other.adopted;
        self.finished += other.finished;
        self.read_back[0] += other.read_back[0];
        self.read_back[1] += other.read_back[1];
    }
}

/// Facts that a kill may change, and that must fit each other all the same.
#[derive(Clone, Debug, Default)]
pub struct Marks {
    /// Resumes of the run.
    pub resumes: usize,
    /// Visits that a resume drove again.
    pub again: usize,
    /// Holds at a merge whose process was lost, and that a later one opened again.
    pub held_again: usize,
    /// Batches that one process drafted and another one released.
    pub adopted: usize,
    /// Durable writes whose outcome another process recorded.
    pub finished: usize,
    /// Writes in doubt that were read back: not applied, applied.
    pub read_back: [usize; 2],
    /// What does not fit, as sentences.
    pub wrong: Vec<String>,
}

#[derive(Default)]
struct Reading {
    rows: HashMap<Id, String>,
    of_row: HashMap<Id, Id>,
    ends: Vec<(Id, String)>,
    visits: Vec<(Id, u32, Option<Id>)>,
    resumed: BTreeSet<Id>,
    minted: HashMap<Id, StreamId>,
    attempt: u32,
    journey: Journey,
    marks: Marks,
    merges: HashMap<Id, Id>,
    lost: BTreeSet<Id>,
}

fn ids(record: &Record, key: Key) -> Vec<Id> {
    let list = record.body.get(key).and_then(Value::as_array).unwrap_or_default();
    let id = |bytes: &[u8]| {
        Some(Id {
            stream: StreamId(bytes.get(..16)?.try_into().ok()?),
            seq: u64::from_be_bytes(bytes.get(16..24)?.try_into().ok()?),
            ord: u32::from_be_bytes(bytes.get(24..28)?.try_into().ok()?),
        })
    };
    list.iter().filter_map(|value| id(value.as_bytes()?)).collect()
}

fn outcome(record: &Record) -> String {
    match Outcome::read(&record.body) {
        Some(outcome) => {
            let sink = record.body.text(Key::Sink).map_or_else(String::new, |sink| format!(" at {sink}"));
            format!("{}{sink}", outcome.path())
        }
        None => "an outcome that cannot be read".to_owned(),
    }
}

impl Reading {
    fn mint(&mut self, token: Id, row: Option<Id>) {
        self.minted.insert(token, token.stream);
        self.of_row.extend(row.map(|row| (token, row)));
    }

    fn take(&mut self, place: Id, record: &Record) {
        let (header, body) = (&record.header, &record.body);
        let text = |key| body.text(key).unwrap_or_default().to_owned();
        let children = body.uint(Key::Children).and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
        match header.kind {
            Kind::RowRead => {
                self.rows.insert(place, text(Key::Identity));
                self.mint(Id { ord: 1, ..place }, Some(place));
            }
            Kind::TokenForked | Kind::TokenExpanded => {
                (1..=children).for_each(|ord| self.mint(Id { ord, ..place }, body.id(Key::Row)));
                let fork = header.kind == Kind::TokenForked;
                self.ends.push((header.subject, if fork { "fork_parent" } else { "expand_parent" }.to_owned()));
                self.journey.groups[usize::from(!fork)] += 1;
            }
            Kind::TokensCoalesced => {
                self.mint(Id { ord: 1, ..place }, body.id(Key::Row));
                self.ends.extend(ids(record, Key::Parents).into_iter().map(|id| (id, "coalesced".to_owned())));
                self.journey.groups[2] += 1;
            }
            Kind::BatchClosed => {
                let completed = header.status == Status::Completed;
                (1..=children).for_each(|ord| self.mint(Id { ord, ..place }, None));
                let path = if completed { "batch_consumed" } else { "unrouted" };
                self.ends.extend(ids(record, Key::Parents).into_iter().map(|id| (id, path.to_owned())));
                self.journey.groups[3] += usize::from(completed);
            }
            Kind::TokenOutcome => {
                let receipt = body.id(Key::Receipt);
                self.marks.finished += usize::from(receipt.is_some_and(|receipt| receipt.stream != place.stream));
                self.ends.push((header.subject, outcome(record)));
            }
            Kind::BatchExecuting => self.marks.adopted += usize::from(header.subject.stream != place.stream),
            Kind::SinkAnswered => {
                let found = body.text(Key::ReadBack);
                self.marks.read_back[0] += usize::from(found == Some("not_applied"));
                self.marks.read_back[1] += usize::from(found == Some("applied"));
            }
            Kind::StateClosed if header.status == Status::Abandoned => drop(self.lost.insert(header.subject)),
            Kind::SinkReceipt => self.journey.receipts.push(text(Key::IdempotencyKey)),
            Kind::Artifact => self.journey.artifacts.push(text(Key::IdempotencyKey)),
            Kind::StateOpened => {
                let visit = body.id(Key::Token).map(|token| (token, header.attempt, body.id(Key::Resume)));
                self.visits.extend(visit.filter(|(token, ..)| !token.is_none()));
                if let (Some("merge"), Some(token)) = (body.text(Key::Node), body.id(Key::Token)) {
                    self.merges.insert(place, token);
                }
                self.foreign(place, record);
            }
            Kind::RunResumed => drop(self.resumed.insert(place)),
            Kind::RunEnded if header.attempt >= self.attempt => {
                self.attempt = header.attempt;
                self.journey.end = (header.status.name().to_owned(), tally(record));
            }
            _ => {}
        }
    }

    /// A visit in another stream than the one that made its token was driven again, and says so.
    fn foreign(&mut self, place: Id, record: &Record) {
        let Some(token) = record.body.id(Key::Token) else { return };
        if token.stream != place.stream && record.body.id(Key::Resume).is_none() {
            self.ends.push((token, format!("(visit {place} is driven again without a mark)")));
        }
    }
}

fn tally(record: &Record) -> Vec<(String, u64)> {
    let pairs = record.body.get(Key::Counts).and_then(Value::as_map).unwrap_or_default();
    let named = ["rows", "success", "failure", "replaced", "open"];
    let pair = |(name, n): &(Value, Value)| Some((name.as_text()?.to_owned(), n.as_uint()?));
    pairs.iter().filter_map(pair).filter(|(name, _)| named.contains(&name.as_str())).collect()
}

/// Reads what the only run of a trail came to.
///
/// # Errors
/// What could not be read, as a text.
pub fn read(trail: &Path) -> Result<(Journey, Marks), String> {
    let layout = Layout::at(trail);
    let mut reading = Reading::default();
    for stream in layout.streams().map_err(|error| error.to_string())? {
        let mut records = Committed::new(Reader::open(&layout, stream).map_err(|error| error.to_string())?);
        while let Some(counted) = records.next().map_err(|error| error.to_string())? {
            reading.take(Id::new(stream, counted.seq), &counted.record);
        }
    }
    let Reading { rows, of_row, ends, visits, resumed, mut journey, minted, mut marks, merges, lost, .. } = reading;
    marks.resumes = resumed.len();
    let held = |token: &Id| merges.values().filter(|held| *held == token).count() > 1;
    marks.held_again = lost.iter().filter_map(|state| merges.get(state)).filter(|token| held(token)).count();
    let mut terminals: HashMap<Id, usize> = minted.keys().map(|token| (*token, 0)).collect();
    for (token, path) in ends {
        *terminals.entry(token).or_default() += 1;
        let identity = of_row.get(&token).and_then(|row| rows.get(row)).cloned().unwrap_or_else(|| "(none)".to_owned());
        journey.rows.entry(identity).or_default().push(path);
    }
    let many = terminals.iter().filter(|(_, n)| **n != 1);
    marks.wrong.extend(many.map(|(token, n)| format!("token {token} has {n} terminal outcomes")));
    for (token, attempt, mark) in visits {
        marks.again += usize::from(mark.is_some());
        match mark {
            Some(mark) if !resumed.contains(&mark) => marks.wrong.push(format!("{token}: no resume {mark}")),
            None if attempt > 0 => marks.wrong.push(format!("{token}: attempt {attempt} without a mark")),
            _ => {}
        }
    }
    journey.rows.values_mut().for_each(|ends| ends.sort_unstable());
    journey.receipts.sort_unstable();
    journey.artifacts.sort_unstable();
    Ok((journey, marks))
}
