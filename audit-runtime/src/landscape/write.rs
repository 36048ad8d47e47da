//! How the landscape's records reach the recorder, and how texts become what may be kept of them.

use super::graph::Landscape;
use crate::error::{Code, Error};
use crate::ledger::Book;
use crate::model::cbor::Value;
use crate::model::digest::{self, AuditDigest, Digest, Scope, Slot, digest_bytes};
use crate::model::record::Header;
use crate::model::scrub::scrub_error_text;
use crate::model::{Id, Kind, Status};
use std::fmt::Display;

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

    /// Writes a record that stands for itself.
    pub(super) fn point(&self, header: Header, body: &[u8]) -> Result<Id, Error> {
        let recorder = &self.0.recorder;
        if recorder.is_closing() {
            return Err(Error::new(Code::Closed, format!("writing {}", header.kind.name())));
        }
        recorder.flush_gaps();
        recorder.point(header, body).map(|seq| Id::new(recorder.stream(), seq))
    }

    /// The run's book; a run that has ended has none.
    pub(super) fn book<R>(&self, doing: &str, ask: impl FnOnce(&mut Book) -> R) -> Result<R, Error> {
        match self.0.recorder.0.ledger.lock().book_mut(self.0.run) {
            Some(book) => Ok(ask(book)),
            None => Err(Error::new(Code::UnknownEntity, doing).detail(format!("run {} has ended", self.0.run))),
        }
    }
}
