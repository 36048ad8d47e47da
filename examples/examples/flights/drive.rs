//! One row after the other through the graph; in a resumed run, from wherever an earlier process has left it.

use super::arguments::Arguments;
use super::days::Days;
use super::fault::Fault;
use super::fuse::Fuse;
use super::graph::Nodes;
use super::sink::{Facts, Sink, Waiting};
use super::steps::{self, Flight, Raw, Tables};
use audit_runtime::landscape::{Again, Arrival, Join, Landscape, Mode, Origin, Policy, Token, Trigger, Visit};
use csv::StringRecord;
use std::collections::BTreeMap;
use std::error::Error;

type Done<T = ()> = Result<T, Box<dyn Error>>;

/// The two look-ups of a late flight, each on a branch of its own.
const BRANCHES: [&str; 2] = ["airline", "plane"];
/// Visits of the list of planes before it counts as gone.
const ASKED: u32 = 3;
/// Minutes that the report of late flights has room for.
const LONGEST: i32 = 720;

/// The pipeline with everything that is on its way in it.
pub struct Drive<'a> {
    land: Landscape,
    nodes: Nodes,
    tables: &'a Tables,
    fuse: &'a Fuse,
    days: Days,
    late: Sink,
    daily: Sink,
    refused: Sink,
    /// What was wrong, and how often.
    pub faults: BTreeMap<String, u64>,
}

/// A look-up that came to an end.
enum Found {
    Yes(Token),
    No(Token, Fault),
}

impl<'a> Drive<'a> {
    /// The pipeline as an earlier process has left it, or an empty one with empty files behind it.
    pub fn new(
        (land, nodes): (Landscape, Nodes),
        tables: &'a Tables,
        fuse: &'a Fuse,
        arguments: &Arguments,
    ) -> Done<Drive<'a>> {
        let all: fn(&str) -> bool = |_| true;
        let half_a_day: fn(&str) -> bool = |text| {
            let delay = text.trim_end().rsplit(',').next().and_then(|delay| delay.parse().ok());
            delay.is_some_and(|minutes: i32| minutes <= LONGEST)
        };
        let sink = |node, name, heading, takes| Sink::open(&land, Facts { node, name, heading, takes }, arguments);
        let mut late = sink(nodes.late, "late.csv", "date,flight,airline,plane,route,delay\n", half_a_day)?;
        let mut daily = sink(nodes.days, "days.csv", "date,carrier,flights,minutes\n", all)?;
        let mut refused = sink(nodes.refused, "refused.csv", "row,flight,reason\n", all)?;
        for doubt in land.in_doubt() {
            let sinks = [&mut late, &mut daily, &mut refused];
            match sinks.into_iter().find(|sink| sink.name() == doubt.sink()) {
                Some(sink) => sink.read_back(doubt)?,
                None => return Err(format!("a write in doubt to an unknown sink {}", doubt.sink()).into()),
            }
        }
        land.receipts_again().iter().try_for_each(Sink::complete)?;
        let days = Days::new(&land, nodes.per_day)?;
        Ok(Drive { land, nodes, tables, fuse, days, late, daily, refused, faults: BTreeMap::new() })
    }

    /// Reads a row and sends it on its way; whether nobody has read it before.
    pub fn row(&mut self, line: u64, record: &StringRecord, headers: &StringRecord) -> Done<bool> {
        let (identity, fields) = (line.to_string(), record.iter().collect::<Vec<_>>());
        let raw = match Raw::read(record, headers) {
            Ok(raw) => raw,
            Err(fault) => return self.quarantine(&identity, &fields, &fault),
        };
        let new = match self.land.row_again(self.nodes.source, &identity, &fields)? {
            Again::New(token) => {
                self.fuse.pass();
                self.clean(token, line, &raw)?;
                true
            }
            Again::Open(tokens) => {
                self.go_on(tokens, line, &raw)?;
                false
            }
            Again::Done => {
                self.remember(&identity, line, &raw)?;
                false
            }
        };
        self.write(line, false)?;
        Ok(new)
    }

    /// The source has ended: everything that waits goes out.
    pub fn end(&mut self, line: u64) -> Done {
        let last = self.days.release(Trigger::EndOfSource)?;
        self.sum_ups(last)?;
        self.write(line, true)
    }

    /// Lines of each file that this process has written.
    pub fn lines(&self) -> [(&'static str, u64); 3] {
        [&self.late, &self.daily, &self.refused].map(|sink| (sink.name(), sink.lines()))
    }

    fn quarantine(&mut self, identity: &str, fields: &[&str], fault: &Fault) -> Done<bool> {
        let again = self.land.quarantine_again(self.nodes.source, identity, &fields, fault)?;
        let new = matches!(again, Again::New(_));
        match again {
            Again::New(token) => token.quarantined()?,
            Again::Open(tokens) => tokens.into_iter().try_for_each(Token::quarantined)?,
            Again::Done => return Ok(false),
        }
        self.count(&fault.to_string());
        Ok(new)
    }

    /// An earlier process is done with this row, unless a batch still holds what it stands for.
    fn remember(&mut self, identity: &str, line: u64, raw: &Raw) -> Done {
        let Some(batch) = self.land.batch_of(self.nodes.source, identity) else { return Ok(()) };
        let released = self.days.remember(batch, &Flight::of(line, raw)?)?;
        self.sum_ups(released)
    }

    /// Tokens of one row that an earlier process has left on their way: what they have behind them is not done again.
    fn go_on(&mut self, tokens: Vec<Token>, line: u64, raw: &Raw) -> Done {
        let [mut airline, mut plane, mut merged] = [None, None, None];
        for token in tokens {
            match (token.origin(), token.branch()) {
                (Origin::Row, _) => return self.root(token, line, raw),
                (_, Some("airline")) => airline = Some(token),
                (_, Some("plane")) => plane = Some(token),
                (_, _) => merged = Some(token),
            }
        }
        let flight = Flight::of(line, raw)?;
        let now = self.look_up(airline, plane, &flight)?;
        self.tell(merged.or(now), &flight)
    }

    fn root(&mut self, token: Token, line: u64, raw: &Raw) -> Done {
        if !token.has_completed(self.nodes.clean) {
            return self.clean(token, line, raw);
        }
        let flight = Flight::of(line, raw)?;
        if !token.has_completed(self.nodes.gate) {
            return self.gate(token, &flight);
        }
        match flight.class() {
            "late" if token.has_completed(self.nodes.split) => self.fork(token, &flight),
            "late" => self.split(token, &flight),
            _ => self.gather(token, &flight),
        }
    }

    fn clean(&mut self, token: Token, line: u64, raw: &Raw) -> Done {
        let visit = token.enter_with(self.nodes.clean, raw)?;
        match visit.context().run(|| steps::arrival(line, raw)) {
            Ok(flight) => {
                let token = visit.complete_with(&flight)?;
                self.gate(token, &flight)
            }
            Err(Fault::Audit(error)) => Err(error.into()),
            Err(fault) => {
                let token = visit.divert("error", &fault)?;
                self.refuse(Waiting { token, row: line, text: format!("{line},,{fault}\n") }, &fault.to_string())
            }
        }
    }

    fn gate(&mut self, token: Token, flight: &Flight) -> Done {
        let mut visit = token.enter(self.nodes.gate)?;
        let label = visit.context().run(|| steps::judge(flight));
        visit.route(Mode::Move, &[label], &flight.delay)?;
        self.fuse.pass();
        let token = visit.complete()?;
        self.fuse.pass();
        if label == "late" { self.split(token, flight) } else { self.gather(token, flight) }
    }

    fn gather(&mut self, token: Token, flight: &Flight) -> Done {
        let released = self.days.add(token, flight, self.fuse)?;
        self.sum_ups(released)
    }

    /// A late flight goes both ways at once; what comes back is merged, whatever is there.
    fn split(&mut self, token: Token, flight: &Flight) -> Done {
        let mut visit = token.enter(self.nodes.split)?;
        visit.route(Mode::Copy, &BRANCHES, &flight.delay)?;
        let token = visit.complete()?;
        self.fuse.pass();
        self.fork(token, flight)
    }

    fn fork(&mut self, token: Token, flight: &Flight) -> Done {
        let [airline, plane] = token.fork(BRANCHES)?;
        self.fuse.pass();
        let merged = self.look_up(Some(airline), Some(plane), flight)?;
        self.tell(merged, flight)
    }

    fn look_up(&mut self, airline: Option<Token>, plane: Option<Token>, flight: &Flight) -> Done<Option<Token>> {
        let mut join = self.land.join(self.nodes.merge, Policy::BestEffort, &BRANCHES)?;
        let mut merged = None;
        if let Some(token) = airline {
            let found = self.airline(token, flight)?;
            merged = self.meet(&mut join, found, flight)?;
        }
        self.fuse.pass();
        if let Some(token) = plane {
            let found = self.plane(token, flight)?;
            self.fuse.pass();
            merged = merged.or(self.meet(&mut join, found, flight)?);
        }
        self.fuse.pass();
        Ok(merged)
    }

    fn airline(&self, token: Token, flight: &Flight) -> Done<Found> {
        if token.has_completed(self.nodes.airline) {
            return Ok(Found::Yes(token));
        }
        let visit = token.enter(self.nodes.airline)?;
        let asked = visit.context().run(|| steps::airline(flight, self.tables));
        found(visit, asked)
    }

    /// Asks for the plane, and asks again while the list is busy.
    fn plane(&self, mut token: Token, flight: &Flight) -> Done<Found> {
        if token.has_completed(self.nodes.plane) {
            return Ok(Found::Yes(token));
        }
        loop {
            let visit = token.enter(self.nodes.plane)?;
            match visit.context().run(|| steps::plane(flight, self.tables, visit.attempt())) {
                Err(Fault::Busy) if visit.attempt() + 1 < ASKED => {
                    token = visit.fail(Fault::Busy)?;
                    self.fuse.pass();
                }
                asked => return found(visit, asked),
            }
        }
    }

    /// A branch arrives at the merge, or is lost to it.
    fn meet(&mut self, join: &mut Join, found: Found, flight: &Flight) -> Done<Option<Token>> {
        match found {
            Found::Yes(token) => match join.arrive(token)? {
                Arrival::Merged(token) => Ok(Some(token)),
                Arrival::Held | Arrival::Late => Ok(None),
            },
            Found::No(token, fault) => {
                let merged = match token.branch().map(str::to_owned) {
                    Some(branch) => join.lose(&branch)?,
                    None => None,
                };
                let why = fault.to_string();
                self.refuse(Waiting { token, row: flight.line, text: flight.refused(&why) }, &why)?;
                Ok(merged)
            }
        }
    }

    /// A late flight that was looked up goes into the report, unless that has no room for it.
    fn tell(&mut self, token: Option<Token>, flight: &Flight) -> Done {
        let Some(token) = token else { return Ok(()) };
        let text = flight.told(self.tables);
        match self.late.offer(Waiting { token, row: flight.line, text }, self.fuse)? {
            None => Ok(()),
            Some(back) => {
                let why = "the delay is longer than half a day";
                self.refuse(Waiting { text: flight.refused(why), ..back }, why)
            }
        }
    }

    fn sum_ups(&mut self, released: Vec<Waiting>) -> Done {
        for waiting in released {
            self.daily.offer(waiting, self.fuse)?;
        }
        Ok(())
    }

    fn refuse(&mut self, waiting: Waiting, why: &str) -> Done {
        self.count(why);
        self.refused.offer(waiting, self.fuse)?;
        Ok(())
    }

    fn count(&mut self, why: &str) {
        *self.faults.entry(why.to_owned()).or_default() += 1;
    }

    /// Writes the batches that are complete, at the end all of them. Behind each stands a checkpoint: every row below its
    /// position has come to its end.
    fn write(&mut self, line: u64, all: bool) -> Done {
        for at in 0..3 {
            let sink = [&mut self.late, &mut self.daily, &mut self.refused].into_iter().nth(at);
            let Some(sink) = sink.filter(|sink| all || sink.is_full()) else { continue };
            if let Some(delivered) = sink.write(self.fuse)? {
                delivered.checkpoint(&format!("row {}", self.oldest().unwrap_or(line + 1)))?;
                self.fuse.pass();
            }
        }
        Ok(())
    }

    /// The oldest row that is on its way.
    fn oldest(&self) -> Option<u64> {
        let waiting = [self.late.oldest(), self.daily.oldest(), self.refused.oldest(), self.days.oldest()];
        waiting.into_iter().flatten().min()
    }
}

/// Ends a look-up's visit.
fn found(visit: Visit, asked: Result<String, Fault>) -> Done<Found> {
    match asked {
        Ok(text) => Ok(Found::Yes(visit.complete_with(&text)?)),
        Err(Fault::Audit(error)) => Err(error.into()),
        Err(fault) => Ok(Found::No(visit.divert("error", &fault)?, fault)),
    }
}
