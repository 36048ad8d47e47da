//! What is open in a recorder and what its runs have done so far, in memory. Pure: it is told, it judges, it writes
//! nothing. Run ends and the shutdown report are decided here, never by asking the index.

mod book;
mod course;
mod past;
mod rows;

pub use book::{Book, Tally};
pub use course::{Course, Origin};
pub use past::{BatchPast, CheckpointPast, Fate, Owed, Past, Stage, Standing, WritePast};
pub use rows::{OpenRow, Rows};

use crate::model::lifecycle::{self, By, Entity, Illegal};
use crate::model::{Exit, Id, RunId, Status};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Sequences are their own hash: they are dense and trusted.
#[derive(Default)]
pub struct SeqHasher(u64);

impl Hasher for SeqHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn write_u64(&mut self, n: u64) {
        // Spread over the high bits too, which is where the table takes its tags from.
        self.0 = (self.0 ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_u32(&mut self, n: u32) {
        self.write_u64(u64::from(n));
    }
}

/// Names of nodes that are told apart in one process; entries under still other names are counted together. A node has
/// many entries: who makes up a name for each of them has no nodes, and would fill the memory.
pub const MOST_NAMES: usize = 1024;

/// A map keyed by sequences or small numbers.
pub type SeqMap<K, V> = HashMap<K, V, BuildHasherDefault<SeqHasher>>;

/// An open entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenEntry {
    /// Where it stands.
    pub status: Status,
    /// The run that owns it.
    pub run: RunId,
    /// Its site's number; for entries without a site, that of their name.
    pub site: u32,
    /// When it was opened, monotonic.
    pub mono_ns: u64,
}

/// What became of the entries of one site in one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Entries that began.
    pub opened: u64,
    /// Ended by returning.
    pub completed: u64,
    /// Ended by an error.
    pub errored: u64,
    /// Ended by a panic.
    pub panicked: u64,
    /// Ended by a cancellation.
    pub cancelled: u64,
}

impl Counts {
    /// All that failed.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.errored + self.panicked + self.cancelled
    }

    /// Begun and not ended.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.opened.saturating_sub(self.completed + self.failed())
    }

    /// An entry has ended so.
    pub fn ended(&mut self, exit: Exit) {
        match exit {
            Exit::Returned | Exit::None => self.completed += 1,
            Exit::Errored => self.errored += 1,
            Exit::Panicked => self.panicked += 1,
            Exit::Cancelled | Exit::Lost => self.cancelled += 1,
        }
    }

    /// Adds another count to this one.
    pub fn add(&mut self, other: &Counts) {
        self.opened += other.opened;
        self.completed += other.completed;
        self.errored += other.errored;
        self.panicked += other.panicked;
        self.cancelled += other.cancelled;
    }
}

/// Open entries and counts. Entries are keyed by the sequence of their opening record.
#[derive(Debug, Default)]
pub struct Ledger {
    open: SeqMap<u64, OpenEntry>,
    counts: HashMap<(RunId, u32), Counts, BuildHasherDefault<SeqHasher>>,
    books: HashMap<RunId, Book, BuildHasherDefault<SeqHasher>>,
    /// Pasts of runs that are about to be resumed: their graph is not declared again yet.
    pasts: HashMap<RunId, Past, BuildHasherDefault<SeqHasher>>,
}

/// What is known of a row that the source of a resumed run gives again.
#[derive(Debug)]
pub enum RowAgain {
    /// It was never read.
    New,
    /// Nothing is left to do for it.
    Done,
    /// These tokens of it have no outcome.
    Open(Vec<(Id, Standing)>),
    /// Its data is not what was recorded.
    Differs,
    /// Several rows have its identity, or it has no digest.
    Unclear,
}

/// Why the ledger refuses a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Nothing with this sequence is open: never opened here, or closed already.
    NotOpen,
    /// The table of transitions has no such arrow.
    Illegal(Illegal),
}

impl Ledger {
    /// An entry has begun.
    pub fn opened(&mut self, seq: u64, entry: OpenEntry) {
        self.open.insert(seq, entry);
        self.counts.entry((entry.run, entry.site)).or_default().opened += 1;
    }

    /// Whether an entry may take this status.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn may(&self, seq: u64, to: Status) -> Result<OpenEntry, Refusal> {
        let entry = self.open.get(&seq).copied().ok_or(Refusal::NotOpen)?;
        lifecycle::step(Entity::NodeState, Some(entry.status), to, By::Owner).map_err(Refusal::Illegal)?;
        Ok(entry)
    }

    /// An entry was handed over; it stays open.
    pub fn deferred(&mut self, seq: u64) {
        if let Some(entry) = self.open.get_mut(&seq) {
            entry.status = Status::Deferred;
        }
    }

    /// An entry has ended.
    pub fn closed(&mut self, seq: u64, exit: Exit) {
        let Some(entry) = self.open.remove(&seq) else { return };
        let counts = self.counts.entry((entry.run, entry.site)).or_default();
        counts.ended(exit);
    }

    /// An opening that was refused after it had been counted.
    pub fn withdrawn(&mut self, seq: u64) {
        if let Some(entry) = self.open.remove(&seq) {
            let counts = self.counts.entry((entry.run, entry.site)).or_default();
            counts.opened = counts.opened.saturating_sub(1);
        }
    }

    /// Everything that is open, oldest first.
    #[must_use]
    pub fn open_entries(&self) -> Vec<(u64, OpenEntry)> {
        let mut entries: Vec<_> = self.open.iter().map(|(seq, entry)| (*seq, *entry)).collect();
        entries.sort_unstable_by_key(|(seq, _)| *seq);
        entries
    }

    /// Counts of a run by the number of site or name.
    #[must_use]
    pub fn counts_of(&self, run: RunId) -> Vec<(u32, Counts)> {
        let mut counts: Vec<_> =
            self.counts.iter().filter(|((r, _), _)| *r == run).map(|((_, site), counts)| (*site, *counts)).collect();
        counts.sort_unstable_by_key(|(site, _)| *site);
        counts
    }

    /// Begins the book of a run's tokens.
    pub fn keep_book(&mut self, run: RunId) {
        self.books.entry(run).or_default();
    }

    /// The book of a run that has a graph.
    #[must_use]
    pub fn book(&self, run: RunId) -> Option<&Book> {
        self.books.get(&run)
    }

    /// The book of a run that has a graph.
    pub fn book_mut(&mut self, run: RunId) -> Option<&mut Book> {
        self.books.get_mut(&run)
    }

    /// Keeps the past of a run until its graph is declared again.
    pub fn keep_past(&mut self, run: RunId, past: Past) {
        self.pasts.insert(run, past);
    }

    /// Gives the past of a run whose graph is not declared again yet.
    pub fn take_past(&mut self, run: RunId) -> Option<Past> {
        self.pasts.remove(&run)
    }

    /// The past of a run whose graph is not declared again yet: nothing was written of its resume.
    #[must_use]
    pub fn past(&self, run: RunId) -> Option<&Past> {
        self.pasts.get(&run)
    }

    /// Goes on with the book and the counts of a run's earlier processes. What this very process has open from before
    /// stays open.
    pub fn go_on(&mut self, run: RunId, book: Book, counts: &[(u32, Counts)]) {
        self.count_on(run, counts);
        self.books.insert(run, book);
    }

    /// As [`go_on`](Self::go_on), for a run without a graph.
    pub fn count_on(&mut self, run: RunId, counts: &[(u32, Counts)]) {
        for ((_, _), left) in self.counts.iter_mut().filter(|((of, _), _)| *of == run) {
            *left = Counts { opened: left.open(), ..Counts::default() };
        }
        for (site, counts) in counts {
            self.counts.entry((run, *site)).or_default().add(counts);
        }
    }

    /// Forgets the counts and the book of a run that has ended.
    pub fn forget(&mut self, run: RunId) {
        self.books.remove(&run);
        self.counts.retain(|(r, _), counts| *r != run || counts.open() > 0);
    }
}

/// What a run's end must be called, from what happened in it.
#[must_use]
pub fn judge(total: &Counts) -> Status {
    match (total.completed, total.failed()) {
        (0, 0) => Status::Empty,
        (_, 0) => Status::Completed,
        (0, _) => Status::Failed,
        _ => Status::CompletedWithFailures,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: OpenEntry = OpenEntry { status: Status::Open, run: RunId::NONE, site: 1, mono_ns: 0 };

    #[test]
    fn g11_a_second_terminal_is_refused() {
        let mut ledger = Ledger::default();
        ledger.opened(4, ENTRY);
        assert!(ledger.may(4, Status::Completed).is_ok());
        ledger.closed(4, Exit::Returned);
        assert_eq!(ledger.may(4, Status::Failed), Err(Refusal::NotOpen));
    }

    #[test]
    fn g23_deferred_goes_on_to_a_terminal_and_not_back() {
        let mut ledger = Ledger::default();
        ledger.opened(4, ENTRY);
        ledger.deferred(4);
        assert!(ledger.may(4, Status::Failed).is_ok());
        assert!(ledger.may(4, Status::Completed).is_ok());
        assert!(matches!(ledger.may(4, Status::Deferred), Err(Refusal::Illegal(_))));
    }

    #[test]
    fn l32_a_run_is_named_after_what_happened() {
        let counts = |completed, errored| Counts { completed, errored, ..Counts::default() };
        assert_eq!(judge(&counts(0, 0)), Status::Empty);
        assert_eq!(judge(&counts(0, 2)), Status::Failed);
        assert_eq!(judge(&counts(1, 2)), Status::CompletedWithFailures);
        assert_eq!(judge(&counts(3, 0)), Status::Completed);
    }
}
