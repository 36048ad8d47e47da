//! What is printed.

use super::cells::Cells;
use super::judge::Checked;
use super::record::Recorded;
use super::runner::{Runner, Tally};
use crate::case::Case;
use crate::coverage::{self, Ended};
use audit_runtime::fault::Phase;
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

/// What one case came to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) fired: bool,
    pub(crate) broke: Vec<String>,
    pub(crate) last: Vec<String>,
    /// The ends that its trail shows.
    pub(crate) ends: Vec<Ended>,
}

impl Outcome {
    /// What a checked trail says, with its last records.
    pub(crate) fn of(checked: &Checked, fired: bool, ends: Vec<Ended>) -> Outcome {
        Outcome { fired, broke: checked.broke.clone(), last: checked.story.last(12).to_vec(), ends }
    }

    pub(crate) fn broken(why: String) -> Outcome {
        Outcome { fired: true, broke: vec![why], ..Outcome::default() }
    }
}

/// A case that broke a promise, or that never fired.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Its address.
    pub case: Case,
    /// Each broken promise; `INERT` where the fault never happened.
    pub broke: Vec<String>,
    /// The last records of the trail.
    pub last: Vec<String>,
}

/// What a matrix came to.
#[derive(Clone, Debug, Default)]
#[must_use = "a report that nobody reads hides its failures"]
pub struct Report {
    /// The test.
    pub test: String,
    /// Audited functions that the scenario reaches.
    pub sites: usize,
    /// Calls of audited functions.
    pub calls: usize,
    /// Moments at which a fault can be put.
    pub moments: usize,
    /// Cases that were planned.
    pub planned: usize,
    /// Cases whose fault happened.
    pub fired: usize,
    /// Cases whose fault did not happen.
    pub inert: usize,
    /// Cases that the budget left out.
    pub skipped: usize,
    /// Cases that broke a promise, and inert ones.
    pub failures: Vec<Failure>,
    /// What is wrong with the clean run behind all faults.
    pub last_clean: Option<String>,
    /// Macros that the annotation could not see into, as `file:line name!`.
    pub blind: Vec<String>,
    /// `?`s whose error the testkit cannot make, as `file:line`.
    pub mute: Vec<String>,
    /// How often two runs without a fault suspended, where that differs: suspensions have no address then.
    pub suspended: Option<(u32, u32)>,
    /// How long it took.
    pub took: Duration,
    /// Failures are part of the failure-path coverage: nobody takes this report in hand.
    pub(crate) is_kept: bool,
    /// Which of its test's matrices this is, from 1.
    pub(crate) nth: u32,
    /// The same counts for each runner that had a case.
    pub runners: BTreeMap<Runner, Tally>,
    /// Which ends of which functions were shown.
    pub cells: Cells,
}

impl Report {
    pub(crate) fn new(test: String, recorded: &Recorded) -> Report {
        let mut blind: Vec<String> = Vec::new();
        for seen in &recorded.seen {
            let site = seen.hit.site;
            blind.extend(site.options.inside.blind.iter().map(|(line, name)| format!("{}:{line} {name}!", site.file)));
        }
        blind.sort();
        blind.dedup();
        let questions = recorded.seen.iter().filter(|seen| matches!(seen.hit.phase, Phase::Question(_)));
        let mute = questions.filter(|seen| !seen.hit.can_fail);
        let mut mute: Vec<String> = mute.map(|seen| format!("{}:{}", seen.hit.site.file, seen.hit.line())).collect();
        mute.sort();
        mute.dedup();
        let mut cells = Cells::of(recorded);
        cells.take(None, false, &recorded.ends);
        let (sites, calls, moments) = (recorded.names().len(), recorded.calls(), recorded.moments());
        let suspended = recorded.suspended;
        Report { test, sites, calls, moments, blind, mute, suspended, cells, ..Report::default() }
    }

    /// Cases that a runner is going to try.
    pub(crate) fn plan(&mut self, runner: Runner, cases: usize) {
        if cases == 0 {
            return;
        }
        self.planned += cases;
        self.runners.entry(runner).or_default().planned += cases;
    }

    /// A planned case is left out for want of time.
    pub(crate) fn leave_out(&mut self, runner: Runner) {
        self.skipped += 1;
        self.runners.entry(runner).or_default().skipped += 1;
    }

    /// A case that nobody had planned before there was no time for it.
    pub(crate) fn pass_over(&mut self, runner: Runner) {
        self.plan(runner, 1);
        self.leave_out(runner);
    }

    /// Runs a runner and notes how long it took.
    pub(crate) fn timed(&mut self, runner: Runner, run: impl FnOnce(&mut Report)) {
        let began = Instant::now();
        run(self);
        if let Some(tally) = self.runners.get_mut(&runner) {
            tally.took += began.elapsed();
        }
    }

    /// Takes what one case came to.
    pub(crate) fn take(&mut self, case: &Case, outcome: Outcome) {
        let Outcome { fired, mut broke, last, ends } = outcome;
        self.cells.take(Some(case), fired, &ends);
        let tally = self.runners.entry(Runner::of(case.kind)).or_default();
        coverage::case(&self.test, case, fired);
        if fired {
            self.fired += 1;
            tally.fired += 1;
        } else {
            self.inert += 1;
            tally.inert += 1;
            broke.insert(0, "INERT: the fault was planned and never happened".to_owned());
        }
        if !broke.is_empty() {
            tally.failed += 1;
            if self.is_kept {
                coverage::failed(&self.test, case, &broke, &self.replay(case));
            }
            self.failures.push(Failure { case: case.clone(), broke, last });
        }
    }

    /// Whether every case fired and kept every promise, and the last clean run was as the first.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.failures.is_empty() && self.last_clean.is_none()
    }

    fn replay(&self, case: &Case) -> String {
        let package = std::env::var("CARGO_PKG_NAME").map(|name| format!(" -p {name}")).unwrap_or_default();
        let of = if self.nth > 1 { format!("AUDIT_CASE_OF={} ", self.nth) } else { String::new() };
        format!("{of}AUDIT_CASE='{case}' cargo test{package} {} -- --exact --nocapture", self.test)
    }
}

/// Failures that are printed in full.
const SHOWN: usize = 3;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clean = if self.last_clean.is_none() { "ok" } else { "NOT ok" };
        let skipped = match self.skipped {
            0 => String::new(),
            n => format!(", {n} left out for want of time"),
        };
        writeln!(
            f,
            "audit matrix {}: {} of {} cases failed ({} sites, {} moments; {} planned, {} fired, {} inert{skipped}; last clean run {clean}; {:.1} s)",
            self.test,
            self.failures.len(),
            self.planned,
            self.sites,
            self.moments,
            self.planned,
            self.fired,
            self.inert,
            self.took.as_secs_f64(),
        )?;
        if self.runners.len() > 1 {
            writeln!(f, " {} calls of {} functions", self.calls, self.sites)?;
            Tally::table(f, &self.runners)?;
            write!(f, "{}", self.cells)?;
        }
        for blind in &self.blind {
            writeln!(
                f,
                " blind  {blind} was not seen into: its awaits and `?`s are cut only where the scenario suspends"
            )?;
        }
        if let Some((before, after)) = self.suspended {
            writeln!(
                f,
                " blind  the scenario suspended {before} times, then {after} times: it waits for other threads, and is cut at its awaits alone"
            )?;
        }
        for mute in &self.mute {
            writeln!(
                f,
                " mute   {mute}: the error of this `?` cannot be made here; `impl Injectable` for its type, or name it"
            )?;
        }
        if let Some(why) = &self.last_clean {
            writeln!(f, " clean  {why}")?;
        }
        for failure in self.failures.iter().take(SHOWN) {
            writeln!(f, " case   {}", failure.case)?;
            for broke in &failure.broke {
                writeln!(f, " broke  {broke}")?;
            }
            for line in &failure.last {
                writeln!(f, " trail  {line}")?;
            }
            writeln!(f, " replay {}", self.replay(&failure.case))?;
        }
        let rest = self.failures.iter().skip(SHOWN);
        rest.map(|failure| &failure.case).try_for_each(|case| writeln!(f, " and    {case}"))
    }
}
