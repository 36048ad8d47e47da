//! A run: begun once, ended once. The value is linear; dropping it unfinished records FAILED.

use super::{LeftOpen, Recorder};
use crate::error::{Code, Error};
use crate::journal::Purpose;
use crate::journal::owner::Lock;
use crate::ledger::{self, Book, Counts, Tally};
use crate::model::cbor::Value;
use crate::model::digest::CANONICAL_VERSION;
use crate::model::record::flag;
use crate::model::scrub::scrub;
use crate::model::{BodyWriter, Durability, Exit, Id, Key, Kind, RunId, Status};
use std::fmt;
use std::time::Duration;

/// Nodes that a summary shows one by one: it is one screen.
const SHOWN: usize = 40;

/// Most findings that a run's last record names of what others have left open.
const NAMED: usize = 100;

/// What a run's opening record says besides its name.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunFacts {
    pub(crate) actor: Option<String>,
}

/// One execution. End it with [`finish`](Run::finish); dropping it records `FAILED (unfinished)`.
#[must_use = "a run that is dropped at once is recorded as FAILED (unfinished)"]
pub struct Run {
    recorder: Recorder,
    id: RunId,
    name: Box<str>,
    /// Which process of the run this is, from 0.
    attempt: u32,
    started_ns: u64,
    ended: bool,
    seat: Option<Lock>,
    on_end: Option<Box<dyn FnOnce() + Send + Sync>>,
    unrecorded: Option<Box<Unrecorded>>,
}

/// Entries of the process that found no recorder: how many there are, and how many there were when the run began.
struct Unrecorded {
    so_far: fn() -> u64,
    before: u64,
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}

/// Names a run across threads and tasks; does not end it.
#[derive(Clone, Debug)]
pub struct RunHandle {
    recorder: Recorder,
    id: RunId,
}

impl RunHandle {
    pub(crate) fn of(recorder: &Recorder, id: RunId) -> RunHandle {
        RunHandle { recorder: recorder.clone(), id }
    }

    /// The run's id.
    #[must_use]
    pub fn id(&self) -> RunId {
        self.id
    }

    /// The recorder that it belongs to.
    #[must_use]
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }
}

/// Counts of one node in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteCounts {
    /// The node's name.
    pub node: String,
    /// What became of its entries.
    pub counts: Counts,
}

/// What a run came to. Its `Display` is one screen for people.
#[derive(Clone, Debug)]
pub struct RunSummary {
    /// The run.
    pub run: RunId,
    /// Its name.
    pub name: String,
    /// How it ended.
    pub status: Status,
    /// Counts by node: annotated places first, then nodes that were entered by name alone, each of them in the order in which
    /// they were first met. Those of a resumed run hold its earlier processes' too.
    pub nodes: Vec<SiteCounts>,
    /// From start to end, monotonic.
    pub duration: Duration,
    /// Audited calls anywhere in this process that found no recorder while the run was under way, and so left no record.
    pub unrecorded: u64,
    /// What processes that joined the run had open at its end; nothing before.
    pub others: Vec<LeftOpen>,
}

impl RunSummary {
    /// Counts of all nodes together.
    #[must_use]
    pub fn total(&self) -> Counts {
        total(&self.nodes)
    }
}

fn total(nodes: &[SiteCounts]) -> Counts {
    let mut total = Counts::default();
    nodes.iter().for_each(|node| total.add(&node.counts));
    total
}

impl fmt::Display for RunSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "run {} {} {} in {:.2} s", self.run, self.name, self.status, self.duration.as_secs_f64())?;
        let (shown, rest) = self.nodes.split_at(self.nodes.len().min(SHOWN));
        let width = shown.iter().map(|node| node.node.len()).max().unwrap_or(4).clamp(4, 40);
        writeln!(f, "  {:width$}  {:>9} {:>9} {:>9} {:>6}", "node", "entries", "completed", "failed", "open")?;
        let label = format!("({} other nodes)", rest.len());
        let others = (!rest.is_empty()).then(|| (label.as_str(), total(rest)));
        let rows = shown.iter().map(|node| (node.node.as_str(), node.counts)).chain(others);
        for (name, counts) in rows.chain([("total", self.total())]) {
            let (failed, open) = (counts.failed(), counts.open());
            writeln!(f, "  {name:width$}  {:>9} {:>9} {failed:>9} {open:>6}", counts.opened, counts.completed)?;
        }
        if self.unrecorded > 0 {
            writeln!(f, "  audited calls that found no recorder and left no record: {}", self.unrecorded)?;
            writeln!(f, "  next: keep what `recorder.install()?` gives before the first of them")?;
        }
        for left in &self.others {
            let (open, process) = (left.open.len(), if left.lives { "lives" } else { "is gone" });
            writeln!(f, "  {open} left open in stream {}, whose process {process}", left.stream)?;
        }
        Ok(())
    }
}

/// A run that could not be finished; it comes back with the reason. Dropping it records `FAILED (unfinished)`.
#[derive(Debug)]
pub struct Unfinished {
    /// The run, still RUNNING.
    pub run: Run,
    /// Why.
    pub error: Error,
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl std::error::Error for Unfinished {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl From<Unfinished> for Error {
    fn from(unfinished: Unfinished) -> Error {
        unfinished.error.clone()
    }
}

impl Recorder {
    /// Writes the opening record of a run and takes its seat.
    pub(crate) fn start_run(&self, name: &str, facts: &RunFacts) -> Result<Run, Error> {
        if name.trim().is_empty() {
            return Err(Error::new(Code::MissingField, "starting a run").detail("name"));
        }
        self.flush_gaps();
        let mut header = self.header(Kind::RunStarted);
        header.durability = self.durability(None, Durability::Disk);
        header.status = Status::Running;
        let mut body = BodyWriter::new();
        // A name may be put together from what came from outside.
        body.text(Key::Name, &scrub(name)).uint(Key::CanonicalVersion, u64::from(CANONICAL_VERSION));
        body.maybe(Key::Actor, facts.actor.as_deref());
        if let Some(limit) = self.0.running_timeout {
            body.uint(Key::RunningTimeoutMs, u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
        }
        let body = body.finish();
        let pending = self.append(&mut header, &body, Purpose::Opening)?;
        let id = RunId(Id::new(self.stream(), header.seq));
        // The seat is taken before anybody can learn of the run: who finds it free finds the run without an owner.
        let seat = Lock::share(&self.0.layout.run_lock(id)).ok().flatten();
        self.0.journal.wait(pending)?;
        self.0.observers.tell(&header, &body, self.stream());
        let mut run = Run::new(self, id, name, 0, seat);
        run.started_ns = header.mono_ns;
        Ok(run)
    }
}

impl Run {
    pub(super) fn new(recorder: &Recorder, id: RunId, name: &str, attempt: u32, seat: Option<Lock>) -> Run {
        let (recorder, name) = (recorder.clone(), name.into());
        let started_ns = recorder.clock().mono_ns();
        Run { recorder, id, name, attempt, started_ns, ended: false, seat, on_end: None, unrecorded: None }
    }

    /// The run's id.
    #[must_use]
    pub fn id(&self) -> RunId {
        self.id
    }

    /// A handle for other threads and tasks.
    #[must_use]
    pub fn handle(&self) -> RunHandle {
        RunHandle::of(&self.recorder, self.id)
    }

    /// Calls `then` once the run has ended, however it ends.
    pub(crate) fn on_end(&mut self, then: impl FnOnce() + Send + Sync + 'static) {
        self.on_end = Some(Box::new(then));
    }

    /// Says how many entries of the process have found no recorder so far.
    pub(crate) fn count_unrecorded(&mut self, so_far: fn() -> u64) {
        self.unrecorded = Some(Box::new(Unrecorded { so_far, before: so_far() }));
    }

    /// What the run has come to so far.
    #[must_use]
    pub fn summary(&self) -> RunSummary {
        let nodes = self.counts();
        let judged = self.recorder.0.ledger.lock().book(self.id).map(Book::judge);
        self.summary_as(judged.unwrap_or_else(|| ledger::judge(&total(&nodes))), nodes)
    }

    fn counts(&self) -> Vec<SiteCounts> {
        let counted = self.recorder.0.ledger.lock().counts_of(self.id);
        let mut nodes: Vec<SiteCounts> = Vec::new();
        for (site, counts) in counted {
            // A node that several sites declare, or an earlier process had, is one node.
            let node = self.recorder.site_name(site);
            match nodes.iter_mut().find(|known| known.node == node) {
                Some(known) => known.counts.add(&counts),
                None => nodes.push(SiteCounts { node, counts }),
            }
        }
        nodes
    }

    fn summary_as(&self, status: Status, nodes: Vec<SiteCounts>) -> RunSummary {
        let now = self.recorder.clock().mono_ns();
        let duration = Duration::from_nanos(now.saturating_sub(self.started_ns));
        let unrecorded = self.unrecorded.as_ref().map_or(0, |count| (count.so_far)().wrapping_sub(count.before));
        RunSummary {
            run: self.id,
            name: self.name.to_string(),
            status,
            nodes,
            duration,
            unrecorded,
            others: Vec::new(),
        }
    }

    fn summary_of_all(&self) -> RunSummary {
        RunSummary { others: self.recorder.left_by_others(self.id), ..self.summary() }
    }

    /// What keeps the run from ending as a success: what is open here, or where somebody lives who may still end it.
    fn open_work(&self, summary: &RunSummary) -> Option<String> {
        let unfinished = self.recorder.0.ledger.lock().book(self.id).map_or(0, Book::unfinished);
        match summary.total().open() + unfinished {
            0 => {
                let left = summary.others.iter().find(|left| left.lives)?;
                Some(format!("{} open in stream {}, whose process has joined it", left.open.len(), left.stream))
            }
            open => Some(format!("{open} open")),
        }
    }

    /// Whether [`finish`](Run::finish) would refuse.
    pub(crate) fn has_open_work(&self) -> bool {
        self.open_work(&self.summary_of_all()).is_some()
    }

    /// Ends the run with the status that what happened in it calls for: EMPTY, COMPLETED, COMPLETED_WITH_FAILURES or
    /// FAILED. On the device when this returns.
    ///
    /// # Errors
    /// `AUD0404` while work of the run is open, here or in a living process that [joined](Recorder::join_run) it: the run
    /// comes back, still RUNNING. In doubt when the record cannot be written.
    pub fn finish(mut self) -> Result<RunSummary, Unfinished> {
        if let Err(error) = self.declared("finishing") {
            return Err(Unfinished { run: self, error });
        }
        let summary = self.summary_of_all();
        if let Some(open) = self.open_work(&summary) {
            let error = Error::new(Code::RunHasOpenWork, format!("finishing run {}", self.id));
            return Err(Unfinished { error: error.detail(open), run: self });
        }
        match self.end(None, &summary) {
            Ok(()) => Ok(summary),
            Err(error) => Err(Unfinished { run: self, error }),
        }
    }

    /// Ends the run as FAILED for a reason of your own.
    ///
    /// # Errors
    /// In doubt when the record cannot be written.
    pub fn fail(self, reason: &str) -> Result<RunSummary, Error> {
        self.end_as(Status::Failed, reason)
    }

    /// Ends the run as INTERRUPTED: stopped on purpose, to be resumed.
    ///
    /// # Errors
    /// In doubt when the record cannot be written.
    pub fn interrupt(self, reason: &str) -> Result<RunSummary, Error> {
        self.end_as(Status::Interrupted, reason)
    }

    fn end_as(mut self, status: Status, reason: &str) -> Result<RunSummary, Error> {
        self.declared("ending")?;
        let mut summary = self.summary_as(status, self.counts());
        summary.others = self.recorder.left_by_others(self.id);
        let reason = crate::model::scrub::scrub_error_text(reason);
        self.end(Some(&reason), &summary)?;
        Ok(summary)
    }

    /// A resumed run has begun again once its graph is declared again; until then nothing is written of it.
    fn declared(&self, doing: &str) -> Result<(), Error> {
        match self.recorder.0.ledger.lock().past(self.id) {
            None => Ok(()),
            Some(_) => Err(Error::new(Code::RunHasOpenWork, format!("{doing} run {}", self.id))
                .detail("it is resumed, and its graph is not declared again")),
        }
    }

    fn end(&mut self, reason: Option<&str>, summary: &RunSummary) -> Result<(), Error> {
        let status = summary.status;
        let recorder = self.recorder.clone();
        self.ended = true;
        let mut header = recorder.header(Kind::RunEnded);
        header.durability = Durability::Disk;
        header.status = status;
        header.exit = if status == Status::Failed { Exit::Errored } else { Exit::Returned };
        header.run = self.id;
        header.subject = self.id.0;
        header.attempt = self.attempt;
        header.duration_ns = header.mono_ns.saturating_sub(self.started_ns);
        let mut body = BodyWriter::new();
        let (tally, mut findings) = match recorder.0.ledger.lock().book(self.id) {
            Some(book) => (Some(book.tally()), book.findings(status)),
            None => (None, Vec::new()),
        };
        if status != Status::Interrupted {
            let left = summary.others.iter().flat_map(|left| &left.open);
            findings.extend(left.take(NAMED).map(|id| format!("S9 {id:#}")));
        }
        body.maybe(Key::Reason, reason).value(Key::Counts, &counts_value(&summary.total(), tally));
        if !findings.is_empty() {
            body.value(Key::Findings, &Value::Array(findings.into_iter().map(Value::Text).collect()));
        }
        let body = body.finish();
        let journal = &recorder.0.journal;
        let written = recorder.append(&mut header, &body, Purpose::Terminal).and_then(|pending| journal.wait(pending));
        recorder.0.ledger.lock().forget(self.id);
        self.vacate();
        match written {
            Ok(()) => {
                recorder.0.observers.tell(&header, &body, recorder.stream());
                recorder.0.observers.run_ended(summary);
                Ok(())
            }
            Err(failure) => {
                header.flags |= flag::SPOOLED;
                Err(recorder.spool_terminal(header, &body, format!("ending run {}", self.id), failure))
            }
        }
    }
}

impl Run {
    /// Leaves the seat behind the terminal: who finds it free finds the end too.
    fn vacate(&mut self) {
        if let Some(then) = self.on_end.take() {
            then();
        }
        drop(self.seat.take());
    }
}

fn counts_value(total: &Counts, tally: Option<Tally>) -> Value {
    let pair = |name: &str, n: u64| (Value::Text(name.to_owned()), Value::Uint(n));
    let mut pairs = vec![
        pair("opened", total.opened),
        pair("completed", total.completed),
        pair("errored", total.errored),
        pair("panicked", total.panicked),
        pair("cancelled", total.cancelled),
        pair("open", total.open()),
    ];
    if let Some(tally) = tally {
        pairs.extend([
            pair("rows", tally.rows),
            pair("success", tally.success),
            pair("failure", tally.failure),
            pair("replaced", tally.replaced),
        ]);
    }
    Value::Map(pairs)
}

impl Drop for Run {
    fn drop(&mut self) {
        // A resume that was given up before its graph was declared again leaves the run as it was.
        if self.recorder.0.ledger.lock().take_past(self.id).is_some() {
            self.vacate();
        } else if !self.ended && self.recorder.0.journal.is_ours() {
            let summary = self.summary_as(Status::Failed, self.counts());
            // The failure is in the poison slot; a drop has nobody to tell.
            drop(self.end(Some("unfinished"), &summary));
        }
    }
}
