//! The only door to the journal. Guards, runs and notes come in here; what goes out is an acknowledgement or an error.
//!
//! | file | noun |
//! |---|---|
//! | `entry` | opening and closing node states |
//! | `attempt` | action attempts: PENDING and their terminals |
//! | `point` | refusals, gaps, notes, panics, evidence |
//! | `pledge` | what a run declares and acknowledges |
//! | `payload` | values that are kept in the payload store |
//! | `step` | beginning and ending calls, operations, batches |
//! | `sites` | numbers of sites in this stream |
//! | `run` | one execution: begins, ends, is handed around |
//! | `due` | what the runs expect, by deadline |
//! | `join` | a run that several processes work on at one time |
//! | `resume` | the seat of a run that another process goes on with, and the record that says so |
//! | `recovered` | what opening found and settled |
//! | `observer` | who is told of acknowledged records |

pub(crate) mod attempt;
pub(crate) mod due;
pub(crate) mod entry;
mod join;
mod observer;
mod payload;
pub(crate) mod pledge;
mod point;
mod recovered;
mod resume;
mod run;
mod sites;
mod step;

pub use entry::State;
pub(crate) use entry::{CloseState, OpenState, Opened, Pending};
pub use join::LeftOpen;
pub(crate) use observer::is_telling;
pub use observer::{Observer, Seen};
pub use point::Severity;
pub(crate) use point::{Evidence, GapCount, Refused};
pub use recovered::{Recovered, RecoveredStream};
pub(crate) use run::RunFacts;
pub use run::{Run, RunHandle, RunSummary, SiteCounts, Unfinished};

use crate::clock::Clock;
use crate::error::{Code, Error};
use crate::fault::Planned;
use crate::journal::spool::Spool;
use crate::journal::{Closed, Journal, Layout, Pending as JournalPending, Purpose};
use crate::ledger::Ledger;
use crate::meeting::{Meeting, MeetingHealth};
use crate::model::digest::DigestKey;
use crate::model::record::{Header, flag};
use crate::model::{Durability, Key, Kind, RunId, StreamId};
use crate::payload::Keeper;
use crate::seeded;
use parking_lot::{Mutex, MutexGuard};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

/// Runs that go on although their contract could not be declared. Hardly any program has one, so an append asks one
/// relaxed load first.
#[derive(Default)]
struct Uncontracted {
    any: AtomicBool,
    runs: Mutex<BTreeSet<RunId>>,
}

/// A handle to one open trail; clones are the same recorder.
#[derive(Clone)]
pub struct Recorder(pub(crate) Arc<Core>);

/// What a recorder consists of.
pub(crate) struct Core {
    number: u32,
    pub(crate) layout: Layout,
    pub(crate) journal: Journal,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) spool: Spool,
    default_durability: Durability,
    pub(crate) ledger: Mutex<Ledger>,
    sites: Mutex<sites::Sites>,
    /// Held by whoever writes a `SITE` record.
    site_turn: Mutex<()>,
    pub(crate) gaps: Arc<GapCount>,
    observers: observer::Observers,
    when_closed: Mutex<Vec<Box<dyn FnOnce() + Send>>>,
    closing: AtomicBool,
    /// This stream settles one that could not be marked: the next open has to read it.
    pub(crate) keep_unmarked: AtomicBool,
    recovered: Mutex<Recovered>,
    pub(crate) books: Mutex<pledge::Books>,
    pub(crate) dues: Arc<due::Dues>,
    /// Digests of arguments, outputs and payloads are keyed by this.
    pub(crate) digest_key: Option<Arc<DigestKey>>,
    uncontracted: Uncontracted,
    scratch: Option<std::path::PathBuf>,
    pub(crate) payloads: Option<Keeper>,
    /// Stands in every run's first record.
    pub(crate) running_timeout: Option<Duration>,
    actor: Option<String>,
    /// What a lab wants to happen; nothing in every other recorder.
    pub(crate) planned: Planned,
    pub(crate) meeting: Option<Arc<Meeting>>,
}

impl Drop for Core {
    fn drop(&mut self) {
        if let Some(scratch) = self.scratch.take().filter(|_| self.journal.is_ours()) {
            drop(self.journal.close(|_| {}));
            drop(std::fs::remove_dir_all(scratch));
        }
    }
}

/// Parts that the session puts together.
pub(crate) struct Parts {
    pub(crate) layout: Layout,
    pub(crate) journal: Journal,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) spool: Spool,
    pub(crate) default_durability: Durability,
    pub(crate) gaps: Arc<GapCount>,
    pub(crate) scratch: Option<std::path::PathBuf>,
    pub(crate) payloads: Option<Keeper>,
    pub(crate) running_timeout: Option<Duration>,
    pub(crate) actor: Option<String>,
    pub(crate) planned: Planned,
    pub(crate) digest_key: Option<Arc<DigestKey>>,
    pub(crate) meeting: Option<Arc<Meeting>>,
}

/// How a recorder is doing.
#[derive(Clone, Debug)]
pub struct Health {
    /// New entries are admitted.
    pub healthy: bool,
    /// Entries have run without a record since the last one that was written.
    pub degraded: bool,
    /// The first failure, after which new entries are refused.
    pub poison: Option<Error>,
    /// Entries that began and have not ended.
    pub open: usize,
    /// Records that observers, mirrors among them, did not take or failed at.
    pub observer_drops: u64,
    /// How the meeting of contracts across machines is doing, where it is switched on.
    pub meeting: Option<MeetingHealth>,
}

static NUMBERS: AtomicU32 = AtomicU32::new(1);

impl Recorder {
    pub(crate) fn from_parts(parts: Parts) -> Recorder {
        Recorder(Arc::new(Core {
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            layout: parts.layout,
            journal: parts.journal,
            clock: parts.clock,
            spool: parts.spool,
            default_durability: parts.default_durability,
            ledger: Mutex::new(Ledger::default()),
            sites: Mutex::new(sites::Sites::default()),
            site_turn: Mutex::new(()),
            gaps: parts.gaps,
            observers: observer::Observers::default(),
            when_closed: Mutex::default(),
            closing: AtomicBool::new(false),
            keep_unmarked: AtomicBool::new(false),
            recovered: Mutex::new(Recovered::default()),
            books: Mutex::default(),
            dues: Arc::default(),
            digest_key: parts.digest_key,
            uncontracted: Uncontracted::default(),
            scratch: parts.scratch,
            payloads: parts.payloads,
            running_timeout: parts.running_timeout,
            actor: parts.actor,
            planned: parts.planned,
            meeting: parts.meeting,
        }))
    }

    /// A number that no other recorder of this process has; from 1.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.0.number
    }

    /// The stream that this process writes.
    #[must_use]
    pub fn stream(&self) -> StreamId {
        self.0.journal.stream()
    }

    /// The trail's directory.
    #[must_use]
    pub fn path(&self) -> &std::path::Path {
        self.0.layout.root()
    }

    /// The recorder's clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// How the recorder is doing now.
    #[must_use]
    pub fn health(&self) -> Health {
        let poison = self.0.journal.poison();
        Health {
            healthy: poison.is_none() && !self.is_closing() && self.0.journal.is_ours(),
            degraded: self.0.gaps.pending() > 0,
            poison,
            open: self.0.ledger.lock().open_entries().len(),
            observer_drops: self.0.observers.drops(),
            meeting: self.0.meeting.as_ref().map(|meeting| meeting.health()),
        }
    }

    /// Tells `observer` of every record that is acknowledged from now on.
    pub fn observe(&self, observer: Arc<dyn Observer>) {
        self.0.observers.add(observer);
    }

    /// Tells `observer` of nothing any more.
    pub fn unobserve(&self, observer: &Arc<dyn Observer>) {
        self.0.observers.remove(observer);
    }

    /// Counts records that somebody who reads the journal on an observer's behalf could not pass on.
    pub(crate) fn count_observer_drops(&self, drops: u64) {
        self.0.observers.count_drops(drops);
    }

    /// Calls `then` once the stream has been closed.
    pub(crate) fn when_closed(&self, then: impl FnOnce() + Send + 'static) {
        self.0.when_closed.lock().push(Box::new(then));
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.0.closing.load(Ordering::Relaxed)
    }

    /// A durability: what was asked, never less than the recorder's default or than this kind of record needs.
    pub(crate) fn durability(&self, asked: Option<Durability>, least: Durability) -> Durability {
        asked.unwrap_or(least).max(least).max(self.0.default_durability)
    }

    /// A header of this kind with the times of now.
    pub(crate) fn header(&self, kind: Kind) -> Header {
        let mut header = Header::new(kind);
        (header.wall_ns, header.mono_ns) = self.0.clock.now();
        if seeded::is("duration_by_wall_clock") {
            header.mono_ns = header.wall_ns.unsigned_abs();
        }
        header
    }

    /// The way of every record into the journal: one of a run without its contract says so.
    pub(crate) fn append(&self, header: &mut Header, body: &[u8], purpose: Purpose) -> Result<JournalPending, Error> {
        let uncontracted = &self.0.uncontracted;
        if uncontracted.any.load(Ordering::Relaxed) && uncontracted.runs.lock().contains(&header.run) {
            header.flags |= flag::UNCONTRACTED;
        }
        self.0.journal.append(header, body, purpose)
    }

    /// Takes a lock that its holder may keep while the storage hangs. Whoever does not get it in time closes the recorder
    /// for new entries, as one who waits for an acknowledgement does.
    fn turn<'a>(&self, lock: &'a Mutex<()>, what: impl FnOnce() -> String) -> Result<MutexGuard<'a, ()>, Error> {
        let journal = &self.0.journal;
        if let Some(turn) = lock.try_lock() {
            return Ok(turn);
        }
        if let Some(first) = journal.poison() {
            return Err(Error::caused_by(Code::Poisoned, what(), first));
        }
        lock.try_lock_for(journal.patience()).ok_or_else(|| {
            let error = Error::new(Code::TimedOut, what());
            journal.set_poison(error.clone());
            error
        })
    }

    /// From now on every record of this run says that its contract was not declared.
    pub(crate) fn mark_uncontracted(&self, run: RunId) {
        self.0.uncontracted.runs.lock().insert(run);
        self.0.uncontracted.any.store(true, Ordering::Relaxed);
    }

    /// Ends the stream cleanly. What is still open is named in the closing record and left to recovery.
    ///
    /// # Errors
    /// The first failure of the journal; the next open settles the stream then.
    pub fn close(&self) -> Result<Closed, Error> {
        if self.0.closing.swap(true, Ordering::SeqCst) {
            return Err(Error::new(Code::Closed, format!("closing stream {}", self.stream())));
        }
        self.flush_gaps();
        let leaked = self.leaked();
        let closed = self.0.journal.close(|body| {
            if !leaked.is_empty() {
                use crate::model::cbor::Value;
                body.value(Key::Sites, &Value::Array(leaked.iter().map(|l| Value::Text(l.clone())).collect()));
            }
        });
        if closed.as_ref().is_ok_and(|closed| closed.open == 0) && !self.0.keep_unmarked.load(Ordering::Acquire) {
            // The mark only saves reading this stream at the next open. One that leaves entries or a run open is read, so
            // that they are abandoned; the journal's own count knows those too that came in while it was closing.
            drop(crate::journal::layout::mark_ended(&self.0.layout, self.stream(), "closed"));
        }
        let followers = std::mem::take(&mut *self.0.when_closed.lock());
        // A forked child has none of the threads that these wait for.
        if self.0.journal.is_ours() {
            followers.into_iter().for_each(|then| then());
        }
        closed
    }

    /// Entries that are open, as `node id` texts: what a shutdown would leave behind.
    #[must_use]
    pub fn leaked(&self) -> Vec<String> {
        let open = self.0.ledger.lock().open_entries();
        let sites = self.0.sites.lock();
        open.iter()
            .map(|(seq, entry)| format!("{} {}", sites.name(entry.site), crate::Id::new(self.stream(), *seq)))
            .collect()
    }

    /// Appends a record that stands for itself and returns when its durability is reached.
    pub(crate) fn point(&self, mut header: Header, body: &[u8]) -> Result<u64, Error> {
        self.point_untold(&mut header, body)?;
        self.0.observers.tell(&header, body, self.stream());
        Ok(header.seq)
    }

    /// As [`point`](Self::point), for places where an observer must not be called: one that panics inside a panic hook
    /// would abort the process.
    pub(crate) fn point_untold(&self, header: &mut Header, body: &[u8]) -> Result<(), Error> {
        let pending = self.append(header, body, Purpose::Point)?;
        self.0.journal.wait(pending)
    }
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("stream", &self.stream()).finish_non_exhaustive()
    }
}
