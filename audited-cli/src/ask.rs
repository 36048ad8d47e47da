//! Each command's question to the runtime.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use audit_runtime::clock::{Clock, SystemClock};
use audit_runtime::governance;
use audit_runtime::index;
use audit_runtime::journal::Layout;
use audit_runtime::model::Kind;
use audit_runtime::retention::{self, Purge};
use audit_runtime::trail::{self, Json, Tail, Trail};
use audit_runtime::{Builder, Code, Error, Recorder, RunId};

use crate::answer::{Answer, exit, exit_of, failure_json};
use crate::args::{Cli, Command, HoldCommand, IndexCommand};
use crate::covered::{self, Mistakes};
use crate::near::trails_near;
use crate::out::Out;
use crate::print;
use crate::progress::Progress;
use crate::surface::Surface;

/// How often `tail --follow` looks.
const FOLLOW: Duration = Duration::from_millis(200);

/// Runs a command; the exit code.
pub(crate) fn run(cli: &Cli) -> u8 {
    let path = cli.trail();
    let (name, shown) = (cli.command.name(), path.display().to_string());
    let out = Out::stdout();
    let done = match &cli.command {
        Command::Tail { lines, follow, kinds } => tail(&out, &path, *lines, *follow, kinds, cli.json),
        Command::Index { command: IndexCommand::Dump { scan } } => dump(&path, *scan, cli.json, name, &shown),
        command => ask(command, &path).and_then(|answer| {
            let written =
                if cli.json { out.raw(&answer.json(name, &shown).to_string()) } else { out.page(&answer.page) };
            told(written).map(|()| answer.exit())
        }),
    };
    match done {
        Ok(code) => code,
        Err(Stopped::Quietly) => exit::FINE,
        Err(Stopped::Untested(mistakes)) => {
            if cli.json {
                drop(out.raw(&mistakes.json(name, &shown).to_string()));
            }
            mistakes.texts.iter().for_each(|text| drop(writeln!(io::stderr(), "audited: {text}")));
            mistakes.code
        }
        Err(Stopped::Error(error)) => {
            if cli.json {
                // The exit code tells the rest when nobody reads stdout any more.
                drop(out.raw(&failure_json(name, &shown, &error).to_string()));
            }
            drop(writeln!(io::stderr(), "audited: {error}"));
            let code = exit_of(&error);
            if code == exit::CANNOT_OPEN {
                // Errors name no path; whoever typed it may be told which one was taken.
                drop(writeln!(io::stderr(), "audited: the trail is {shown}"));
            }
            if matches!(error.code(), Code::NotFound | Code::NotATrail) {
                for near in trails_near(&path) {
                    drop(writeln!(io::stderr(), "audited: there is a trail at {}", near.display()));
                }
            }
            code
        }
    }
}

/// Why a command stopped early.
pub(crate) enum Stopped {
    /// Whoever read our output went away.
    Quietly,
    Error(Error),
    /// Sources or a lock file that cannot be read; no coverage to speak of; a gate file that is no gate.
    Untested(Mistakes),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Stopped {
        Stopped::Error(error)
    }
}

/// Output that cannot be written ends the command without a word.
fn told(written: io::Result<()>) -> Result<(), Stopped> {
    written.map_err(|_| Stopped::Quietly)
}

fn ask(command: &Command, path: &Path) -> Result<Answer, Stopped> {
    Ok(match command {
        Command::Runs => print::runs(&open(path)?)?,
        Command::Show { run, limit } => {
            let trail = open(path)?;
            let run = match run {
                Some(run) => trail.resolve_run(run)?,
                None => trail.latest_run()?,
            };
            let story = trail.show(run, *limit)?;
            print::show(&trail, &story)
        }
        Command::Explain { id } => print::explain(&open(path)?.explain(id)?),
        Command::Sweep { run, pending, running_timeout } => {
            let trail = timed(open(path)?, *running_timeout);
            let run = run.as_deref().map(|run| trail.resolve_run(run)).transpose()?;
            let mut sweep = trail.sweep(run)?;
            let (now, limit) = (SystemClock::new().wall_ns(), Duration::from_secs(*pending));
            sweep.findings.extend(governance::sweep_actions(path, run.map(RunId), now, limit)?);
            print::sweep(&sweep)
        }
        Command::Stats { run } => {
            let trail = open(path)?;
            let run = run.as_deref().map(|run| trail.resolve_run(run)).transpose()?;
            print::stats(&trail, &trail.stats(run)?, &trail.governance(run)?)
        }
        Command::Reconcile { run } => {
            let trail = open(path)?;
            let run = RunId(trail.resolve_run(run)?);
            print::reconcile(&trail, &governance::reconcile_run(path, run)?)
        }
        Command::Metrics => print::metrics(&governance::metrics_of(path, SystemClock::new().wall_ns())?),
        Command::Doctor { running_timeout } => print::doctor(&timed(open(path)?, *running_timeout).doctor()?),
        Command::Recover => print::recovered(&writing(path, |recorder| Ok(recorder.recovered()))?),
        Command::Purge { older_than, dry_run: true, .. } => {
            print::purge(&retention::preview(&open(path)?, SystemClock::new().wall_ns(), *older_than)?)
        }
        Command::Purge { older_than, policy, authority, .. } => {
            let text = |given: &Option<String>| given.clone().unwrap_or_default();
            let purge = Purge::new(*older_than, &text(policy), &text(authority));
            print::purge(&writing(path, |recorder| recorder.purge(&purge))?)
        }
        Command::Hold { command: HoldCommand::Add { run, why } } => {
            let run = RunId(open(path)?.resolve_run(run)?);
            print::held(writing(path, |recorder| recorder.hold(run, &why.authority, &why.reason))?)
        }
        Command::Hold { command: HoldCommand::Remove { hold, why } } => {
            let hold = open(path)?.resolve(hold)?;
            print::held(writing(path, |recorder| recorder.lift_hold(hold, &why.authority, &why.reason))?)
        }
        Command::Hold { command: HoldCommand::List } => print::holds(&open(path)?)?,
        Command::Surface { paths, check } => {
            let here = [PathBuf::from(".")];
            let paths = if paths.is_empty() { &here[..] } else { paths };
            let unread = |next: &'static str| move |error: io::Error| Mistakes::read(&error, next);
            let sources = "name files or directories of Rust sources";
            let lock = "write the lock file first: `audited surface … > FILE`";
            let surface = Surface::read(paths).map_err(unread(sources))?;
            print::surface(&surface, check.as_deref()).map_err(unread(lock))?
        }
        Command::Coverage(asked) => covered::coverage(asked)?,
        Command::Verify => {
            let mut progress = Progress::new("verified");
            print::verify(&trail::verify(&Layout::at(path), &mut |n| progress.seen(n))?)
        }
        Command::Index { command: IndexCommand::Rebuild } => {
            let layout = Layout::at(path);
            layout.check()?;
            let mut progress = Progress::new("projected");
            print::rebuilt(index::rebuild(&layout, &mut |n| progress.seen(n))?)
        }
        Command::Tail { .. } | Command::Index { command: IndexCommand::Dump { .. } } => Answer::default(),
    })
}

/// Opens the trail for writing, which settles what dead processes left, and closes it again.
fn writing<T>(path: &Path, write: impl FnOnce(&Recorder) -> Result<T, Error>) -> Result<T, Error> {
    Layout::at(path).check()?;
    let recorder = Builder::new(path).actor("audited").project(false).open()?;
    let done = write(&recorder);
    let closed = recorder.close();
    let done = done?;
    closed.map(|_| done)
}

fn timed(trail: Trail, running_timeout: Option<u64>) -> Trail {
    match running_timeout {
        Some(seconds) => trail.running_timeout(Duration::from_secs(seconds)),
        None => trail,
    }
}

fn open(path: &Path) -> Result<Trail, Error> {
    let mut progress = Progress::new("projected");
    Trail::open_with(path, &mut |n| progress.seen(n))
}

fn tail(out: &Out, path: &Path, lines: usize, follow: bool, kinds: &[Kind], json: bool) -> Result<u8, Stopped> {
    let mut tail = Tail::open(path)?;
    let mut keep = lines;
    loop {
        for told_record in tail.poll(kinds, keep)? {
            told(if json { out.raw(&told_record.line.to_string()) } else { out.page(&print::record(&told_record)) })?;
        }
        if !follow {
            return Ok(exit::FINE);
        }
        // Everything that comes from now on is told.
        keep = usize::MAX;
        std::thread::sleep(FOLLOW);
    }
}

fn dump(path: &Path, scan: bool, json: bool, name: &str, shown: &str) -> Result<u8, Stopped> {
    let trail = if scan { Trail::scan(path)? } else { open(path)? };
    if !json {
        let mut out = io::BufWriter::new(io::stdout().lock());
        let written = index::dump(trail.index(), &mut out);
        told(out.flush())?;
        written?;
        return Ok(exit::FINE);
    }
    let mut rows = Vec::new();
    index::dump(trail.index(), &mut rows)?;
    let text = String::from_utf8_lossy(&rows);
    let items: Vec<&str> = text.lines().collect();
    let head = format!(
        "{{\"schema\":\"audited/1\",\"command\":{},\"trail\":{},\"items\":[",
        Json::from(name),
        Json::from(shown)
    );
    let written = writeln!(io::stdout(), "{head}{}],\"findings\":[]}}", items.join(","));
    told(written)?;
    Ok(exit::FINE)
}
