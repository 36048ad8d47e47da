//! A row pipeline on real input: every flight that left New York City in January 2013, 27,004 rows, cancelled flights
//! and unknown tail numbers included.
//!
//! ```text
//! parse ──→ validate ──→ enrich ──→ classify ──→ write
//!              └ cancelled flights fail      └ unknown tail numbers fail
//! ```
//!
//! Run it, kill it half-way, run it again:
//! ```text
//! cargo run --release --example flights
//! cargo run --release --example flights -- --kill-after 5000
//! cargo run --release --example flights
//! ```

#![forbid(unsafe_code)]

use audit_runtime::{Run, audited};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// One line of the input, as it stands there.
#[derive(Debug, Deserialize, Serialize)]
struct Raw {
    year: u16,
    month: u8,
    day: u8,
    dep_time: String,
    arr_time: String,
    arr_delay: String,
    carrier: String,
    flight: u32,
    tailnum: String,
    origin: String,
    dest: String,
}

/// A flight that took place.
#[derive(Debug, Serialize)]
struct Flight {
    date: (u16, u8, u8),
    carrier: String,
    number: u32,
    tailnum: String,
    route: (String, String),
    arr_delay: i32,
}

/// A flight with its airline and plane.
#[derive(Debug, Serialize)]
struct Enriched {
    flight: Flight,
    airline: String,
    model: String,
}

/// Why a row did not get through.
#[derive(Debug)]
enum Fault {
    Malformed(csv::Error),
    Cancelled,
    NoArrival,
    UnknownAirline,
    UnknownPlane,
    Sink(std::io::Error),
    Audit(audit_runtime::Error),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::Malformed(cause) => write!(f, "the row cannot be read: {cause}"),
            Fault::Cancelled => f.write_str("the flight has no departure: it was cancelled"),
            Fault::NoArrival => f.write_str("the flight has no arrival delay"),
            Fault::UnknownAirline => f.write_str("the carrier is in no list of airlines"),
            Fault::UnknownPlane => f.write_str("the tail number is in no list of planes"),
            Fault::Sink(cause) => write!(f, "the result cannot be written: {cause}"),
            Fault::Audit(cause) => write!(f, "the audit refused: {cause}"),
        }
    }
}

impl Error for Fault {}

/// What lets a refused entry reach the caller of a function that returns `Result<_, Fault>`.
impl From<audit_runtime::Error> for Fault {
    fn from(error: audit_runtime::Error) -> Fault {
        Fault::Audit(error)
    }
}

/// Look-ups by carrier and tail number.
struct Tables {
    airlines: HashMap<String, String>,
    planes: HashMap<String, String>,
}

#[audited(node = "parse")]
fn parse(record: &csv::StringRecord, headers: &csv::StringRecord) -> Result<Raw, Fault> {
    record.deserialize(Some(headers)).map_err(Fault::Malformed)
}

#[audited(node = "validate", digest(raw))]
fn validate(raw: Raw) -> Result<Flight, Fault> {
    if raw.dep_time == "NA" {
        return Err(Fault::Cancelled);
    }
    let arr_delay = raw.arr_delay.parse().map_err(|_| Fault::NoArrival)?;
    Ok(Flight {
        date: (raw.year, raw.month, raw.day),
        carrier: raw.carrier,
        number: raw.flight,
        tailnum: raw.tailnum,
        route: (raw.origin, raw.dest),
        arr_delay,
    })
}

#[audited(node = "enrich", digest(flight), digest_output)]
fn enrich(flight: Flight, tables: &Tables) -> Result<Enriched, Fault> {
    let airline = tables.airlines.get(&flight.carrier).cloned().ok_or(Fault::UnknownAirline)?;
    let model = tables.planes.get(&flight.tailnum).cloned().ok_or(Fault::UnknownPlane)?;
    Ok(Enriched { flight, airline, model })
}

#[audited(node = "classify", digest_output)]
fn classify(enriched: &Enriched) -> &'static str {
    match enriched.flight.arr_delay {
        ..=0 => "early",
        1..=14 => "on time",
        15..=59 => "late",
        _ => "very late",
    }
}

#[audited(node = "write", digest(enriched, class))]
fn write(sink: &mut impl Write, enriched: &Enriched, class: &str) -> Result<(), Fault> {
    let flight = &enriched.flight;
    writeln!(sink, "{},{},{},{},{class}", flight.carrier, flight.number, enriched.airline, enriched.model)
        .map_err(Fault::Sink)
}

fn process(
    row: &csv::StringRecord,
    headers: &csv::StringRecord,
    tables: &Tables,
    sink: &mut impl Write,
) -> Result<(), Fault> {
    let enriched = enrich(validate(parse(row, headers)?)?, tables)?;
    let class = classify(&enriched);
    write(sink, &enriched, class)
}

/// What the command line asked for.
struct Arguments {
    trail: PathBuf,
    rows: u64,
    kill_after: Option<u64>,
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let mut arguments = Arguments { trail: "target/trails/flights".into(), rows: u64::MAX, kill_after: None };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "--trail" => arguments.trail = value()?.into(),
            "--rows" => arguments.rows = value()?.parse()?,
            "--kill-after" => arguments.kill_after = Some(value()?.parse()?),
            _ => {
                return Err(format!("unknown option {word}; there are --trail DIR, --rows N and --kill-after N").into());
            }
        }
    }
    Ok(arguments)
}

fn table(path: &Path, value: usize) -> Result<HashMap<String, String>, Box<dyn Error>> {
    let mut reader = csv::Reader::from_path(path)?;
    let mut table = HashMap::new();
    for row in reader.records() {
        let row = row?;
        table.insert(row[0].to_owned(), row[value].to_owned());
    }
    Ok(table)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = arguments()?;
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let tables =
        Tables { airlines: table(&data.join("airlines.csv"), 1)?, planes: table(&data.join("planes.csv"), 4)? };

    let recorder = audit_runtime::open(&arguments.trail)?;
    print!("{}", recorder.recovered());
    let installed = recorder.install()?;
    let run = recorder.begin_run("flights of January 2013")?;
    println!("run {} on {}", run.id(), arguments.trail.display());

    let out = std::fs::create_dir_all("target/trails").and_then(|()| File::create("target/trails/flights.csv"))?;
    let mut sink = BufWriter::new(out);
    let file = File::open(data.join("flights-2013-01.csv.gz"))?;
    let mut reader = csv::Reader::from_reader(flate2::read::GzDecoder::new(file));
    let headers = reader.headers()?.clone();
    let (mut rows, mut written, mut faults) = (0u64, 0u64, HashMap::<String, u64>::new());
    for row in reader.records().take(usize::try_from(arguments.rows).unwrap_or(usize::MAX)) {
        match process(&row?, &headers, &tables, &mut sink) {
            Ok(()) => written += 1,
            Err(Fault::Audit(error)) => return Err(error.into()),
            Err(fault) => *faults.entry(fault.to_string()).or_default() += 1,
        }
        rows += 1;
        if arguments.kill_after == Some(rows) {
            println!("{rows} rows done; killing this process with SIGKILL");
            kill_here();
        }
    }
    sink.flush()?;
    report(&arguments.trail, run, rows, written, faults)?;
    installed.close()?;
    Ok(())
}

/// Dies by SIGKILL inside an audited body, so that something is open.
#[audited(node = "killed")]
fn kill_here() {
    let me = rustix::process::getpid();
    // There is no way back from SIGKILL; an error would mean that the kernel refused to kill us.
    if let Err(errno) = rustix::process::kill_process(me, rustix::process::Signal::KILL) {
        eprintln!("cannot kill this process: {errno}");
    }
}

/// The one-screen summary, from memory.
fn report(trail: &Path, run: Run, rows: u64, written: u64, faults: HashMap<String, u64>) -> Result<(), Box<dyn Error>> {
    let id = run.id();
    let summary = run.finish()?;
    println!("\n{rows} rows, {written} written to target/trails/flights.csv");
    let mut faults: Vec<_> = faults.into_iter().collect();
    faults.sort_unstable_by_key(|(text, count)| (std::cmp::Reverse(*count), text.clone()));
    faults.iter().for_each(|(text, count)| println!("{count:>7}  {text}"));
    println!("\n{summary}");
    let trail = trail.display();
    println!("look further:");
    println!("  cargo run --release -p audited-cli -- --trail {trail} runs");
    println!("  cargo run --release -p audited-cli -- --trail {trail} show {id}");
    println!("  cargo run --release -p audited-cli -- --trail {trail} verify");
    Ok(())
}
