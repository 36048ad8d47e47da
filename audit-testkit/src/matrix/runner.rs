//! Who runs a case, and what became of its cases.

use crate::case::{Kind, Kinds};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Who runs a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Runner {
    /// Faults in the scenario's own process.
    InProcess,
    /// Children that are killed, and recoveries that are killed behind them.
    Killed,
    /// A storage that fails.
    SickStore,
    /// What a power cut leaves.
    PowerCut,
}

impl Runner {
    /// Who runs cases of this kind.
    pub(crate) fn of(kind: Kind) -> Runner {
        if Kinds::STORE.has(kind) {
            Runner::SickStore
        } else if Kinds::IMAGES.has(kind) {
            Runner::PowerCut
        } else if kind == Kind::Kill {
            Runner::Killed
        } else {
            Runner::InProcess
        }
    }

    /// Its name in the table.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Runner::InProcess => "in process",
            Runner::Killed => "killed",
            Runner::SickStore => "sick store",
            Runner::PowerCut => "power cut",
        }
    }
}

/// What became of a runner's cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Cases that were planned.
    pub planned: usize,
    /// Cases whose fault happened.
    pub fired: usize,
    /// Cases whose fault did not happen.
    pub inert: usize,
    /// Cases that the budget left out.
    pub skipped: usize,
    /// Cases that broke a promise, and inert ones.
    pub failed: usize,
    /// How long they took.
    pub took: Duration,
}

impl Tally {
    fn plus(self, other: &Tally) -> Tally {
        Tally {
            planned: self.planned + other.planned,
            fired: self.fired + other.fired,
            inert: self.inert + other.inert,
            skipped: self.skipped + other.skipped,
            failed: self.failed + other.failed,
            took: self.took + other.took,
        }
    }

    /// A line for each runner, and their sum.
    pub(crate) fn table(f: &mut fmt::Formatter<'_>, runners: &BTreeMap<Runner, Tally>) -> fmt::Result {
        writeln!(
            f,
            " {:<10} {:>7} {:>7} {:>7} {:>9} {:>7} {:>8}",
            "runner", "cases", "fired", "inert", "left out", "failed", "time"
        )?;
        let line = |f: &mut fmt::Formatter<'_>, name: &str, t: &Tally| {
            let Tally { planned, fired, inert, skipped, failed, took } = t;
            let took = took.as_secs_f64();
            writeln!(f, " {name:<10} {planned:>7} {fired:>7} {inert:>7} {skipped:>9} {failed:>7} {took:>6.2} s")
        };
        for (runner, tally) in runners {
            line(f, runner.text(), tally)?;
        }
        line(f, "all", &runners.values().fold(Tally::default(), Tally::plus))
    }
}
