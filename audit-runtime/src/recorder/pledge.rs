//! What a run declares and acknowledges, as it stands in the journal: one shape, whether an annotation, the recorder or a
//! tracing event says it. Appended beside an entry's own record, so that both become durable together.

use super::Recorder;
use crate::config;
use crate::contract::{Outcome, Subject, Term};
use crate::error::{Code, Error};
use crate::journal::{self, Purpose};
use crate::model::record::Header;
use crate::model::scrub::{label, message};
use crate::model::{BodyWriter, Durability, Id, Key, Kind, RunId};
use crate::seeded;
use crate::site::Expects;
use std::collections::BTreeMap;
use std::task::{Context, Poll};
use std::time::Duration;

/// Who says that an action happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    /// An annotated function, by how it ended.
    Attribute,
    /// The recorder was told.
    Recorder,
    /// A tracing event, which a filter may drop.
    Event,
}

impl Via {
    /// Its name in records.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Via::Attribute => "attribute",
            Via::Recorder => "recorder",
            Via::Event => "event",
        }
    }
}

/// What this process knows of a run's contract, so that nothing is declared behind its end.
#[derive(Clone, Default)]
pub(crate) struct Book {
    pub(crate) finalising: Option<Subject>,
    pub(crate) over: bool,
    /// Acknowledgements that tracing events asked for, and how many of them arrived.
    pub(crate) asked: u64,
    pub(crate) arrived: u64,
    pub(crate) declared: bool,
    /// Reconciliation is switched off for this run: nothing of it is watched.
    pub(crate) disabled: bool,
}

/// What this process knows of each run that has a contract.
pub(crate) type Books = BTreeMap<RunId, Book>;

/// Where a contract record belongs.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) run: RunId,
    pub(crate) parent: Id,
    pub(crate) site: u32,
}

/// A record that was appended and is to be on the device before anybody goes on.
#[derive(Debug)]
#[must_use = "nothing is recorded until this is acknowledged"]
pub(crate) struct Beside {
    /// `None` once it is there.
    journal: Option<journal::Pending>,
    header: Header,
    body: Vec<u8>,
}

impl Beside {
    pub(super) fn new(journal: journal::Pending, header: Header, body: Vec<u8>) -> Beside {
        Beside { journal: Some(journal), header, body }
    }

    pub(super) fn header(&self) -> Header {
        self.header
    }

    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }
}

/// The subject as records hold it. Both sides of a comparison go through this.
pub(crate) fn told(subject: &Subject) -> Result<Subject, Error> {
    match (label(&subject.domain), label(&subject.action)) {
        (Some(domain), Some(action)) => {
            let instance = label(&subject.instance).unwrap_or_default();
            Ok(Subject { domain, action, instance, attempt: subject.attempt })
        }
        _ => Err(Error::new(Code::MissingField, "naming an action").detail("its domain or its name is blank")),
    }
}

/// The text of `file:line`.
pub(crate) fn line_of(file: &str, line: u32) -> String {
    format!("{file}:{line}")
}

fn scrubbed(text: &str) -> String {
    if seeded::is("unscrubbed_message") { text.to_owned() } else { message(text) }
}

fn write_subject(body: &mut BodyWriter, subject: &Subject) {
    body.text(Key::Domain, &subject.domain).text(Key::Action, &subject.action);
    body.maybe(Key::Instance, Some(subject.instance.as_str()).filter(|instance| !instance.is_empty()));
}

impl Recorder {
    /// Appends a record that will be on the device.
    pub(crate) fn promise(&self, mut header: Header, body: Vec<u8>) -> Result<Beside, Error> {
        // What an open entry acknowledges belongs to its terminal, which may still be written then.
        if self.is_closing() && header.kind != Kind::ContractAck {
            return Err(Error::new(Code::Closed, format!("writing {}", header.kind.name())));
        }
        self.flush_gaps();
        header.durability = self.durability(None, Durability::Disk);
        let journal = self.append(&mut header, &body, Purpose::Point)?;
        Ok(Beside::new(journal, header, body))
    }

    /// Blocks until it is there.
    pub(crate) fn keep(&self, beside: Beside) -> Result<Id, Error> {
        let mut beside = beside;
        self.wait_beside(&mut beside)?;
        self.tell_beside(&beside);
        Ok(Id::new(self.stream(), beside.header.seq))
    }

    /// As [`keep`](Self::keep), for tasks.
    pub(crate) async fn keep_later(&self, beside: Beside) -> Result<Id, Error> {
        let mut beside = beside;
        std::future::poll_fn(|cx| self.poll_beside(&mut beside, cx)).await?;
        self.tell_beside(&beside);
        Ok(Id::new(self.stream(), beside.header.seq))
    }

    pub(super) fn poll_beside(&self, beside: &mut Beside, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.is_in_a_lab() {
            return Poll::Ready(self.wait_beside(beside));
        }
        let Some(journal) = &mut beside.journal else { return Poll::Ready(Ok(())) };
        let kept = std::task::ready!(self.0.journal.poll(journal, cx));
        beside.journal = None;
        Poll::Ready(kept)
    }

    pub(super) fn tell_beside(&self, beside: &Beside) {
        self.0.observers.tell(&beside.header, &beside.body, self.stream());
    }

    pub(super) fn wait_beside(&self, beside: &mut Beside) -> Result<(), Error> {
        beside.journal.take().map_or(Ok(()), |journal| self.0.journal.wait(journal))
    }

    /// Appends one more expectation of a run.
    pub(crate) fn append_expectation(
        &self,
        place: Place,
        subject: &Subject,
        within_ns: Option<u64>,
        (finalising, declared_at): (bool, Option<&str>),
    ) -> Result<Beside, Error> {
        let mut header = self.contract_header(Kind::ExpectationDeclared, place, subject);
        header.attempt = subject.attempt;
        let mut body = BodyWriter::new();
        write_subject(&mut body, subject);
        if let Some(within_ns) = within_ns {
            body.uint(Key::WithinNs, within_ns);
        }
        if finalising {
            body.yes(Key::Finalising);
        }
        body.maybe(Key::DeclaredAt, declared_at);
        let since_ns = header.mono_ns;
        let beside = self.promise(header, body.finish())?;
        // A record that does not become durable is not in the trail, and the trail is asked before anybody is alarmed.
        let disabled = self.0.books.lock().get(&place.run).is_some_and(|book| book.disabled);
        if let Some(within_ns) = within_ns.filter(|_| !disabled && config::rac_enabled()) {
            self.0.dues.expect(place.run, subject.clone(), since_ns, Duration::from_nanos(within_ns));
        }
        Ok(beside)
    }

    /// Appends what became of an action.
    pub(crate) fn append_ack(
        &self,
        place: Place,
        subject: &Subject,
        outcome: &Outcome,
        (location, via): (&str, Via),
    ) -> Result<Beside, Error> {
        let header = self.contract_header(Kind::ContractAck, place, subject);
        let mut body = BodyWriter::new();
        write_subject(&mut body, subject);
        body.text(Key::Outcome, outcome.name()).text(Key::Location, location).text(Key::Via, via.name());
        match outcome {
            Outcome::Success { result } => {
                body.text(Key::Result, &label(result.as_str()).unwrap_or_else(|| "(blank)".to_owned()))
            }
            Outcome::Failure { error } => body.text(Key::Error, &scrubbed(error)),
            Outcome::RolledBack { reason } => body.text(Key::Reason, &scrubbed(reason)),
            Outcome::RollbackFailed { reason, error } => {
                body.text(Key::Reason, &scrubbed(reason)).text(Key::Error, &scrubbed(error))
            }
        };
        let beside = self.promise(header, body.finish())?;
        if matches!(outcome, Outcome::Success { .. }) {
            self.0.dues.met(place.run, subject);
        }
        if let Some(book) =
            self.0.books.lock().get_mut(&place.run).filter(|book| book.finalising.as_ref() == Some(subject))
        {
            book.over = true;
        }
        Ok(beside)
    }

    /// What an annotated call expects, appended behind its opening.
    pub(super) fn append_expected(&self, place: Place, expects: &[Expects], at: &str) -> Result<Vec<Beside>, Error> {
        expects
            .iter()
            .map(|expects| {
                let subject = told(&expects.term.subject())?;
                self.append_expectation(place, &subject, Some(expects.within_ns), (false, Some(at)))
            })
            .collect()
    }

    /// What an annotated call acknowledges, appended before its terminal: who reads the terminal finds them.
    pub(super) fn append_acknowledged(
        &self,
        place: Place,
        terms: &[Term],
        outcome: &Outcome,
        at: &str,
    ) -> Result<Vec<Beside>, Error> {
        let acknowledged = |term: &Term| self.append_ack(place, &told(&term.subject())?, outcome, (at, Via::Attribute));
        terms.iter().map(acknowledged).collect()
    }

    fn contract_header(&self, kind: Kind, place: Place, subject: &Subject) -> Header {
        let mut header = self.header(kind);
        (header.run, header.parent, header.site) = (place.run, place.parent, place.site);
        header.attempt = subject.attempt;
        header
    }
}
