//! The work itself. None of it knows of tokens or sinks: what a node does with a row is an `#[audited]` function around a
//! plain one, so that a resumed run can find out again what it knew of a row without doing the node's work again.

use super::arguments::about;
use super::fault::Fault;
use audit_runtime::{AuditDigest, audited};
use csv::StringRecord;
use serde::Deserialize;
use std::collections::HashMap;
use std::path::Path;

/// One line of the input, as it stands there.
#[derive(Clone, Debug, Deserialize, AuditDigest)]
pub struct Raw {
    year: u16,
    month: u8,
    day: u8,
    dep_time: String,
    arr_delay: String,
    carrier: String,
    flight: u32,
    tailnum: String,
    origin: String,
    dest: String,
}

/// A flight that arrived.
#[derive(Clone, Debug, AuditDigest)]
pub struct Flight {
    /// Its line in the input.
    pub line: u64,
    /// Its day.
    pub date: String,
    /// Two letters.
    pub carrier: String,
    number: u32,
    tailnum: String,
    route: String,
    /// Minutes; less than none when it was early.
    pub delay: i32,
}

/// Look-ups by carrier and tail number.
pub struct Tables {
    airlines: HashMap<String, String>,
    planes: HashMap<String, String>,
}

impl Tables {
    fn airline(&self, flight: &Flight) -> Result<&str, Fault> {
        self.airlines.get(&flight.carrier).map(String::as_str).ok_or(Fault::UnknownAirline)
    }

    fn plane(&self, flight: &Flight) -> Result<&str, Fault> {
        self.planes.get(&flight.tailnum).map(String::as_str).ok_or(Fault::UnknownPlane)
    }

    /// Reads both lists.
    pub fn read(data: &Path) -> Result<Tables, String> {
        let read = |name: &str, value| {
            let path = data.join(name);
            table(&path, value).map_err(about(&path))
        };
        Ok(Tables { airlines: read("airlines.csv", 1)?, planes: read("planes.csv", 4)? })
    }
}

fn table(path: &Path, value: usize) -> Result<HashMap<String, String>, csv::Error> {
    let mut table = HashMap::new();
    for row in csv::Reader::from_path(path)?.into_records() {
        let row = row?;
        table.insert(row[0].to_owned(), row[value].to_owned());
    }
    Ok(table)
}

/// From this delay on a flight is told of by itself.
const LATE: i32 = 15;

/// Every so many lines the list of planes is busy when it is asked for the first time.
const BUSY_LINES: u64 = 53;

impl Raw {
    /// A line as a flight; what never took off is refused at the source.
    pub fn read(record: &StringRecord, headers: &StringRecord) -> Result<Raw, Fault> {
        let raw: Raw = record.deserialize(Some(headers)).map_err(Fault::Malformed)?;
        if raw.dep_time == "NA" { Err(Fault::Cancelled) } else { Ok(raw) }
    }
}

/// A flight with its delay; one that landed elsewhere has none.
#[audited(node = "arrival", digest_output)]
pub fn arrival(line: u64, raw: &Raw) -> Result<Flight, Fault> {
    Flight::of(line, raw)
}

/// Where the gate sends a flight.
#[audited(node = "judge")]
pub fn judge(flight: &Flight) -> &'static str {
    flight.class()
}

/// The airline's name.
#[audited(node = "find airline")]
pub fn airline(flight: &Flight, tables: &Tables) -> Result<String, Fault> {
    tables.airline(flight).map(str::to_owned)
}

/// The plane's model. The list is busy for some lines when they ask for the first time: always the same ones, so that
/// two runs can be compared.
#[audited(node = "find plane")]
pub fn plane(flight: &Flight, tables: &Tables, attempt: u32) -> Result<String, Fault> {
    if attempt == 0 && flight.line.is_multiple_of(BUSY_LINES) {
        return Err(Fault::Busy);
    }
    tables.plane(flight).map(str::to_owned)
}

/// What one carrier's punctual flights of a day came to.
#[audited(node = "sum up", digest_output)]
pub fn sum_up(date: &str, carrier: &str, delays: &[i32]) -> String {
    summed(date, carrier, delays)
}

/// The line of a carrier's day, or of a part of it.
pub fn summed(date: &str, carrier: &str, delays: &[i32]) -> String {
    let sum: i64 = delays.iter().map(|delay| i64::from(*delay)).sum();
    format!("{date},{carrier},{},{sum}\n", delays.len())
}

impl Flight {
    /// A line that took off as a flight that arrived.
    pub fn of(line: u64, raw: &Raw) -> Result<Flight, Fault> {
        let delay = raw.arr_delay.parse().map_err(|_| Fault::NoArrival)?;
        Ok(Flight {
            line,
            date: format!("{}-{:02}-{:02}", raw.year, raw.month, raw.day),
            carrier: raw.carrier.clone(),
            number: raw.flight,
            tailnum: raw.tailnum.clone(),
            route: format!("{}-{}", raw.origin, raw.dest),
            delay,
        })
    }

    /// Which of the gate's routes it takes.
    pub fn class(&self) -> &'static str {
        if self.delay >= LATE { "late" } else { "punctual" }
    }

    /// The line of a late flight, with what the lists know of it.
    pub fn told(&self, tables: &Tables) -> String {
        let Flight { date, carrier, number, route, delay, .. } = self;
        let (airline, plane) = (tables.airline(self), tables.plane(self));
        let (airline, plane) = (airline.unwrap_or("unknown"), plane.unwrap_or("unknown"));
        format!("{date},{carrier}{number},{airline},{plane},{route},{delay}\n")
    }

    /// The line of a flight that something is wrong with.
    pub fn refused(&self, why: &str) -> String {
        format!("{},{}{},{why}\n", self.line, self.carrier, self.number)
    }
}
