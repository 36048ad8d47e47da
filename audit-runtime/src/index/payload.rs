//! Which records name payloads, and what a purge took from which run. A payload that one run has lost may be there for
//! another one, so both are kept by run.

use super::batch::whole;
use super::fold::Place;
use super::json::hex;
use super::points::Target;
use super::store::Failure;
use crate::model::digest::Slot;
use crate::model::{Id, Key, Record};

impl Target<'_, '_> {
    /// A record that names a payload, whatever else it states.
    pub(super) fn payload(&mut self, place: Place, record: &Record) -> Result<(), Failure> {
        let Some(Slot::Digest(digest)) = record.body.slot(Key::Payload) else { return Ok(()) };
        let key = self.names.key(self.sql, place)?;
        let entity = record.header.subject.some().unwrap_or(Id::new(place.0, place.1));
        self.put(
            "INSERT OR REPLACE INTO payloads(key, run_id, entity_id, kind, scope, digest, at, stream, seq)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            &[
                &key,
                &self.run_id(record),
                &self.names.id(entity),
                &record.header.kind.name(),
                &digest.scope().name(),
                &digest.hex(),
                &record.header.wall_ns,
                &&*self.names.stream(place.0),
                &whole(place.1),
            ],
        )
    }

    pub(super) fn purged(&mut self, place: Place, record: &Record) -> Result<(), Failure> {
        let (run, purge) = (self.run_id(record), self.names.id(record.header.parent));
        for digest in record.body.get(Key::Payloads).and_then(|list| list.as_array()).unwrap_or_default() {
            self.put(
                "INSERT OR IGNORE INTO purged(run_id, digest, stream, seq, at, purge_id)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                &[
                    &run,
                    &digest.as_bytes().map(hex),
                    &&*self.names.stream(place.0),
                    &whole(place.1),
                    &record.header.wall_ns,
                    &purge,
                ],
            )?;
        }
        self.other(place, record)
    }
}
