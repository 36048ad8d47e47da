//! Opening and closing node states.
//!
//! ```text
//! open_state ──append──→ Pending ──acknowledged──→ the body may run
//!      └ no record, no space, no acknowledgement ──→ refused: the body does not run
//! close_state ─append──→ Pending ──acknowledged──→ the caller may see the result
//!      └ not appended, not acknowledged ──→ spooled ──→ in doubt, poison
//!                                              └ not spooled either ──→ in doubt naming both failures, poison
//! ```

use super::Recorder;
use super::pledge::{Beside, Place, line_of};
use crate::contract::{Outcome, ResultId};
use crate::error::{Code, Error};
use crate::journal::{self, Purpose};
use crate::ledger::{OpenEntry, Refusal};
use crate::model::digest::Slot;
use crate::model::record::{Header, flag};
use crate::model::{BodyWriter, Durability, Exit, Id, Key, Kind, RunId, Status};
use crate::seeded;
use crate::site::{OnFailure, Site};
use std::cell::RefCell;
use std::task::{Context, Poll};

/// What an opening record says.
pub(crate) struct OpenState<'a> {
    /// The annotated place; `None` for entries made by hand.
    pub(crate) site: Option<&'static Site>,
    /// Node name of an entry made by hand.
    pub(crate) node: Option<&'a str>,
    pub(crate) run: RunId,
    pub(crate) parent: Id,
    pub(crate) attempt: u32,
    pub(crate) input: &'a Slot,
    /// An encoded CBOR map.
    pub(crate) recorded: Option<&'a [u8]>,
    pub(crate) unattributed: bool,
    pub(crate) detached: bool,
    pub(crate) durability: Option<Durability>,
    pub(crate) external: bool,
    /// The token that visits.
    pub(crate) token: Option<Id>,
    /// The resume that drives it again.
    pub(crate) resume: Option<Id>,
}

/// An entry that has begun.
#[derive(Clone, Debug)]
pub(crate) struct Opened {
    pub(crate) id: Id,
    pub(crate) run: RunId,
    pub(crate) parent: Id,
    pub(crate) attempt: u32,
    pub(crate) site: u32,
    pub(crate) mono_ns: u64,
    pub(crate) durability: Durability,
    /// Its body runs without a record when the opening is not acknowledged.
    pub(crate) degrades: bool,
    /// The digest bound at opening; the terminal repeats it.
    pub(crate) input: Option<Slot>,
    /// The annotation, where it acknowledges actions.
    pub(crate) acknowledges: Option<&'static Site>,
}

/// What a terminal record says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CloseState<'a> {
    pub(crate) status: Status,
    pub(crate) exit: Exit,
    pub(crate) output: Option<&'a Slot>,
    pub(crate) error: Option<&'a str>,
    pub(crate) error_type: Option<&'a str>,
    pub(crate) error_code: Option<&'a str>,
    pub(crate) success_reason: Option<&'a str>,
    pub(crate) reason: Option<&'a str>,
    pub(crate) location: Option<&'a str>,
    /// An encoded CBOR map.
    pub(crate) context_after: Option<&'a [u8]>,
    /// What the acknowledged actions brought about.
    pub(crate) result: Option<&'a str>,
    /// A lab's plan wants the journal not to take it.
    pub(crate) doomed: bool,
}

impl CloseState<'_> {
    /// A terminal that says nothing but its status.
    pub(crate) const fn new(status: Status, exit: Exit) -> CloseState<'static> {
        CloseState {
            status,
            exit,
            output: None,
            error: None,
            error_type: None,
            error_code: None,
            success_reason: None,
            reason: None,
            location: None,
            context_after: None,
            result: None,
            doomed: false,
        }
    }
}

/// A record of an entry that waits for its acknowledgement.
#[derive(Debug)]
#[must_use = "the promise is kept only once this is acknowledged"]
pub(crate) struct Pending {
    journal: journal::Pending,
    /// Contract records that stand beside it and become durable with it.
    beside: Vec<Beside>,
    /// What to do when it is not acknowledged; `None` when nothing can go wrong any more.
    kept: Option<Box<Kept>>,
}

impl Pending {
    /// All that waits, leaving one that waits for nothing.
    fn take(&mut self) -> Pending {
        let kept = journal::Pending::kept(self.journal.seq());
        let journal = std::mem::replace(&mut self.journal, kept);
        Pending { journal, beside: std::mem::take(&mut self.beside), kept: self.kept.take() }
    }
}

#[derive(Debug)]
struct Kept {
    opened: Opened,
    terminal: bool,
    header: Header,
    body: Vec<u8>,
}

/// A node state's place, as callers see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct State(pub Id);

thread_local! {
    /// Bodies are built in one buffer per thread: an entry allocates nothing.
    static BODY: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Builds a body in this thread's buffer and hands it to `with`. A thread that ends has no buffer any more, and what its
/// destructors call is recorded all the same.
fn with_body<R>(fill: impl FnOnce(&mut BodyWriter), with: impl FnOnce(&[u8]) -> R) -> R {
    let buffer = BODY.try_with(RefCell::take).unwrap_or_default();
    let mut body = BodyWriter::reusing(buffer);
    fill(&mut body);
    let bytes = body.finish();
    let out = with(&bytes);
    drop(BODY.try_with(|buffer| buffer.replace(bytes)));
    out
}

impl Recorder {
    /// Appends the opening record of an entry. The body may run once `Pending` is acknowledged.
    pub(crate) fn open_state(&self, open: &OpenState<'_>) -> Result<(Opened, Pending), Error> {
        if self.is_closing() {
            return Err(Error::new(Code::Closed, "opening a node state"));
        }
        if seeded::is("refuses_behind_a_recovery") && self.has_settled_streams() {
            return Err(Error::new(Code::Closed, "opening a node state"));
        }
        self.flush_gaps();
        let site = match open.site {
            Some(site) => self.site_number(site)?,
            None => 0,
        };
        let mut header = self.header(Kind::StateOpened);
        let least = if open.external { Durability::Disk } else { Durability::Process };
        header.durability = self.durability(open.durability, least);
        header.status = Status::Open;
        header.run = open.run;
        header.parent = open.parent;
        header.attempt = open.attempt;
        header.site = site;
        let fill = |body: &mut BodyWriter| {
            body.slot(Key::Input, open.input).maybe(Key::Node, open.node);
            if let Some(recorded) = open.recorded {
                body.raw(Key::Recorded, recorded);
            }
            if open.unattributed {
                body.yes(Key::Unattributed);
            }
            if open.detached && !seeded::is("detached_unmarked") {
                body.yes(Key::Detached);
            }
            for (key, id) in [(Key::Token, open.token), (Key::Resume, open.resume)] {
                if let Some(id) = id {
                    body.id(key, id);
                }
            }
        };
        with_body(fill, |body| {
            let pending = self.append(&mut header, body, Purpose::Opening)?;
            let opened = Opened {
                id: Id::new(self.stream(), header.seq),
                run: open.run,
                parent: open.parent,
                attempt: open.attempt,
                site,
                mono_ns: header.mono_ns,
                durability: header.durability,
                degrades: open.site.is_some_and(|site| matches!(site.options.on_failure, OnFailure::Degrade)),
                input: (*open.input != Slot::NOT_REQUESTED).then(|| open.input.clone()),
                acknowledges: open.site.filter(|site| !site.options.acknowledges.is_empty()),
            };
            let site = self.counted_as(site, open.node);
            let entry = OpenEntry { status: Status::Open, run: open.run, site, mono_ns: header.mono_ns };
            self.0.ledger.lock().opened(header.seq, entry);
            let beside = match open.site.filter(|site| !site.options.expects.is_empty()) {
                Some(site) => self.expect_beside(&opened, site)?,
                None => Vec::new(),
            };
            let pending = self.pending((pending, beside), &opened, false, &header, body);
            Ok((opened, pending))
        })
    }

    /// Appends the terminal of an entry. The caller may see the result once `Pending` is acknowledged.
    pub(crate) fn close_state(&self, opened: &Opened, close: &CloseState<'_>) -> Result<Pending, Error> {
        self.check_close(opened, close)?;
        let mut header = self.header(Kind::StateClosed);
        header.durability = opened.durability;
        header.status = close.status;
        header.exit = close.exit;
        header.run = opened.run;
        header.subject = opened.id;
        if seeded::is("terminal_of_nobody") {
            header.subject.seq += 1_000;
        }
        header.parent = opened.parent;
        header.attempt = opened.attempt;
        header.site = opened.site;
        header.duration_ns = header.mono_ns.saturating_sub(opened.mono_ns);
        let fill = |body: &mut BodyWriter| {
            if let Some(input) = &opened.input {
                body.slot(Key::Input, input);
            }
            if let Some(output) = close.output {
                body.slot(Key::Output, output);
            }
            body.maybe(Key::Error, close.error)
                .maybe(Key::ErrorType, close.error_type)
                .maybe(Key::ErrorCode, close.error_code)
                .maybe(Key::SuccessReason, close.success_reason)
                .maybe(Key::Reason, close.reason)
                .maybe(Key::Location, close.location);
            if let Some(context) = close.context_after {
                body.raw(Key::ContextAfter, context);
            }
        };
        let beside =
            opened.acknowledges.map_or_else(|| Ok(Vec::new()), |site| self.acknowledge_beside(opened, site, close));
        with_body(fill, |body| {
            let appended =
                beside.and_then(|beside| Ok((self.append_terminal(&mut header, body, close.doomed)?, beside)));
            match appended {
                Ok(appended) => {
                    self.0.ledger.lock().closed(opened.id.seq, close.exit);
                    Ok(self.pending(appended, opened, true, &header, body))
                }
                Err(failure) => Err(self.place_elsewhere(opened, header, body, failure)),
            }
        })
    }

    fn append_terminal(&self, header: &mut Header, body: &[u8], doomed: bool) -> Result<journal::Pending, Error> {
        if doomed {
            return Err(Error::new(Code::Injected, "appending a terminal"));
        }
        if seeded::is("terminal_written_twice") {
            drop(self.append(header, body, Purpose::Point)?);
        }
        self.append(header, body, Purpose::Terminal)
    }

    /// For a planted bug: whether an earlier process of this trail was recovered.
    fn has_settled_streams(&self) -> bool {
        let layout = &self.0.layout;
        let settled =
            |stream| std::fs::read_to_string(layout.ended(stream)).is_ok_and(|how| how.starts_with("settled"));
        layout.streams().unwrap_or_default().into_iter().any(settled)
    }

    /// As [`close_state`](Self::close_state) for guards that are dropped: never waits. The terminal is appended for the
    /// kernel and its sync is asked for at once.
    pub(crate) fn close_dropped(&self, opened: &Opened, close: &CloseState<'_>) -> Result<(), Error> {
        let at_once = Opened { durability: Durability::Process, ..opened.clone() };
        let Pending { journal, beside, kept } = self.close_state(&at_once, close)?;
        if let Some(kept) = kept.filter(|_| journal.is_kept()) {
            self.0.observers.tell(&kept.header, &kept.body, self.stream());
        }
        if opened.durability != Durability::Process || !beside.is_empty() {
            self.0.journal.sync_soon(&journal);
        }
        Ok(())
    }

    /// Notes that an entry was handed over; its terminal is to come.
    pub(crate) fn defer_state(&self, opened: &Opened, reason: Option<&str>) -> Result<Pending, Error> {
        let what = || format!("deferring node state {}", opened.id);
        self.0.ledger.lock().may(opened.id.seq, Status::Deferred).map_err(|refusal| refused(refusal, what()))?;
        let mut header = self.header(Kind::StateDeferred);
        header.durability = opened.durability;
        header.status = Status::Deferred;
        header.run = opened.run;
        header.subject = opened.id;
        header.parent = opened.parent;
        header.attempt = opened.attempt;
        header.site = opened.site;
        header.duration_ns = header.mono_ns.saturating_sub(opened.mono_ns);
        with_body(
            |body| {
                body.maybe(Key::Reason, reason);
            },
            |body| {
                let pending = self.append(&mut header, body, Purpose::Point)?;
                self.0.ledger.lock().deferred(opened.id.seq);
                Ok(Pending { journal: pending, beside: Vec::new(), kept: None })
            },
        )
    }

    fn pending(
        &self,
        (journal, beside): (journal::Pending, Vec<Beside>),
        opened: &Opened,
        terminal: bool,
        header: &Header,
        body: &[u8],
    ) -> Pending {
        let observed = self.0.observers.any();
        let kept = (!journal.is_kept() || !beside.is_empty() || observed)
            .then(|| Box::new(Kept { opened: opened.clone(), terminal, header: *header, body: body.to_vec() }));
        Pending { journal, beside, kept }
    }

    /// The expectations of an annotated call. Its body does not run when they cannot be declared: the opening, which stands
    /// already, is withdrawn by a terminal that says so.
    fn expect_beside(&self, opened: &Opened, site: &'static Site) -> Result<Vec<Beside>, Error> {
        if seeded::is("expectation_forgotten") {
            return Ok(Vec::new());
        }
        let place = Place { run: opened.run, parent: opened.id, site: opened.site };
        self.append_expected(place, site.options.expects, &line_of(site.file, site.line)).inspect_err(|_| {
            let close = CloseState {
                error: Some("what the call expects could not be declared; its body was not entered"),
                ..CloseState::new(Status::Failed, Exit::Cancelled)
            };
            let quiet = Opened { acknowledges: None, ..opened.clone() };
            drop(self.close_dropped(&quiet, &close));
        })
    }

    /// What an annotated call acknowledges, by how it ended.
    fn acknowledge_beside(
        &self,
        opened: &Opened,
        site: &'static Site,
        close: &CloseState<'_>,
    ) -> Result<Vec<Beside>, Error> {
        let outcome = match close.status {
            Status::Completed => {
                let named = close.result.and_then(ResultId::new);
                let result = named.or_else(|| ResultId::new(format!("{:#}", opened.id)));
                result.map(|result| Outcome::Success { result })
            }
            _ if seeded::is("failure_acknowledged_as_success") => {
                ResultId::new(format!("{:#}", opened.id)).map(|result| Outcome::Success { result })
            }
            _ => Some(Outcome::Failure { error: close.error.unwrap_or("it did not return").to_owned() }),
        };
        let Some(outcome) = outcome.filter(|_| !seeded::is("acknowledgement_forgotten")) else { return Ok(Vec::new()) };
        let place = Place { run: opened.run, parent: opened.id, site: opened.site };
        self.append_acknowledged(place, site.options.acknowledges, &outcome, &line_of(site.file, site.line))
    }

    fn check_close(&self, opened: &Opened, close: &CloseState<'_>) -> Result<(), Error> {
        let what = || format!("closing node state {}", opened.id);
        self.0.ledger.lock().may(opened.id.seq, close.status).map_err(|refusal| refused(refusal, what()))?;
        let missing =
            |field: &str| Err(Error::new(Code::MissingField, what()).detail(format!("{field} for {}", close.status)));
        let blank = |text: Option<&str>| text.is_none_or(|t| t.trim().is_empty());
        match close.status {
            Status::Completed if close.output.is_none() => missing("output slot"),
            Status::Completed if close.error.is_some() => missing("no error"),
            Status::Completed if close.success_reason.is_some() && blank(close.success_reason) => {
                missing("success reason")
            }
            Status::Failed if blank(close.error) => missing("error"),
            Status::Failed if close.success_reason.is_some() => missing("no success reason"),
            _ => Ok(()),
        }
    }

    /// A terminal that the journal did not take goes to the second sink; either way the caller is in doubt and new
    /// entries are refused from now on.
    fn place_elsewhere(&self, opened: &Opened, mut header: Header, body: &[u8], failure: Error) -> Error {
        header.flags |= flag::SPOOLED;
        header.durability = Durability::Disk;
        let what = format!("closing node state {} (in doubt: the effect may have happened)", opened.id);
        let error = self.spool_terminal(header, body, what, failure);
        if error.code() == Code::Spooled {
            self.0.ledger.lock().closed(opened.id.seq, header.exit);
        }
        error
    }

    /// Puts a terminal into the second sink and poisons the recorder; the error says what became of it.
    pub(super) fn spool_terminal(&self, header: Header, body: &[u8], what: String, failure: Error) -> Error {
        let patience = self.0.journal.patience();
        let spooled = match self.0.journal.is_ours() {
            true => self.0.spool.append_within(patience, self.stream(), &header, body),
            // The terminal belongs to the process that opened the entry.
            false => Err(std::io::Error::other("a forked child does not write for its parent")),
        };
        let error = match spooled {
            Ok(()) => Error::caused_by(Code::Spooled, what, failure),
            Err(second) => {
                let subject = header.subject.some().unwrap_or(header.run.0);
                let detail = format!("the second sink failed too: {second}; {subject} stays open");
                Error::caused_by(Code::InDoubt, what, failure).detail(detail)
            }
        };
        if !seeded::is("poison_forgotten") {
            self.0.journal.set_poison(error.clone());
        }
        error
    }

    /// Blocks until the acknowledgement of an opening (refused otherwise) or a terminal (in doubt otherwise).
    pub(crate) fn wait(&self, pending: Pending) -> Result<(), Error> {
        let Pending { journal, mut beside, kept } = pending;
        let kept_beside = beside.iter_mut().try_for_each(|beside| self.wait_beside(beside));
        let outcome = kept_beside.and_then(|()| self.0.journal.wait(journal));
        self.settle(outcome, &beside, kept)
    }

    /// A lab's clock stands still: a task that waits for another thread would let every timer fire at once, so it waits
    /// where it is polled.
    pub(super) fn is_in_a_lab(&self) -> bool {
        self.0.planned.is_some() && !seeded::is("lab_waits_elsewhere")
    }

    /// As [`wait`](Self::wait), for tasks.
    pub(crate) fn poll(&self, pending: &mut Pending, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.is_in_a_lab() {
            return Poll::Ready(self.wait(pending.take()));
        }
        let mut outcome = Ok(());
        for beside in &mut pending.beside {
            match self.poll_beside(beside, cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(kept) => outcome = outcome.and(kept),
            }
        }
        if outcome.is_ok() {
            match self.0.journal.poll(&mut pending.journal, cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(kept) => outcome = kept,
            }
        }
        Poll::Ready(self.settle(outcome, &pending.beside, pending.kept.take()))
    }

    fn settle(&self, outcome: Result<(), Error>, beside: &[Beside], kept: Option<Box<Kept>>) -> Result<(), Error> {
        match (outcome, kept) {
            (Ok(()), None) => Ok(()),
            (Ok(()), Some(kept)) => {
                // In the order of the journal: expectations stand behind an opening, acknowledgements before a terminal.
                if kept.terminal {
                    beside.iter().for_each(|beside| self.tell_beside(beside));
                }
                self.0.observers.tell(&kept.header, &kept.body, self.stream());
                if !kept.terminal {
                    beside.iter().for_each(|beside| self.tell_beside(beside));
                }
                Ok(())
            }
            (Err(failure), None) => Err(failure),
            (Err(failure), Some(kept)) if kept.terminal => {
                Err(self.place_elsewhere(&kept.opened, kept.header, &kept.body, failure))
            }
            (Err(failure), Some(kept)) => Err(self.withdraw(&kept, failure)),
        }
    }

    /// An opening whose acknowledgement did not come: the body does not run. Its bytes may have reached the disk, so a
    /// terminal that says so waits in the second sink.
    fn withdraw(&self, kept: &Kept, failure: Error) -> Error {
        self.0.ledger.lock().withdrawn(kept.opened.id.seq);
        self.0.journal.release_reserve();
        let mut header = kept.header;
        header.kind = Kind::StateClosed;
        header.flags |= flag::SPOOLED;
        header.status = Status::Failed;
        header.exit = Exit::Cancelled;
        header.subject = kept.opened.id;
        let mut body = BodyWriter::new();
        body.text(Key::Error, "the opening was not acknowledged; no later record of this entry was admitted")
            .text(Key::ErrorCode, failure.code().text());
        // Under `degrade` the body runs all the same: then nobody knows an end, and recovery says just that.
        if !kept.opened.degrades && self.0.journal.is_ours() {
            let patience = self.0.journal.patience();
            drop(self.0.spool.append_within(patience, self.stream(), &header, &body.finish()));
        }
        if failure.is_refused() || failure.is_integrity() {
            failure
        } else {
            Error::caused_by(Code::Poisoned, "opening a node state", failure)
        }
    }
}

fn refused(refusal: Refusal, what: String) -> Error {
    match refusal {
        Refusal::NotOpen => Error::new(Code::UnknownEntity, what),
        Refusal::Illegal(illegal) => {
            let from = illegal.from.map_or("new", Status::name);
            Error::new(Code::IllegalTransition, what).detail(format!("{from} -> {}", illegal.to))
        }
    }
}
