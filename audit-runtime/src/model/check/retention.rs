//! The load check of purges and holds, and of the digests by which records name payloads.

use super::invalid;
use crate::model::digest::{Algorithm, Slot};
use crate::model::kind::{Key, Kind};
use crate::model::record::{Invalid, Record};

/// A payload is kept under a plain SHA-256, whatever else the record's slot holds.
pub(super) fn check_payload(record: &Record) -> Result<(), Invalid> {
    for key in [Key::Payload, Key::Sanitised] {
        match record.body.slot(key) {
            Some(Slot::Digest(digest)) if digest.algorithm() == Algorithm::Sha256 => {}
            None => {}
            Some(_) => return Err(invalid(record, key.name(), "is no plain digest")),
        }
    }
    Ok(())
}

pub(super) fn check(record: &Record) -> Result<(), Invalid> {
    let header = &record.header;
    for key in [Key::Authority, Key::PurgePolicy, Key::Reason] {
        if record.body.text(key).is_some_and(|text| text.trim().is_empty()) {
            return Err(invalid(record, key.name(), "is blank"));
        }
    }
    if matches!(header.kind, Kind::PayloadsPurged | Kind::HoldPlaced) && header.run.0.is_none() {
        return Err(invalid(record, "run", "is missing"));
    }
    if header.kind == Kind::PayloadsPurged && header.parent.is_none() {
        return Err(invalid(record, "parent", "is missing"));
    }
    if header.kind == Kind::HoldLifted && header.subject.is_none() {
        return Err(invalid(record, "subject", "is missing"));
    }
    let payloads = record.body.get(Key::Payloads).and_then(|list| list.as_array()).unwrap_or_default();
    if payloads.iter().any(|item| item.as_bytes().is_none_or(|bytes| bytes.len() != 32)) {
        return Err(invalid(record, Key::Payloads.name(), "holds something other than digests"));
    }
    Ok(())
}
