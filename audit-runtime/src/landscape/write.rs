//! How the landscape's records reach the recorder, and how texts become what may be kept of them.

use super::graph::Landscape;
use crate::error::{Code, Error};
use crate::ledger::Book;
use crate::model::cbor::Value;
use crate::model::digest::{self, AuditDigest, Digest, Scope, Slot, digest_bytes};
use crate::model::record::Header;
use crate::model::scrub::scrub_error_text;
use crate::model::{BodyWriter, Id, Key, Kind, Status};
use crate::payload::{Placed, Sort};
use std::fmt::{self, Display};

/// Longest text that is kept, in bytes.
const LONGEST: usize = 1024;

/// A scrubbed text with the digest of it.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) text: String,
    pub(super) digest: Digest,
}

impl Fault {
    pub(super) fn of(error: &dyn Display) -> Fault {
        let text = scrubbed(&error.to_string());
        let text = if text.trim().is_empty() { "(an error without a text)".to_owned() } else { text };
        let digest = digest_bytes(Scope::Bytes, text.as_bytes());
        Fault { text, digest }
    }
}

pub(super) fn scrubbed(text: &str) -> String {
    let mut text = scrub_error_text(text);
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

/// The slot of a value; a value without canonical form is refused.
pub(super) fn slot_of(scope: Scope, value: &dyn AuditDigest, doing: &str) -> Result<Slot, Error> {
    match digest::catching(|| digest::digest_value(scope, None, value)) {
        Ok(digest) => Ok(Slot::from(digest)),
        Err((refusal, _)) => Err(Error::new(Code::NotDigestible, doing).detail(refusal.to_string())),
    }
}

/// A value that goes into a record: its slot, and its payload where one is kept. Alive until the record stands.
pub(super) struct Taken {
    pub(super) slot: Slot,
    sanitised: Option<Digest>,
    placed: Option<Placed>,
}

impl Taken {
    /// A digest that was made elsewhere.
    pub(super) fn digest(digest: &Digest) -> Taken {
        Taken { slot: Slot::Digest(digest.clone()), sanitised: None, placed: None }
    }

    /// Names the payload, and the digest of the sanitised form.
    pub(super) fn write(&self, body: &mut BodyWriter) {
        if let Some(placed) = &self.placed {
            body.slot(Key::Payload, &Slot::Digest(placed.digest().clone()));
        }
        if let Some(digest) = &self.sanitised {
            body.slot(Key::Sanitised, &Slot::Digest(digest.clone()));
        }
    }
}

/// What is being done with a token. It becomes a text where it fails, and not on every token's way.
#[derive(Clone, Copy)]
pub(super) struct Doing(pub(super) &'static str, pub(super) Id);

impl Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.1)
    }
}

/// A list of ids.
pub(super) fn ids(ids: impl IntoIterator<Item = Id>) -> Value {
    let bytes = |id: Id| {
        let parts: [&[u8]; 3] = [&id.stream.0, &id.seq.to_be_bytes(), &id.ord.to_be_bytes()];
        Value::Bytes(parts.concat())
    };
    Value::Array(ids.into_iter().map(bytes).collect())
}

pub(super) fn texts<'a>(items: impl IntoIterator<Item = &'a str>) -> Value {
    Value::Array(items.into_iter().map(|item| Value::Text(item.to_owned())).collect())
}

impl Landscape {
    pub(super) fn header(&self, kind: Kind, status: Status) -> Header {
        let mut header = self.0.recorder.header(kind);
        header.run = self.0.run;
        header.status = status;
        header.durability = self.0.recorder.durability(None, header.durability);
        header
    }

    /// Takes a value in; a value without canonical form is refused, and so is one that should be kept and cannot be.
    pub(super) fn take(&self, sort: Sort, scope: Scope, value: &dyn AuditDigest, doing: &str) -> Result<Taken, Error> {
        if !self.0.recorder.keeps(sort) {
            return slot_of(scope, value, doing).map(|slot| Taken { slot, sanitised: None, placed: None });
        }
        let bytes = digest::catching(|| digest::canonical_value(None, value))
            .map_err(|(refusal, _)| Error::new(Code::NotDigestible, doing).detail(refusal.to_string()))?;
        let placed = self.0.recorder.place(scope, bytes, doing)?;
        Ok(Taken { slot: Slot::Digest(placed.digest().clone()), sanitised: None, placed: Some(placed) })
    }

    /// Takes a value in whatever it is: without canonical form there is the reason, and the digest of its sanitised form
    /// where it has one.
    pub(super) fn take_anyhow(&self, sort: Sort, value: &dyn AuditDigest, doing: &str) -> Result<Taken, Error> {
        let refusal = match digest::catching(|| digest::digest_value(Scope::Payload, None, value)) {
            Ok(_) => return self.take(sort, Scope::Payload, value, doing),
            Err((refusal, _)) => refusal,
        };
        let slot = Slot::from(Err(refusal));
        let Ok(bytes) = digest::catching(|| digest::sanitised_value(value)) else {
            return Ok(Taken { slot, sanitised: None, placed: None });
        };
        let sanitised = Some(digest_bytes(Scope::Sanitised, &bytes));
        let placed = match self.0.recorder.keeps(sort) {
            true => Some(self.0.recorder.place(Scope::Sanitised, bytes, doing)?),
            false => None,
        };
        Ok(Taken { slot, sanitised, placed })
    }

    /// Writes a record that stands for itself.
    pub(super) fn point(&self, header: Header, body: &[u8]) -> Result<Id, Error> {
        let recorder = &self.0.recorder;
        if recorder.is_closing() {
            return Err(Error::new(Code::Closed, format!("writing {}", header.kind.name())));
        }
        recorder.flush_gaps();
        recorder.point(header, body).map(|seq| Id::new(recorder.stream(), seq))
    }

    /// The run's book; a run that has ended has none, and one that was resumed has another.
    pub(super) fn book<R>(&self, doing: impl Display, ask: impl FnOnce(&mut Book) -> R) -> Result<R, Error> {
        let mut ledger = self.0.recorder.0.ledger.lock();
        match ledger.book_mut(self.0.run).filter(|book| book.kept_by() == self.0.attempt) {
            Some(book) => Ok(ask(book)),
            None => {
                Err(Error::new(Code::UnknownEntity, doing.to_string()).detail(format!("run {} has ended", self.0.run)))
            }
        }
    }

    /// Whether the run still goes on under this landscape: behind its end nothing more is said of its tokens.
    pub(super) fn goes_on(&self) -> bool {
        self.book("", |_| ()).is_ok()
    }
}
