//! What an action says of itself while it runs: that its result comes out of a cache, that it tries something again. Kept
//! until its terminal is written, which carries it.

use super::correlation::{Correlation, Relation};
use crate::context;
use crate::error::{Code, Error};
use crate::model::Id;
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// Attempts that are PENDING in this process, each with what it has said.
static SAID: Mutex<BTreeMap<Id, Vec<(Relation, Id)>>> = Mutex::new(BTreeMap::new());

/// Relates the action that is running here to what another record is about; its terminal names it. An answer from a cache
/// is a SUCCESS with `Relation::CachedFrom` and the attempt that had produced it.
///
/// # Errors
/// `AUD0806` outside the body of an action.
pub fn link(relation: Relation, to: Id) -> Result<(), Error> {
    let here = context::ambient().state;
    match SAID.lock().get_mut(&here) {
        Some(said) => {
            said.push((relation, to));
            Ok(())
        }
        None => Err(Error::new(Code::NoAction, format!("linking an action to {to}"))),
    }
}

/// The attempt of the action that is running here, to be linked to later; `None` outside the body of an action.
#[must_use]
pub fn current_attempt() -> Option<Id> {
    let here = context::ambient().state;
    SAID.lock().contains_key(&here).then_some(here)
}

pub(super) fn open(attempt: Id) {
    SAID.lock().insert(attempt, Vec::new());
}

pub(super) fn close(attempt: Id) {
    SAID.lock().remove(&attempt);
}

/// What the terminal of an attempt is joined by.
pub(super) fn taken(attempt: Id, of: &Correlation) -> Correlation {
    let said = SAID.lock().get(&attempt).cloned().unwrap_or_default();
    said.into_iter().fold(of.clone(), |of, (relation, to)| of.link(relation, to))
}
