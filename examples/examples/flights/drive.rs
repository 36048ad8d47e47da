//! One row after the other through the graph.

use crate::arguments::Arguments;
use crate::days::Days;
use crate::fault::Fault;
use crate::fuse::Fuse;
use crate::graph::Nodes;
use crate::sink::{Facts, Sink, Syncs, Waiting};
use crate::steps::{self, Flight, Tables};
use audit_runtime::AuditContext;
use audit_runtime::landscape::{Arrival, Join, Landscape, Mode, Policy, Token, Trigger, Visit};
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
    Yes(Token, String),
    No(Token, Fault),
}

impl<'a> Drive<'a> {
    /// An empty pipeline, with empty files behind it.
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
        let sink = |node, name, heading, takes| {
            Sink::create(
                &land,
                &arguments.out,
                Facts { node, name, heading, takes },
                Syncs::failing(arguments.fail_sync),
            )
        };
        let late = sink(nodes.late, "late.csv", "date,flight,airline,plane,route,delay\n", half_a_day)?;
        let daily = sink(nodes.days, "days.csv", "date,carrier,flights,minutes\n", all)?;
        let refused = sink(nodes.refused, "refused.csv", "row,flight,reason\n", all)?;
        let days = Days::new(&land, nodes.per_day);
        Ok(Drive { land, nodes, tables, fuse, days, late, daily, refused, faults: BTreeMap::new() })
    }

    /// Reads a row and sends it on its way.
    pub fn row(&mut self, line: u64, record: &StringRecord, headers: &StringRecord, reading: &AuditContext) -> Done {
        let (identity, fields) = (line.to_string(), record.iter().collect::<Vec<_>>());
        match reading.run(|| steps::parse(record, headers)) {
            Ok(raw) => {
                let token = self.land.row(self.nodes.source, &identity, &fields)?;
                self.fuse.pass();
                self.clean(token, line, raw)?;
            }
            Err(Fault::Audit(error)) => return Err(error.into()),
            Err(fault) => {
                self.land.quarantine(self.nodes.source, &identity, &fields, &fault)?.quarantined()?;
                self.count(&fault.to_string());
            }
        }
        self.write(line, false)
    }

    /// The source has ended: everything that waits goes out.
    pub fn end(&mut self, line: u64) -> Done {
        let last = self.days.release(Trigger::EndOfSource)?;
        self.sum_ups(last)?;
        self.write(line, true)
    }

    /// Lines of each file.
    pub fn lines(&self) -> [(&'static str, u64); 3] {
        [("late.csv", self.late.lines()), ("days.csv", self.daily.lines()), ("refused.csv", self.refused.lines())]
    }

    fn clean(&mut self, token: Token, line: u64, raw: steps::Raw) -> Done {
        let visit = token.enter_with(self.nodes.clean, &raw)?;
        match visit.context().run(|| steps::arrival(line, raw)) {
            Ok(flight) => {
                let token = visit.complete_with(&flight)?;
                self.gate(token, flight)
            }
            Err(Fault::Audit(error)) => Err(error.into()),
            Err(fault) => {
                let token = visit.divert("error", &fault)?;
                self.refuse(Waiting { token, row: line, text: format!("{line},,{fault}\n") }, &fault.to_string())
            }
        }
    }

    fn gate(&mut self, token: Token, flight: Flight) -> Done {
        let mut visit = token.enter(self.nodes.gate)?;
        let label = visit.context().run(|| steps::judge(flight.delay));
        visit.route(Mode::Move, &[label], &flight.delay)?;
        let token = visit.complete()?;
        self.fuse.pass();
        if label == "late" {
            return self.split(token, &flight);
        }
        let released = self.days.add(token, &flight)?;
        self.sum_ups(released)
    }

    /// A late flight goes both ways at once; what comes back is merged, whatever is there.
    fn split(&mut self, token: Token, flight: &Flight) -> Done {
        let mut visit = token.enter(self.nodes.split)?;
        visit.route(Mode::Copy, &BRANCHES, &flight.delay)?;
        let [airline, plane] = visit.complete()?.fork(BRANCHES)?;
        self.fuse.pass();
        let mut join = self.land.join(self.nodes.merge, Policy::BestEffort, &BRANCHES)?;
        let visit = airline.enter(self.nodes.airline)?;
        let asked = visit.context().run(|| steps::airline(flight, self.tables));
        let (first, airline) = self.meet(&mut join, found(visit, asked)?, flight)?;
        self.fuse.pass();
        let asked = self.plane(plane, flight)?;
        let (second, plane) = self.meet(&mut join, asked, flight)?;
        let Some(token) = first.or(second) else { return Ok(()) };
        let text = flight.told(&airline, &plane);
        match self.late.offer(Waiting { token, row: flight.line, text })? {
            None => Ok(()),
            Some(back) => {
                let why = "the delay is longer than half a day";
                self.refuse(Waiting { text: flight.refused(why), ..back }, why)
            }
        }
    }

    /// Asks for the plane, and asks again while the list is busy.
    fn plane(&self, mut token: Token, flight: &Flight) -> Done<Found> {
        loop {
            let visit = token.enter(self.nodes.plane)?;
            match visit.context().run(|| steps::plane(flight, self.tables, visit.attempt())) {
                Err(Fault::Busy) if visit.attempt() + 1 < ASKED => token = visit.fail(Fault::Busy)?,
                asked => return found(visit, asked),
            }
        }
    }

    /// A branch arrives at the merge, or is lost to it.
    fn meet(&mut self, join: &mut Join, found: Found, flight: &Flight) -> Done<(Option<Token>, String)> {
        match found {
            Found::Yes(token, text) => match join.arrive(token)? {
                Arrival::Merged(token) => Ok((Some(token), text)),
                Arrival::Held | Arrival::Late => Ok((None, text)),
            },
            Found::No(token, fault) => {
                let merged = match token.branch().map(str::to_owned) {
                    Some(branch) => join.lose(&branch)?,
                    None => None,
                };
                let why = fault.to_string();
                self.refuse(Waiting { token, row: flight.line, text: flight.refused(&why) }, &why)?;
                Ok((merged, "unknown".to_owned()))
            }
        }
    }

    fn sum_ups(&mut self, released: Vec<Waiting>) -> Done {
        for waiting in released {
            self.daily.offer(waiting)?;
        }
        Ok(())
    }

    fn refuse(&mut self, waiting: Waiting, why: &str) -> Done {
        self.count(why);
        self.refused.offer(waiting)?;
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
        Ok(text) => Ok(Found::Yes(visit.complete_with(&text)?, text)),
        Err(Fault::Audit(error)) => Err(error.into()),
        Err(fault) => Ok(Found::No(visit.divert("error", &fault)?, fault)),
    }
}
