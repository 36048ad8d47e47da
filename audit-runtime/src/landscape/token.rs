//! A token: one travelling instance of a row. The value is linear: whatever is done with it consumes it, and a token that
//! is dropped has failed.

use super::graph::{Landscape, Node};
use super::write::{Doing, Fault, Taken, scrubbed};
use crate::error::{Code, Error};
pub(super) use crate::ledger::Course;
use crate::ledger::{Fate, Origin};
use crate::model::digest::{self, AuditDigest, Digest, Scope, Slot};
use crate::model::graph::NodeKind;
use crate::model::{BodyWriter, Id, Key, Kind, Outcome, RunId, Status};
use crate::payload::Sort;
use crate::seeded;
use std::fmt::{self, Display};

/// A travelling instance of a row. It ends with exactly one outcome; dropped, it is FAILURE/unrouted with reason
/// `dropped`.
///
/// A token is used once:
///
/// ```compile_fail
/// # fn f(token: audit_runtime::landscape::Token) -> Result<(), audit_runtime::Error> {
/// token.filtered()?;
/// token.filtered()?;
/// # Ok(()) }
/// ```
///
/// and there is never a second one:
///
/// ```compile_fail
/// # fn f(token: audit_runtime::landscape::Token) {
/// let twin = token.clone();
/// # }
/// ```
#[must_use = "a token that is dropped is recorded as FAILURE/unrouted"]
pub struct Token(pub(super) Option<Box<Live>>);

/// What is known of a token on its way.
pub(super) struct Live {
    pub(super) land: Landscape,
    pub(super) origin: Origin,
    pub(super) id: Id,
    pub(super) row: Id,
    pub(super) branch: Option<String>,
    pub(super) course: Course,
    /// The sink that refused it, and its course before that.
    pub(super) refused: Option<(Node, Course)>,
    /// What an earlier process has left of it.
    pub(super) earlier: Option<Earlier>,
}

/// What an earlier process of the run has left of a token.
pub(super) struct Earlier {
    /// Nodes that it has left with success.
    pub(super) completed: Vec<u32>,
    /// What became of the branches of its fork.
    pub(super) branches: Vec<(String, Fate)>,
    /// The batch that it came out of.
    pub(super) batch: Option<Id>,
}

/// What was refused, given back.
pub struct Rejected<T> {
    /// The value, unchanged. Dropping it is what dropping it always is.
    pub value: T,
    /// Why.
    pub error: Error,
}

impl<T> fmt::Debug for Rejected<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rejected({})", self.error)
    }
}

impl<T> Display for Rejected<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.error, f)
    }
}

impl<T> std::error::Error for Rejected<T> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl<T> From<Rejected<T>> for Error {
    fn from(rejected: Rejected<T>) -> Error {
        rejected.error
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({})", self.id())
    }
}

impl Landscape {
    /// Reads a row that nobody has read before: one record makes the row, its token, and its completed state at the
    /// source. `identity` is what the source calls it, a line or a key; the data is digested, never kept. In a run that may be resumed,
    /// [`row_again`](Self::row_again) tells rows that were read by an earlier process from new ones.
    ///
    /// # Errors
    /// `AUD0501` for data without a canonical form: see [`quarantine`](Self::quarantine); `AUD0701`, `AUD0707` for a
    /// node that is no source of this run. Nothing is written then.
    pub fn row(&self, source: Node, identity: &str, data: &dyn AuditDigest) -> Result<Token, Error> {
        const DOING: &str = "reading a row";
        self.own(source, &[NodeKind::Source], DOING)?;
        self.book(DOING, |_| ())?;
        let taken = self.take(Sort::Row, Scope::Payload, data, DOING)?;
        self.read(source, identity, &taken)
    }

    /// Takes in a row that the source refuses: with its digest, or with the reason why it has none. The token that comes
    /// back may go to a sink for such rows, or end with [`Token::quarantined`].
    ///
    /// # Errors
    /// `AUD0701`, `AUD0707` for a node that is no source of this run.
    pub fn quarantine(
        &self,
        source: Node,
        identity: &str,
        data: &dyn AuditDigest,
        error: impl Display,
    ) -> Result<Token, Error> {
        const DOING: &str = "quarantining a row";
        self.own(source, &[NodeKind::Source], DOING)?;
        self.book(DOING, |_| ())?;
        let taken = self.take_anyhow(Sort::Row, data, DOING)?;
        let mut token = self.read(source, identity, &taken)?;
        token.refused_at_source(&Fault::of(&error))?;
        Ok(token)
    }

    fn read(&self, source: Node, identity: &str, taken: &Taken) -> Result<Token, Error> {
        const DOING: &str = "reading a row";
        let header = self.header(Kind::RowRead, Status::Completed);
        let mut body = BodyWriter::new();
        body.text(Key::Node, &self.facts(source).name).text(Key::Identity, &scrubbed(identity));
        body.slot(Key::Output, &taken.slot);
        taken.write(&mut body);
        let row = self.point(header, &body.finish())?;
        let id = Id { ord: 1, ..row };
        self.book(DOING, |book| {
            book.row();
            book.minted(id, None);
        })?;
        Ok(Token::new(self, Origin::Row, id, row, None))
    }
}

/// The digest of what a source refuses, or the reason why it has none.
pub(super) fn slot_or_why(data: &dyn AuditDigest) -> Slot {
    match digest::catching(|| digest::digest_value(Scope::Payload, None, data)) {
        Ok(digest) => Slot::from(digest),
        Err((refusal, _)) => Slot::from(Err(refusal)),
    }
}

impl Token {
    pub(super) fn new(land: &Landscape, origin: Origin, id: Id, row: Id, branch: Option<String>) -> Token {
        let (land, course) = (land.clone(), Course::Default);
        Token(Some(Box::new(Live { land, origin, id, row, branch, course, refused: None, earlier: None })))
    }

    /// The token's id.
    #[must_use]
    pub fn id(&self) -> Id {
        self.0.as_ref().map_or(Id::NONE, |live| live.id)
    }

    /// What it was made by.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.0.as_ref().map_or(Origin::Row, |live| live.origin)
    }

    /// The row that it is an instance of; none where rows were gathered.
    #[must_use]
    pub fn row(&self) -> Option<Id> {
        self.0.as_ref().and_then(|live| live.row.some())
    }

    /// The branch that it was forked to.
    #[must_use]
    pub fn branch(&self) -> Option<&str> {
        self.0.as_ref().and_then(|live| live.branch.as_deref())
    }

    /// The run that it belongs to.
    #[must_use]
    pub fn run(&self) -> RunId {
        self.0.as_ref().map_or(RunId::NONE, |live| live.land.run())
    }

    /// A gate's route is to discard it: SUCCESS/gate_discarded.
    ///
    /// # Errors
    /// The outcome could not be recorded.
    pub fn discarded(self) -> Result<(), Error> {
        self.finish(Outcome::GateDiscarded {}, None)
    }

    /// Nothing is released for it, on purpose: SUCCESS/filter_dropped.
    ///
    /// # Errors
    /// The outcome could not be recorded.
    pub fn filtered(self) -> Result<(), Error> {
        self.finish(Outcome::FilterDropped {}, None)
    }

    /// It failed and goes nowhere: FAILURE/unrouted.
    ///
    /// # Errors
    /// The outcome could not be recorded.
    pub fn fail(self, error: impl Display) -> Result<(), Error> {
        let fault = Fault::of(&error);
        self.finish(Outcome::Unrouted { error: fault.digest.clone() }, Some(&fault.text))
    }

    /// It was refused at the source and no sink takes it: FAILURE/quarantined_at_source.
    ///
    /// # Errors
    /// `AUD0707` for a token that was not quarantined: it comes back. The outcome could not be recorded.
    pub fn quarantined(self) -> Result<(), Rejected<Token>> {
        match self.0.as_ref().map(|live| live.course.clone()) {
            Some(Course::Quarantine(error)) => {
                let outcome = Outcome::QuarantinedAtSource { error, sink: None };
                self.finish(outcome, None).map_err(|error| Rejected { value: Token(None), error })
            }
            _ => {
                let error = Error::new(Code::WrongNode, format!("quarantining token {}", self.id()));
                Err(Rejected { value: self, error: error.detail("its row was not quarantined") })
            }
        }
    }

    /// Its source refuses it: an error record, once.
    pub(super) fn refused_at_source(&mut self, fault: &Fault) -> Result<(), Error> {
        let told = self.0.as_ref().is_some_and(|live| matches!(live.course, Course::Quarantine(_)));
        if told {
            return Ok(());
        }
        self.note_error(Id::NONE, fault)?;
        if let Some(live) = &mut self.0 {
            live.course = Course::Quarantine(fault.digest.clone());
        }
        Ok(())
    }

    pub(super) fn finish(mut self, outcome: Outcome, text: Option<&str>) -> Result<(), Error> {
        match self.0.take() {
            Some(live) => live.end(&outcome, text, None),
            None => Ok(()),
        }
    }

    /// An error record that stands before whatever the error brings about.
    pub(super) fn note_error(&self, state: Id, fault: &Fault) -> Result<(), Error> {
        let Some(live) = &self.0 else { return Ok(()) };
        let mut header = live.land.header(Kind::Note, Status::None);
        header.subject = state;
        header.parent = if state.is_none() { live.id } else { state };
        let mut body = BodyWriter::new();
        body.text(Key::NoteKind, "error").text(Key::Severity, "error").text(Key::Message, &fault.text);
        live.land.point(header, &body.finish()).map(drop)
    }
}

impl Live {
    /// A sink refuses it: a failsink may take it, or the same sink after all.
    pub(super) fn refused_by(&mut self, sink: Node, error: Digest) {
        let before = std::mem::replace(&mut self.course, Course::Fallback(error));
        match &self.refused {
            Some((by, _)) if *by == sink => {}
            _ => self.refused = Some((sink, before)),
        }
    }

    /// The course of a token that this sink has taken: a refusal that the sink itself has made good is none.
    pub(super) fn taken_by(&mut self, sink: Node) -> Course {
        match self.refused.take() {
            Some((by, before)) if by == sink => before,
            _ => self.course.clone(),
        }
    }

    /// Writes the one terminal outcome.
    pub(super) fn end(&self, outcome: &Outcome, text: Option<&str>, receipt: Option<Id>) -> Result<(), Error> {
        let doing = Doing("ending token", self.id);
        if self.land.book(doing, |book| book.standing(self.id))?.is_none() {
            return Err(Error::new(Code::SecondOutcome, doing.to_string()));
        }
        let mut header = self.land.header(Kind::TokenOutcome, Status::Ended);
        header.subject = self.id;
        let mut body = BodyWriter::new();
        outcome.write(&mut body);
        body.maybe(Key::Error, text);
        if let Some(receipt) = receipt {
            body.id(Key::Receipt, receipt);
        }
        let body = body.finish();
        self.land.point(header, &body)?;
        if seeded::is("second_outcome_written") {
            self.land.point(header, &body)?;
        }
        self.land.book(doing, |book| book.ended(self.id, outcome))
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        if let Some(live) = self.0.take() {
            let fault = Fault::of(&"dropped");
            // A drop has nobody to tell: the failure, if any, is in the recorder's poison slot, and the run's end names
            // the token.
            drop(live.end(&Outcome::Unrouted { error: fault.digest }, Some("dropped"), None));
        }
    }
}
