//! What became of the entries and the actions of a run's earlier processes, by node: what a summary shows of them. An entry
//! is counted once it has ended; one that was lost with its process counts as nothing.

use super::Ids;
use crate::ledger::{Counts, MOST_NAMES};
use crate::model::{Id, Key, Record, Status, StreamId};
use std::collections::HashMap;

/// Counts by the name of the node.
#[derive(Debug, Default)]
pub struct ByNode {
    /// Nodes by stream and number of the site.
    sites: HashMap<(StreamId, u32), String>,
    places: HashMap<String, usize>,
    counts: Vec<Counts>,
    /// What is open, by its opening record.
    open: Ids<usize>,
}

impl ByNode {
    /// Learns the nodes of the sites that the streams number.
    pub fn know(&mut self, sites: HashMap<(StreamId, u32), String>) {
        self.sites = sites;
    }

    /// An entry or an action has begun.
    pub fn opened(&mut self, place: Id, record: &Record) {
        let name = match record.header.site {
            0 => record.body.text(Key::Node).or_else(|| record.body.text(Key::Action)).map(str::to_owned),
            site => self.sites.get(&(place.stream, site)).cloned(),
        };
        let at = self.at(name.unwrap_or_default());
        self.open.insert(place, at);
    }

    /// It has ended.
    pub fn closed(&mut self, record: &Record) {
        let (header, opened) = (&record.header, self.open.remove(&record.header.subject));
        if header.status == Status::Abandoned {
            return;
        }
        let at = match opened {
            Some(at) => at,
            // Begun before the first record that was read: its own site is all there is.
            None => {
                let site = (header.subject.stream, header.site);
                let name = self.sites.get(&site).cloned().unwrap_or_default();
                self.at(name)
            }
        };
        let counts = &mut self.counts[at];
        counts.opened += 1;
        counts.ended(header.exit);
    }

    /// Nothing more is read.
    pub fn finish(&mut self) {
        (self.open, self.sites) = (Ids::default(), HashMap::new());
    }

    /// The counts, in the order in which the nodes were first met; those without a name have an empty one.
    #[must_use]
    pub fn counts(&self) -> Vec<(String, Counts)> {
        let mut names: Vec<(&String, usize)> = self.places.iter().map(|(name, at)| (name, *at)).collect();
        names.sort_unstable_by_key(|(_, at)| *at);
        let counted = names.into_iter().map(|(name, at)| (name.clone(), self.counts[at]));
        counted.filter(|(_, counts)| counts.opened > 0).collect()
    }

    fn at(&mut self, name: String) -> usize {
        let full = self.places.len() >= MOST_NAMES && !self.places.contains_key(&name);
        let next = self.counts.len();
        let at = *self.places.entry(if full { String::new() } else { name }).or_insert(next);
        if at == next {
            self.counts.push(Counts::default());
        }
        at
    }
}
