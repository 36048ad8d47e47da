//! Numbers of sites in a stream. A `SITE` record gives each site its number before the first record that names it. What is
//! entered by name alone has a number too, in memory: summaries and shutdown reports call it by that name.

use super::Recorder;
use crate::error::Error;
use crate::journal::Purpose;
use crate::ledger::{Counts, MOST_NAMES};
use crate::model::{BodyWriter, Key, Kind};
use crate::site::Site;
use std::collections::HashMap;
use std::sync::Arc;

/// Set in the number of a name, which is in no record.
const NAMED: u32 = 1 << 31;

/// Sites that this stream has numbered, from 1, and names without a site.
#[derive(Default)]
pub(crate) struct Sites {
    numbers: HashMap<usize, u32>,
    names: Vec<String>,
    named: HashMap<Arc<str>, u32>,
    by_hand: Vec<Arc<str>>,
}

impl Sites {
    fn number(&self, site: &'static Site) -> Option<u32> {
        self.numbers.get(&(std::ptr::from_ref(site) as usize)).copied()
    }

    /// The node name behind a number.
    pub(crate) fn name(&self, number: u32) -> String {
        let name = match number & NAMED {
            0 => number.checked_sub(1).and_then(|at| Some(self.names.get(at as usize)?.as_str())),
            _ => self.by_hand.get((number ^ NAMED) as usize).map(|name| &**name),
        };
        name.unwrap_or("(by hand)").to_owned()
    }

    /// The number of a name; 0 once there are so many that they can be no names of nodes.
    fn number_of(&mut self, name: &str) -> u32 {
        if let Some(number) = self.named.get(name) {
            return *number;
        }
        if name.is_empty() || self.by_hand.len() == MOST_NAMES {
            return 0;
        }
        let (number, name): (u32, Arc<str>) = (NAMED | self.by_hand.len() as u32, name.into());
        self.by_hand.push(name.clone());
        self.named.insert(name, number);
        number
    }
}

impl Recorder {
    /// The node name behind a site number.
    pub(crate) fn site_name(&self, number: u32) -> String {
        self.0.sites.lock().name(number)
    }

    /// What the ledger counts an entry under: its site's number, or that of its name where it has no site.
    pub(super) fn counted_as(&self, site: u32, name: Option<&str>) -> u32 {
        match (site, name) {
            (0, Some(name)) => self.0.sites.lock().number_of(name),
            (site, _) => site,
        }
    }

    /// What the ledger counts a run's earlier entries under, from the names of their nodes.
    pub(crate) fn counted_again(&self, counts: &[(String, Counts)]) -> Vec<(u32, Counts)> {
        let mut sites = self.0.sites.lock();
        counts.iter().map(|(name, counts)| (sites.number_of(name), *counts)).collect()
    }

    /// The number of a site in this stream; writes its `SITE` record when it is met for the first time.
    pub(crate) fn site_number(&self, site: &'static Site) -> Result<u32, Error> {
        if let Some(number) = site.cached(self.number()) {
            return Ok(number);
        }
        let known = self.0.sites.lock().number(site);
        let number = known.map_or_else(|| self.new_number(site), Ok)?;
        site.remember(self.number(), number);
        Ok(number)
    }

    /// One at a time writes, and nobody learns a number before its record has a place in the stream. The lock of those who
    /// only look is free meanwhile: a write may hang.
    fn new_number(&self, site: &'static Site) -> Result<u32, Error> {
        let _turn = self.turn(&self.0.site_turn, || format!("waiting to write SITE of {}", site.node_name()))?;
        let (known, next) = {
            let sites = self.0.sites.lock();
            (sites.number(site), sites.names.len() as u32 + 1)
        };
        if let Some(number) = known {
            return Ok(number);
        }
        self.write_site(site, next)?;
        let mut sites = self.0.sites.lock();
        sites.numbers.insert(std::ptr::from_ref(site) as usize, next);
        sites.names.push(site.node_name());
        Ok(next)
    }

    fn write_site(&self, site: &'static Site, number: u32) -> Result<(), Error> {
        let mut header = self.header(Kind::Site);
        header.site = number;
        let mut body = BodyWriter::new();
        body.text(Key::Function, site.function)
            .text(Key::Module, site.module)
            .text(Key::File, site.file)
            .uint(Key::Line, u64::from(site.line))
            .uint(Key::Column, u64::from(site.column))
            .text(Key::Node, &site.node_name())
            .maybe(Key::NodeKind, site.kind);
        if !site.options.text.is_empty() {
            body.text(Key::Options, site.options.text);
        }
        let pending = self.append(&mut header, &body.finish(), Purpose::Point)?;
        self.0.journal.wait(pending)
    }
}
