//! Values that are kept in the payload store. The payload is durable before the record that names it, and what the journal
//! would refuse anyway leaves no payload behind.

use super::{Recorder, RunHandle};
use crate::error::{Code, Error};
use crate::model::digest::{self, AuditDigest, Digest, Scope, Slot};
use crate::model::{BodyWriter, Durability, Id, Key, Kind};
use crate::payload::{Placed, Sort};

/// The note kind of a value that the program keeps by name.
const NAMED: &str = "payload";

impl Recorder {
    /// Whether payloads of this sort are kept.
    pub(crate) fn keeps(&self, sort: Sort) -> bool {
        self.0.payloads.as_ref().is_some_and(|keeper| keeper.policy.keeps(sort))
    }

    /// Makes bytes durable, for a record that names them. The record has to stand before the result is dropped.
    pub(crate) fn place(&self, scope: Scope, bytes: Vec<u8>, doing: &str) -> Result<Placed, Error> {
        let Some(keeper) = &self.0.payloads else { return Err(Error::new(Code::NoPayloadStore, doing)) };
        if self.is_closing() {
            return Err(Error::new(Code::Closed, doing));
        }
        if let Some(poison) = self.0.journal.poison() {
            return Err(Error::caused_by(Code::Poisoned, doing, poison));
        }
        if bytes.len() as u64 > keeper.policy.largest() {
            let detail = format!("{} bytes, at most {}", bytes.len(), keeper.policy.largest());
            return Err(Error::new(Code::PayloadTooLarge, doing).detail(detail));
        }
        keeper.store.place(scope, bytes)
    }
}

impl Recorder {
    /// The bytes of a payload that a record names, verified.
    pub(crate) fn stored(&self, digest: &Digest, doing: &str) -> Result<Vec<u8>, Error> {
        let Some(keeper) = &self.0.payloads else { return Err(Error::new(Code::NoPayloadStore, doing)) };
        keeper.store.read(digest.bytes())?.ok_or_else(|| Error::new(Code::PayloadMissing, doing))
    }
}

impl RunHandle {
    /// Keeps a value in the payload store, by name: its canonical form, and a note of this run that names it. On the device
    /// when this returns.
    ///
    /// # Errors
    /// `AUD0727` without a payload store, `AUD0402` for a blank name, `AUD0501` for a value without canonical form,
    /// `AUD0720` when it cannot be stored; refused when the note cannot be written. Nothing names the payload then.
    pub fn keep(&self, name: &str, value: &dyn AuditDigest) -> Result<Id, Error> {
        const DOING: &str = "keeping a payload";
        if name.trim().is_empty() {
            return Err(Error::new(Code::MissingField, DOING).detail("name"));
        }
        let recorder = self.recorder();
        let bytes = digest::catching(|| digest::canonical_value(None, value))
            .map_err(|(refusal, _)| Error::new(Code::NotDigestible, DOING).detail(refusal.to_string()))?;
        let placed = recorder.place(Scope::Payload, bytes, DOING)?;
        recorder.flush_gaps();
        let mut header = recorder.header(Kind::Note);
        header.durability = Durability::Disk;
        header.run = self.id();
        header.parent = self.id().0;
        let mut body = BodyWriter::new();
        body.text(Key::NoteKind, NAMED)
            .text(Key::Severity, "info")
            .text(Key::Message, &crate::model::scrub::scrub_error_text(name))
            .slot(Key::Payload, &Slot::Digest(placed.digest().clone()));
        let seq = recorder.point(header, &body.finish())?;
        drop(placed);
        Ok(Id::new(recorder.stream(), seq))
    }
}
