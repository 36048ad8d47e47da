//! Punctual flights, gathered by carrier and day and released together: when there are enough, when the day is over, at
//! the end of the source.

use crate::sink::Waiting;
use crate::steps::{self, Flight};
use audit_runtime::Error;
use audit_runtime::landscape::{Batch, Landscape, Node, Token, Trigger};
use std::collections::BTreeMap;

/// Flights that are summed up at once.
const MEMBERS: usize = 32;

/// One carrier's flights of the day so far.
struct Group {
    batch: Batch,
    delays: Vec<i32>,
    row: u64,
}

/// The day that is being gathered.
pub struct Days {
    land: Landscape,
    node: Node,
    date: String,
    carriers: BTreeMap<String, Group>,
}

impl Days {
    /// Nothing is gathered yet.
    pub fn new(land: &Landscape, node: Node) -> Days {
        Days { land: land.clone(), node, date: String::new(), carriers: BTreeMap::new() }
    }

    /// The oldest row that waits here.
    pub fn oldest(&self) -> Option<u64> {
        self.carriers.values().map(|group| group.row).min()
    }

    /// Takes a flight in; what its arrival releases comes out.
    pub fn add(&mut self, token: Token, flight: &Flight) -> Result<Vec<Waiting>, Error> {
        let mut released = Vec::new();
        if flight.date != self.date {
            released = self.release(Trigger::Condition)?;
            self.date.clone_from(&flight.date);
        }
        let group = match self.carriers.entry(flight.carrier.clone()) {
            std::collections::btree_map::Entry::Occupied(there) => there.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(Group { batch: self.land.batch(self.node)?, delays: Vec::new(), row: flight.line })
            }
        };
        group.batch.add(token)?;
        group.delays.push(flight.delay);
        if group.delays.len() >= MEMBERS
            && let Some(full) = self.carriers.remove(&flight.carrier)
        {
            released.extend(full.release(Trigger::Count, &self.date, &flight.carrier)?);
        }
        Ok(released)
    }

    /// Releases everything, for this reason.
    pub fn release(&mut self, trigger: Trigger) -> Result<Vec<Waiting>, Error> {
        let mut released = Vec::new();
        for (carrier, group) in std::mem::take(&mut self.carriers) {
            released.extend(group.release(trigger, &self.date, &carrier)?);
        }
        Ok(released)
    }
}

impl Group {
    fn release(self, trigger: Trigger, date: &str, carrier: &str) -> Result<Option<Waiting>, Error> {
        let executing = self.batch.release(trigger)?;
        let text = executing.context().run(|| steps::sum_up(date, carrier, &self.delays));
        let token = executing.complete(1, &text)?.pop();
        Ok(token.map(|token| Waiting { token, row: self.row, text }))
    }
}
