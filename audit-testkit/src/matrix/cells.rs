//! The ends that a scenario's functions can have, and which of them its runners have shown: the figures of one run, where
//! `coverage` leaves those of all runs for whoever reports on them.

use super::record::Recorded;
use crate::case::{Case, Kind, Kinds};
use crate::coverage::{Ended, Grade};
use crate::sites::site_name;
use audit_runtime::Exit;
use audit_runtime::fault::Phase;
use audit_runtime::site::Form;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// One end that a function can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    /// It returned a value.
    Success,
    /// It returned an error.
    Error,
    /// It panicked.
    Panic,
    /// It was dropped before it came to an end.
    Cancelled,
    /// Its process died, and recovery said so.
    Killed,
    /// It ended while the store failed.
    Store,
}

impl Cell {
    /// Every cell, in the order of the columns.
    pub const ALL: [Cell; 6] = [Cell::Success, Cell::Error, Cell::Panic, Cell::Cancelled, Cell::Killed, Cell::Store];

    /// The heading of its column.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Cell::Success => "success",
            Cell::Error => "error",
            Cell::Panic => "panic",
            Cell::Cancelled => "cancel",
            Cell::Killed => "killed",
            Cell::Store => "store",
        }
    }

    fn of(exit: Exit) -> Option<Cell> {
        match exit {
            Exit::Returned => Some(Cell::Success),
            Exit::Errored => Some(Cell::Error),
            Exit::Panicked => Some(Cell::Panic),
            Exit::Cancelled => Some(Cell::Cancelled),
            Exit::Lost => Some(Cell::Killed),
            _ => None,
        }
    }
}

/// One function of the scenario.
#[derive(Clone, Debug, Default)]
struct Row {
    /// The cells that it can have, with the best way in which each was shown.
    cells: BTreeMap<Cell, Option<Grade>>,
    /// Two for each await that the scenario reaches: before and behind it.
    cuts: BTreeSet<String>,
    cut: BTreeSet<String>,
    /// The `?`s that can fail.
    questions: BTreeSet<String>,
    failed: BTreeSet<String>,
}

/// The cells of every function that a scenario reaches.
#[derive(Clone, Debug, Default)]
pub struct Cells {
    rows: BTreeMap<String, Row>,
}

impl Cells {
    /// What the scenario's functions can come to: an error where a `Result` is returned, a cancel where there is a future.
    pub(crate) fn of(recorded: &Recorded) -> Cells {
        let mut rows: BTreeMap<String, Row> = BTreeMap::new();
        for seen in &recorded.seen {
            let hit = &seen.hit;
            let row = rows.entry(site_name(hit.site)).or_default();
            for cell in [Cell::Success, Cell::Panic, Cell::Killed, Cell::Store] {
                row.cells.entry(cell).or_default();
            }
            if hit.site.form == Form::Async {
                row.cells.entry(Cell::Cancelled).or_default();
            }
            if hit.can_fail && matches!(hit.phase, Phase::AfterBegin | Phase::BeforeComplete) {
                row.cells.entry(Cell::Error).or_default();
            }
            let phase = crate::case::phase_text(hit.phase);
            match hit.phase {
                Phase::BeforeAwait(_) | Phase::AfterAwait(_) if hit.can_cancel => drop(row.cuts.insert(phase)),
                Phase::Question(_) if hit.can_fail => drop(row.questions.insert(phase)),
                _ => {}
            }
        }
        Cells { rows }
    }

    /// Takes what a trail shows of its functions' ends; `fault` is the case behind it, if there was one.
    pub(crate) fn take(&mut self, fault: Option<&Case>, fired: bool, ends: &[Ended]) {
        if let Some(case) = fault.filter(|_| fired)
            && let Some(row) = self.rows.get_mut(&case.place)
        {
            match case.kind {
                Kind::Cancel if row.cuts.contains(&case.phase) => drop(row.cut.insert(case.phase.clone())),
                Kind::Error if row.questions.contains(&case.phase) => drop(row.failed.insert(case.phase.clone())),
                _ => {}
            }
        }
        let sick = fault.is_some_and(|case| Kinds::STORE.has(case.kind));
        for end in ends {
            let Some(row) = self.rows.get_mut(&end.site) else { continue };
            let cell = if sick { Some(Cell::Store) } else { Cell::of(end.exit) };
            if let Some(best) = cell.and_then(|cell| row.cells.get_mut(&cell)) {
                *best = (*best).max(Some(end.grade));
            }
        }
    }

    /// Cells that can be.
    #[must_use]
    pub fn applicable(&self) -> usize {
        self.rows.values().map(|row| row.cells.len()).sum()
    }

    /// Cells that were shown.
    #[must_use]
    pub fn covered(&self) -> usize {
        self.rows.values().flat_map(|row| row.cells.values()).filter(|grade| grade.is_some()).count()
    }

    /// Each function with a cell that was not shown.
    #[must_use]
    pub fn missing(&self) -> Vec<(String, Cell)> {
        let of = |(site, row): (&String, &Row)| {
            let never = row.cells.iter().filter(|(_, grade)| grade.is_none());
            never.map(|(cell, _)| (site.clone(), *cell)).collect::<Vec<_>>()
        };
        self.rows.iter().flat_map(of).collect()
    }

    /// Awaits cut, of those that can be, each before and behind.
    #[must_use]
    pub fn cuts(&self) -> (usize, usize) {
        (self.rows.values().map(|row| row.cut.len()).sum(), self.rows.values().map(|row| row.cuts.len()).sum())
    }

    /// `?`s failed, of those that can be.
    #[must_use]
    pub fn questions(&self) -> (usize, usize) {
        let failed = self.rows.values().map(|row| row.failed.len()).sum();
        (failed, self.rows.values().map(|row| row.questions.len()).sum())
    }
}

impl fmt::Display for Cells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WIDEST: usize = 44;
        let width = self.rows.keys().map(String::len).max().unwrap_or(0).clamp(8, WIDEST);
        let of = |done: usize, all: usize| if all == 0 { "-".to_owned() } else { format!("{done}/{all}") };
        write!(f, " {:<width$}", "function")?;
        Cell::ALL.iter().try_for_each(|cell| write!(f, " {:>9}", cell.text()))?;
        writeln!(f, " {:>7} {:>6}", "awaits", "?s")?;
        for (site, row) in &self.rows {
            write!(f, " {site:<width$}")?;
            for cell in Cell::ALL {
                let text = match row.cells.get(&cell) {
                    None => "-",
                    Some(None) => "NEVER",
                    Some(Some(grade)) => grade.text(),
                };
                write!(f, " {text:>9}")?;
            }
            let (awaits, questions) = (of(row.cut.len(), row.cuts.len()), of(row.failed.len(), row.questions.len()));
            writeln!(f, " {awaits:>7} {questions:>6}")?;
        }
        let (covered, all) = (self.covered(), self.applicable());
        let percent = if all == 0 { 0.0 } else { 100.0 * covered as f64 / all as f64 };
        let ((cut, cuts), (failed, questions)) = (self.cuts(), self.questions());
        writeln!(
            f,
            " {covered} of {all} cells covered, {percent:.1} %; {cut} of {cuts} awaits cut, {failed} of {questions} `?`s failed"
        )
    }
}
