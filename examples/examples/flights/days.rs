//! Punctual flights, gathered by carrier and day and released together: when there are enough, when the day is over, at
//! the end of the source.
//!
//! A process that goes on with a run finds batches that gather, and tokens that came out of batches and have not reached
//! their file. What they stand for is found out again from their rows, as the source gives them.

use super::fuse::Fuse;
use super::sink::Waiting;
use super::steps::{self, Flight};
use audit_runtime::landscape::{Batch, Landscape, Node, Token, Trigger};
use audit_runtime::{Error, Id};
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

/// Flights that are summed up at once.
const MEMBERS: usize = 32;

/// One carrier's flights of the day so far.
struct Group {
    batch: Batch,
    sum: Sum,
}

/// What flights come to.
#[derive(Default)]
struct Sum {
    date: String,
    carrier: String,
    delays: Vec<i32>,
    first: u64,
    last: u64,
}

/// The day that is being gathered.
pub struct Days {
    land: Landscape,
    node: Node,
    date: String,
    carriers: BTreeMap<String, Group>,
    /// Batches of an earlier process whose first row the source has not given again.
    drafts: HashMap<Id, Batch>,
    /// Tokens that came out of batches of an earlier process, by batch, with what their rows come to so far.
    released: HashMap<Id, (Token, Sum)>,
}

impl Days {
    /// What an earlier process has left, or nothing.
    pub fn new(land: &Landscape, node: Node) -> Result<Days, Error> {
        let drafts = land.batches_again(node)?.into_iter().map(|batch| (batch.id(), batch)).collect();
        let of = |token: Token| Some((token.batch()?, (token, Sum::default())));
        let released = land.gathered_again()?.into_iter().filter_map(of).collect();
        let (land, date) = (land.clone(), String::new());
        Ok(Days { land, node, date, carriers: BTreeMap::new(), drafts, released })
    }

    /// The oldest row that waits here.
    pub fn oldest(&self) -> Option<u64> {
        let gathered = self.carriers.values().map(|group| &group.sum);
        let released = self.released.values().map(|(_, sum)| sum);
        gathered.chain(released).map(|sum| sum.first).min()
    }

    /// Takes a flight in; what its arrival releases comes out.
    pub fn add(&mut self, token: Token, flight: &Flight, fuse: &Fuse) -> Result<Vec<Waiting>, Error> {
        let mut released = self.settle();
        if flight.date != self.date {
            released.extend(self.release(Trigger::Condition)?);
            self.date.clone_from(&flight.date);
        }
        if !self.carriers.contains_key(&flight.carrier) {
            let batch = self.empty_batch()?;
            fuse.pass();
            self.carriers.insert(flight.carrier.clone(), Group { batch, sum: Sum::default() });
        }
        if let Some(group) = self.carriers.get_mut(&flight.carrier) {
            group.batch.add(token)?;
            group.sum.add(flight);
        }
        fuse.pass();
        released.extend(self.full(&flight.carrier)?);
        Ok(released)
    }

    /// A flight that an earlier process has put into this batch is known again; what it completes comes out.
    pub fn remember(&mut self, batch: Id, flight: &Flight) -> Result<Vec<Waiting>, Error> {
        if let Some((_, sum)) = self.released.get_mut(&batch) {
            sum.add(flight);
            return Ok(Vec::new());
        }
        if let Some(batch) = self.drafts.remove(&batch) {
            self.date.clone_from(&flight.date);
            self.carriers.insert(flight.carrier.clone(), Group { batch, sum: Sum::default() });
        }
        if let Some(group) = self.carriers.get_mut(&flight.carrier).filter(|group| group.batch.id() == batch) {
            group.sum.add(flight);
        }
        let full = self.carriers.get(&flight.carrier).is_some_and(Group::is_full);
        let mut released = if full { self.settle() } else { Vec::new() };
        released.extend(self.full(&flight.carrier)?);
        Ok(released)
    }

    /// Releases everything, for this reason.
    pub fn release(&mut self, trigger: Trigger) -> Result<Vec<Waiting>, Error> {
        let mut released = self.settle();
        for (_, group) in std::mem::take(&mut self.carriers) {
            released.extend(group.release(trigger)?);
        }
        Ok(released)
    }

    /// What came out of the batches of earlier processes, in the order in which it came. All their rows have been given
    /// again before anything is released anew.
    pub fn settle(&mut self) -> Vec<Waiting> {
        let mut released: Vec<(Token, Sum)> = std::mem::take(&mut self.released).into_values().collect();
        released.sort_by(|(_, a), (_, b)| a.released_before(b));
        released.into_iter().map(|(token, sum)| Waiting { token, row: sum.first, text: sum.text() }).collect()
    }

    fn full(&mut self, carrier: &str) -> Result<Option<Waiting>, Error> {
        match self.carriers.remove_entry(carrier) {
            Some((_, group)) if group.is_full() => group.release(Trigger::Count),
            Some((carrier, group)) => {
                self.carriers.insert(carrier, group);
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// A new batch, or one that an earlier process has drafted and put nothing into.
    fn empty_batch(&mut self) -> Result<Batch, Error> {
        let empty = self.drafts.iter().find(|(_, batch)| batch.is_empty()).map(|(id, _)| *id);
        match empty.and_then(|id| self.drafts.remove(&id)) {
            Some(batch) => Ok(batch),
            None => self.land.batch(self.node),
        }
    }
}

impl Group {
    fn is_full(&self) -> bool {
        self.sum.is_full()
    }

    fn release(self, trigger: Trigger) -> Result<Option<Waiting>, Error> {
        let Group { batch, sum } = self;
        let executing = batch.release(trigger)?;
        let text = executing.context().run(|| steps::sum_up(&sum.date, &sum.carrier, &sum.delays));
        let token = executing.complete(1, &text)?.pop();
        Ok(token.map(|token| Waiting { token, row: sum.first, text }))
    }
}

impl Sum {
    fn add(&mut self, flight: &Flight) {
        if self.delays.is_empty() {
            (self.date, self.carrier, self.first) = (flight.date.clone(), flight.carrier.clone(), flight.line);
        }
        self.delays.push(flight.delay);
        self.last = flight.line;
    }

    fn is_full(&self) -> bool {
        self.delays.len() >= MEMBERS
    }

    fn text(&self) -> String {
        steps::summed(&self.date, &self.carrier, &self.delays)
    }

    /// Full ones go when their last row comes, the others at the end of their day, by carrier.
    fn released_before(&self, other: &Sum) -> Ordering {
        if self.date != other.date {
            return self.first.cmp(&other.first);
        }
        match (self.is_full(), other.is_full()) {
            (true, true) => self.last.cmp(&other.last),
            (false, false) => self.carrier.cmp(&other.carrier),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}
