//! Records that stand for themselves: refusals, gaps, notes, observed panics, evidence.

use super::Recorder;
use crate::error::{Code, Error};
use crate::model::cbor::Value;
use crate::model::digest::Slot;
use crate::model::scrub::scrub;
use crate::model::status::coded;
use crate::model::{BodyWriter, Durability, Id, Key, Kind, RunId};
use crate::seeded;
use crate::site::Site;
use parking_lot::Mutex;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

coded! {
    /// How serious a note is.
    Severity {
        /// For the record.
        Info = 1 "info",
        /// Worth a look.
        Warning = 2 "warning",
        /// Something failed.
        Error = 3 "error",
        /// Somebody has to act now.
        Critical = 4 "critical",
    }
}

/// An entry that did not start.
pub(crate) struct Refused<'a> {
    pub(crate) site: Option<&'static Site>,
    pub(crate) run: RunId,
    pub(crate) parent: Id,
    pub(crate) code: Code,
    pub(crate) reason: &'a str,
    pub(crate) input: Option<&'a Slot>,
}

/// Entries that ran without a record, until a record tells of them. Belongs to the trail, not to one recorder: the gap
/// outlives the recorder that could not write.
#[derive(Debug, Default)]
pub(crate) struct GapCount {
    count: AtomicU64,
    /// Held by whoever writes the record: who only counts waits for no storage.
    turn: Mutex<()>,
    sites: Mutex<BTreeSet<String>>,
}

/// Site names that a gap record carries at most.
const NAMED_SITES: usize = 32;

impl GapCount {
    pub(crate) fn pending(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    fn add(&self, site: &'static Site) {
        let mut sites = self.sites.lock();
        if sites.len() < NAMED_SITES {
            sites.insert(site.node_name());
        }
        drop(sites);
        self.count.fetch_add(1, Ordering::AcqRel);
    }
}

fn texts<S: AsRef<str>>(items: impl IntoIterator<Item = S>) -> Value {
    Value::Array(items.into_iter().map(|item| Value::Text(item.as_ref().to_owned())).collect())
}

/// Names that our own fields have where a record is printed as one line.
const HEADER_NAMES: &[&str] = &[
    "event_type",
    "kind",
    "id",
    "seq",
    "at",
    "wall_ns",
    "mono_ns",
    "run",
    "subject",
    "parent",
    "status",
    "exit",
    "durability",
    "attempt",
    "duration_ns",
    "stream",
    "site",
    "flags",
];

/// The name under which a caller's field is kept: one that is named like a field of ours gets a prefix, so that nobody
/// can take it for ours.
pub(crate) fn field_name(name: &str) -> Cow<'_, str> {
    let ours = HEADER_NAMES.contains(&name) || Key::ALL.iter().any(|key| key.name() == name);
    if ours { Cow::Owned(format!("user.{name}")) } else { Cow::Borrowed(name) }
}

/// Fields of a caller, whose texts are scrubbed already. A name may come from outside as well as a text.
fn fields(given: &[(&str, &str)]) -> Value {
    let names: Vec<String> = given.iter().map(|(name, _)| field_name(&scrub(name)).into_owned()).collect();
    let pairs: Vec<_> = names.iter().zip(given).map(|(name, (_, text))| (name.as_str(), *text)).collect();
    text_map(&pairs)
}

/// An encoded map from names to texts.
pub(crate) fn text_map(pairs: &[(&str, &str)]) -> Value {
    Value::Map(pairs.iter().map(|(k, v)| (Value::Text((*k).to_owned()), Value::Text((*v).to_owned()))).collect())
}

impl Recorder {
    /// Counts an entry that runs without a record (policy `degrade`).
    pub(crate) fn gap(&self, site: &'static Site) {
        if !seeded::is("gap_untold") {
            self.0.gaps.add(site);
        }
    }

    /// Writes the gap record as soon as writing works again; it stands before whatever is written next.
    pub(crate) fn flush_gaps(&self) {
        let gaps = &self.0.gaps;
        if gaps.pending() == 0 || self.0.journal.poison().is_some() {
            return;
        }
        let Ok(turn) = self.turn(&gaps.turn, || "waiting to write GAP".to_owned()) else { return };
        let count = gaps.count.swap(0, Ordering::AcqRel);
        if count == 0 {
            return;
        }
        let sites = std::mem::take(&mut *gaps.sites.lock());
        let mut body = BodyWriter::new();
        body.uint(Key::Count, count).value(Key::Sites, &texts(sites.iter()));
        let (mut header, body) = (self.header(Kind::Gap), body.finish());
        match self.point_untold(&mut header, &body) {
            Ok(()) => {
                drop(turn);
                self.0.observers.tell(&header, &body, self.stream());
            }
            Err(_) => {
                gaps.sites.lock().extend(sites);
                gaps.count.fetch_add(count, Ordering::AcqRel);
            }
        }
    }

    /// Leaves a refusal record where that is still possible.
    pub(crate) fn refusal(&self, refused: &Refused<'_>) {
        if self.0.journal.poison().is_some() {
            // Nothing more is written, and to find that out once more may take as long as the caller has waited already.
            return;
        }
        let mut header = self.header(Kind::Refusal);
        header.site = refused.site.and_then(|site| self.site_number(site).ok()).unwrap_or(0);
        header.run = refused.run;
        header.parent = refused.parent;
        let mut body = BodyWriter::new();
        body.text(Key::Code, refused.code.text()).text(Key::Reason, refused.reason);
        if let Some(input) = refused.input {
            body.slot(Key::Input, input);
        }
        // The caller learns of the refusal by its error; this record is for those who ask later.
        drop(self.point(header, &body.finish()));
    }

    /// Evidence of a panic that was seen before unwinding began.
    pub(crate) fn panic_observed(&self, run: RunId, state: Id, message: &str, location: &str) {
        let mut header = self.header(Kind::PanicObserved);
        header.run = run;
        header.parent = state;
        let mut body = BodyWriter::new();
        body.text(Key::Message, message).text(Key::Location, location);
        body.maybe(Key::Thread, std::thread::current().name());
        drop(self.point_untold(&mut header, &body.finish()));
    }

    /// An ordinary tracing event that happened inside an audited call; the texts are scrubbed already. It came from an
    /// observer's side, and goes back to none.
    pub(crate) fn evidence(&self, run: RunId, state: Id, event: &Evidence<'_>) {
        let mut header = self.header(Kind::Evidence);
        header.run = run;
        header.parent = state;
        let mut body = BodyWriter::new();
        body.text(Key::Level, event.level).text(Key::Target, event.target).maybe(Key::Message, event.message);
        if !event.fields.is_empty() {
            body.value(Key::Fields, &fields(event.fields));
        }
        drop(self.point_untold(&mut header, &body.finish()));
    }

    /// Entries that ran before any recorder was installed, and where.
    pub(crate) fn uninstalled(&self, count: u64, sites: &[String]) -> Result<(), Error> {
        let mut body = BodyWriter::new();
        body.uint(Key::Count, count).value(Key::Sites, &texts(sites.iter().take(NAMED_SITES)));
        self.point(self.header(Kind::Uninstalled), &body.finish()).map(drop)
    }

    /// A note about a run or node state; the texts are scrubbed already. On the device when this returns.
    pub(crate) fn note_at(
        &self,
        (run, state): (RunId, Id),
        kind: &str,
        severity: Severity,
        given: &[(&str, &str)],
    ) -> Result<Id, Error> {
        if kind.trim().is_empty() {
            return Err(Error::new(Code::MissingField, "writing a note").detail("kind"));
        }
        self.flush_gaps();
        let mut header = self.header(Kind::Note);
        header.durability = Durability::Disk;
        header.run = run;
        header.parent = state;
        let mut body = BodyWriter::new();
        body.text(Key::NoteKind, kind).text(Key::Severity, severity.name()).value(Key::Fields, &fields(given));
        let seq = self.point(header, &body.finish())?;
        Ok(Id::new(self.stream(), seq))
    }
}

/// A tracing event, reduced to texts.
pub(crate) struct Evidence<'a> {
    pub(crate) level: &'a str,
    pub(crate) target: &'a str,
    pub(crate) message: Option<&'a str>,
    pub(crate) fields: &'a [(&'a str, &'a str)],
}
