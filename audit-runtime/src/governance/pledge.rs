//! What a run declares and acknowledges, written to the trail: on the device before the caller goes on.

use super::case::{self, Others, reconcile_at};
use super::meter;
use super::text::{label, name, pair};
use crate::config;
use crate::context;
use crate::contract::{Contract, Expectation, Extent, Moment, Outcome, Report, Standing, Subject};
use crate::error::{Code, Error};
use crate::model::cbor::Value;
use crate::model::record::Header;
use crate::model::{BodyWriter, Id, Key, Kind, RunId};
use crate::recorder::pledge::{Place, Via, line_of, told};
use crate::recorder::{Recorder, Refused};
use crate::seeded;
use std::panic::Location;
use std::time::Instant;

impl Recorder {
    /// Declares a run's contract, one record for all of it. What is declared is never changed afterwards; a contract with
    /// a flaw is recorded as it is and reconciled as INVALID.
    ///
    /// # Errors
    /// Refused when it cannot be recorded, and when the run has declared a contract before.
    pub fn declare(&self, run: RunId, contract: &Contract) -> Result<Id, Error> {
        self.declare_with(run, contract, config::rac_enabled())
    }

    /// As [`declare`](Self::declare); says itself whether the run is to be reconciled, whatever `RAC_ENABLED` says.
    ///
    /// # Errors
    /// As [`declare`](Self::declare).
    pub fn declare_with(&self, run: RunId, contract: &Contract, reconciled: bool) -> Result<Id, Error> {
        let attempted = || format!("declaring contract {} of run {run}", name(contract.name()));
        let header = self.pledge_header(Kind::ContractDeclared, run)?;
        let mut books = self.0.books.lock();
        if books.get(&run).is_some_and(|book| book.declared) || case::is_contracted(&self.0.layout, run)? {
            return Err(Error::new(Code::ContractClosed, attempted()).detail("the run has declared a contract before"));
        }
        let mut body = BodyWriter::new();
        let expectations = contract.expectations().iter().map(expectation_value).collect();
        body.text(Key::Name, &name(contract.name())).value(Key::Expectations, &Value::Array(expectations));
        if !reconciled && !seeded::is("switched_off_untold") {
            body.yes(Key::Disabled);
        }
        if contract.is_acked_by_events() {
            body.yes(Key::ByEvents);
        }
        let since = header.mono_ns;
        let id = self.point_on_disk(header, &body.finish())?;
        let finalising = contract.finalising().and_then(|expectation| told(&expectation.subject).ok());
        let book = books.entry(run).or_default();
        (book.finalising, book.declared, book.disabled) = (finalising, true, !reconciled);
        drop(books);
        for expectation in contract.expectations().iter().filter(|_| reconciled) {
            if let (Ok(subject), Some(within)) = (told(&expectation.subject), expectation.within) {
                self.0.dues.expect(run, subject, since, within);
            }
        }
        Ok(id)
    }

    /// Declares one more expectation of a run.
    ///
    /// # Errors
    /// Refused when it cannot be recorded; `AUD0802` behind the finalising acknowledgement.
    pub fn expect(&self, run: RunId, expectation: &Expectation) -> Result<Id, Error> {
        let subject = told(&expectation.subject)?;
        let header = self.pledge_header(Kind::ExpectationDeclared, run)?;
        if self.is_over(run)? {
            return Err(Error::new(Code::ContractClosed, format!("expecting {subject} in run {run}")));
        }
        let within_ns = expectation.within.map(|within| u64::try_from(within.as_nanos()).unwrap_or(u64::MAX));
        let place = Place { run, parent: header.parent, site: 0 };
        let told = (expectation.finalising, expectation.place.as_deref());
        self.keep(self.append_expectation(place, &subject, within_ns, told)?)
    }

    /// Acknowledges what became of an action, for the run that did it. An acknowledgement that names another run than the
    /// one that is current here is refused, and the refusal recorded.
    ///
    /// # Errors
    /// `AUD0801` for another run; refused when it cannot be recorded: the effect must not count then.
    #[track_caller]
    pub fn acknowledge(&self, run: RunId, subject: &Subject, outcome: &Outcome) -> Result<Id, Error> {
        let place = Location::caller();
        self.acknowledge_via(run, subject, outcome, (&line_of(place.file(), place.line()), Via::Recorder))
    }

    pub(crate) fn acknowledge_via(
        &self,
        run: RunId,
        subject: &Subject,
        outcome: &Outcome,
        told_by: (&str, Via),
    ) -> Result<Id, Error> {
        let subject = told(subject)?;
        let header = self.pledge_header(Kind::ContractAck, run)?;
        let here = context::ambient();
        let mine = here.recorder.as_ref().is_some_and(|recorder| recorder.number() == self.number());
        if mine && here.run != RunId::NONE && here.run != run {
            let error = Error::new(Code::AckMismatch, format!("acknowledging {subject} for run {run}"));
            return Err(self.refused(here.run, error));
        }
        let place = Place { run, parent: header.parent, site: 0 };
        self.keep(self.append_ack(place, &subject, outcome, told_by)?)
    }

    /// The run that a text names, as it came over a boundary. A malformed one is refused and the refusal recorded: work
    /// under it must not run with its acknowledgements lost.
    ///
    /// # Errors
    /// `AUD0603`.
    pub fn run_named(&self, text: &str) -> Result<RunId, Error> {
        match Id::parse(text) {
            Some(id) => Ok(RunId(id)),
            None => {
                let error = Error::new(Code::BadId, "reading a run's id");
                Err(self.refused(RunId::NONE, error.detail(format!("{} bytes that are no id", text.len()))))
            }
        }
    }

    /// Compares what a run declared with what was acknowledged, now; here, and on other machines where contracts meet on a
    /// server.
    ///
    /// # Errors
    /// What the journal's files say; `AUD0821` for a server that holds something else than the run.
    pub fn reconcile(&self, run: RunId) -> Result<Report, Error> {
        reconcile_at(&self.0.layout, run, self.moment(), (Extent::Whole, self.acks_dropped(run)), self.others())
    }

    pub(super) fn reconcile_before_final(&self, run: RunId) -> Result<Report, Error> {
        reconcile_at(&self.0.layout, run, self.moment(), (Extent::BeforeFinal, self.acks_dropped(run)), self.others())
    }

    /// Where other machines are met; what we have recorded up to now is waited for there.
    fn others(&self) -> Others<'_> {
        let meeting = self.0.meeting.as_deref();
        (meeting, meeting.map(|_| self.0.journal.durable()))
    }

    /// Reconciles a last time and closes the contract: a record, nothing is deleted. What comes later is still kept, and
    /// judged as late.
    ///
    /// # Errors
    /// Refused when it cannot be recorded, and when it is closed already.
    pub fn close_contract(&self, run: RunId) -> Result<Report, Error> {
        let header = self.pledge_header(Kind::ContractClosed, run)?;
        if case::is_closed(&self.0.layout, run)? {
            return Err(Error::new(Code::ContractClosed, format!("closing the contract of run {run}")));
        }
        let dropped = self.acks_dropped(run);
        let began = Instant::now();
        let report = case::reconcile_over(&self.0.layout, run, self.moment(), dropped, self.others())?;
        let took = began.elapsed();
        let mut body = BodyWriter::new();
        let counts = &report.counts;
        let count = |name: &str, n: usize| pair(name, Value::Uint(n as u64));
        body.text(Key::Verdict, report.verdict.name()).value(
            Key::Counts,
            &Value::Map(vec![
                count("expected", counts.expected),
                count("acked", counts.acked),
                count("missing", counts.missing),
                count("late", counts.late),
                count("drift", counts.drift),
                count("duplicate", counts.duplicate),
            ]),
        );
        if dropped > 0 {
            body.uint(Key::AcksDropped, dropped);
        }
        let amiss: Vec<Value> = report.amiss().take(256).map(|finding| Value::Text(summary(finding))).collect();
        if !amiss.is_empty() {
            body.value(Key::Findings, &Value::Array(amiss));
        }
        self.point_on_disk(header, &body.finish())?;
        if let Some(book) = self.0.books.lock().get_mut(&run) {
            book.over = true;
        }
        self.0.dues.over(run);
        meter::reconciled(&report, took);
        Ok(report)
    }

    /// Acknowledgements that tracing events asked for in this process and that never arrived.
    fn acks_dropped(&self, run: RunId) -> u64 {
        self.0.books.lock().get(&run).map_or(0, |book| book.asked.saturating_sub(book.arrived))
    }

    pub(super) fn moment(&self) -> Moment {
        let clock = self.clock();
        Moment { stream: self.stream(), mono_ns: clock.mono_ns(), wall_ns: clock.wall_ns() }
    }

    fn pledge_header(&self, kind: Kind, run: RunId) -> Result<Header, Error> {
        if run == RunId::NONE {
            let error = Error::new(Code::NoRun, format!("writing {}", kind.name()));
            return Err(self.refused(run, error));
        }
        let place = context::place(self.number(), &context::ambient());
        let mut header = self.header(kind);
        header.run = run;
        header.parent = if place.run == run { place.parent } else { Id::NONE };
        Ok(header)
    }

    /// Leaves a refusal record of what could not be taken, and hands the error on.
    fn refused(&self, run: RunId, error: Error) -> Error {
        let reason = error.to_string();
        let parent = Id::NONE;
        self.refusal(&Refused { site: None, run, parent, code: error.code(), reason: &reason, input: None });
        error
    }

    fn is_over(&self, run: RunId) -> Result<bool, Error> {
        let known = self.0.books.lock().get(&run).filter(|book| book.declared).map(|book| book.over);
        match known {
            Some(over) => Ok(over),
            // Another process declared it: the trail knows.
            None => case::is_over(&self.0.layout, run),
        }
    }
}

fn summary(finding: &crate::contract::Finding) -> String {
    let subject = finding.subject.as_ref().map_or_else(|| "run".to_owned(), Subject::to_string);
    match finding.standing {
        Standing::Late => format!("LATE {subject} by {} ns", finding.lateness.unwrap_or_default().as_nanos()),
        standing => format!("{standing} {subject}"),
    }
}

fn expectation_value(expectation: &Expectation) -> Value {
    let subject = &expectation.subject;
    let text = |text: &str| Value::Text(label(text).unwrap_or_default());
    let mut pairs = vec![pair("domain", text(&subject.domain)), pair("action", text(&subject.action))];
    if !subject.instance.is_empty() {
        pairs.push(pair("instance", text(&subject.instance)));
    }
    if subject.attempt > 0 {
        pairs.push(pair("attempt", Value::Uint(u64::from(subject.attempt))));
    }
    if let Some(within) = expectation.within {
        pairs.push(pair("within_ns", Value::Uint(u64::try_from(within.as_nanos()).unwrap_or(u64::MAX))));
    }
    if expectation.finalising {
        pairs.push(pair("finalising", Value::Bool(true)));
    }
    if let Some(place) = &expectation.place {
        pairs.push(pair("declared_at", Value::Text(place.clone())));
    }
    Value::Map(pairs)
}
