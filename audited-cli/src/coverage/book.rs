//! Every site with its cells.
//!
//! A site that several programs know has the shape that the newest of their builds gives it; what a program with another
//! shape saw of it is left out, because it was other code.

use std::collections::{BTreeMap, BTreeSet};

use super::column::{Column, Fault, Grade, Measure};
use super::left::{Left, Process, Program};
use super::line::{Failed, Form, Line, Site};

/// One end of one site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    /// The site cannot end so.
    Impossible,
    Never,
    Seen(Grade),
    /// A case broke a promise here, or never fired.
    Failed,
}

/// A failed case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) column: Column,
    pub(crate) test: String,
    pub(crate) case: String,
    pub(crate) broke: Vec<String>,
    pub(crate) replay: String,
}

/// How many of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) covered: u64,
    pub(crate) of: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Tally) {
        self.covered += other.covered;
        self.of += other.of;
    }

    /// The share in percent; everything of nothing.
    pub(crate) fn percent(self) -> f64 {
        if self.of == 0 { 100.0 } else { self.covered as f64 * 100.0 / self.of as f64 }
    }

    /// Whether the share is smaller than another's.
    pub(crate) fn is_below(self, other: Tally) -> bool {
        self.of > 0 && other.of > 0 && self.covered * other.of < other.covered * self.of
    }
}

/// One site with its cells. A row without a file is no site: `store`, `poll`, `image` or `recovery`, where a case failed.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) site: String,
    pub(crate) node: String,
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) is_async: bool,
    pub(crate) cells: [Cell; 6],
    /// Source lines of the awaits, and whether each was cut on both sides.
    pub(crate) awaits: Vec<(u32, bool)>,
    /// Source lines of the `?`s, and whether each was made to fail.
    pub(crate) questions: Vec<(u32, bool)>,
    /// `?`s whose error the testkit cannot make.
    pub(crate) mute: Vec<u32>,
    /// `LINE name` of each macro that could not be seen into.
    pub(crate) blind: Vec<String>,
    pub(crate) failures: Vec<Failure>,
}

impl Row {
    pub(crate) fn cell(&self, column: Column) -> Cell {
        self.cells[column as usize]
    }

    /// Whether any run has entered it.
    pub(crate) fn is_observed(&self) -> bool {
        self.cells.iter().any(|cell| matches!(cell, Cell::Seen(_) | Cell::Failed))
    }

    /// Whether it stands in a catalogue.
    pub(crate) fn is_site(&self) -> bool {
        !self.file.is_empty()
    }

    /// `file:line`.
    pub(crate) fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }

    /// How much of a measure is covered here.
    pub(crate) fn tally(&self, measure: Measure) -> Tally {
        let of_lines = |lines: &[(u32, bool)]| Tally {
            covered: lines.iter().filter(|(_, done)| *done).count() as u64,
            of: lines.len() as u64,
        };
        match measure {
            Measure::Awaits => of_lines(&self.awaits),
            Measure::Questions => of_lines(&self.questions),
            Measure::Of(column) => match self.cell(column) {
                Cell::Impossible => Tally::default(),
                Cell::Never | Cell::Failed => Tally { covered: 0, of: 1 },
                Cell::Seen(_) => Tally { covered: 1, of: 1 },
            },
            Measure::Total => {
                let mut all = Tally::default();
                Column::ALL.into_iter().for_each(|column| all.add(self.tally(Measure::Of(column))));
                all
            }
        }
    }
}

/// Everything that is known, merged.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// Sorted by name.
    pub(crate) rows: Vec<Row>,
    /// Sites of programs whose newest build has another shape of them than a newer program: site and program.
    pub(crate) stale: Vec<(String, String)>,
    /// Names that ends were recorded under and that stand in no catalogue.
    pub(crate) unknown: Vec<String>,
}

/// What is gathered for one site.
struct Draft {
    row: Row,
    is_fallible: bool,
    is_begun: bool,
    cut: BTreeSet<String>,
    fired: BTreeSet<String>,
}

/// Sites are told apart by name and file: two crates may have test programs with modules of one name.
type Key = (String, String);

impl Book {
    pub(crate) fn of(left: &Left) -> Book {
        let mut book = Book::default();
        let mut drafts: BTreeMap<Key, Draft> = BTreeMap::new();
        let shapes = newest_shapes(left);
        for shape in shapes.values() {
            drafts.insert((shape.site.clone(), shape.file.clone()), Draft::of(shape));
        }
        for program in &left.programs {
            let own = book.current(program, &shapes);
            for line in program.processes.iter().flat_map(|process| &process.lines) {
                book.take(line, &own, &mut drafts);
            }
            for failed in standing(&program.processes) {
                book.fail(failed, &own, &mut drafts);
            }
        }
        book.unknown.sort();
        book.unknown.dedup();
        book.rows = drafts.into_values().map(Draft::row).collect();
        book
    }

    /// The sites of a program that are as the newest catalogue has them: name to key.
    fn current(&mut self, program: &Program, shapes: &BTreeMap<Key, Site>) -> BTreeMap<String, Key> {
        let mut own = BTreeMap::new();
        for site in sites(program) {
            let key = (site.site.clone(), site.file.clone());
            if shapes.get(&key) == Some(site) {
                own.insert(site.site.clone(), key);
            }
        }
        let mut stale: Vec<&str> = sites(program).map(|site| site.site.as_str()).collect();
        stale.retain(|name| !own.contains_key(*name));
        stale.sort_unstable();
        stale.dedup();
        self.stale.extend(stale.into_iter().map(|name| (name.to_owned(), program.name.clone())));
        own
    }

    fn take(&mut self, line: &Line, own: &BTreeMap<String, Key>, drafts: &mut BTreeMap<Key, Draft>) {
        let site = match line {
            Line::Build { .. } | Line::Site(_) | Line::Failed(_) => return,
            Line::Fallible { site }
            | Line::Moment { site, .. }
            | Line::Case { site, .. }
            | Line::Exit { site, .. }
            | Line::Asserted { site, .. } => site,
        };
        match (own.get(site).and_then(|key| drafts.get_mut(key)), line) {
            (Some(draft), line) => draft.take(line),
            (None, Line::Exit { .. } | Line::Asserted { .. }) => self.stranger(site),
            // Cases also strike places that are no sites.
            (None, _) => {}
        }
    }

    /// An end under a name that this program's catalogue does not have, or has in an old shape.
    fn stranger(&mut self, site: &str) {
        if !self.stale.iter().any(|(name, _)| name == site) {
            self.unknown.push(site.to_owned());
        }
    }

    /// No failure is dropped: one that belongs to no site has a row of its own.
    fn fail(&mut self, failed: &Failed, own: &BTreeMap<String, Key>, drafts: &mut BTreeMap<Key, Draft>) {
        let key = own.get(&failed.site).cloned().unwrap_or_else(|| (failed.site.clone(), String::new()));
        let draft = drafts.entry(key).or_insert_with(|| Draft::nowhere(&failed.site));
        let column = Column::struck_by(failed.kind);
        let Failed { test, case, broke, replay, .. } = failed.clone();
        draft.row.cells[column as usize] = Cell::Failed;
        draft.row.failures.push(Failure { column, test, case, broke, replay });
    }
}

fn sites(program: &Program) -> impl Iterator<Item = &Site> {
    program.processes.iter().flat_map(|process| &process.lines).filter_map(|line| match line {
        Line::Site(site) => Some(site),
        _ => None,
    })
}

/// Programs stand from the oldest build to the newest, so that the last word is the newest one.
fn newest_shapes(left: &Left) -> BTreeMap<Key, Site> {
    let mut shapes = BTreeMap::new();
    for program in &left.programs {
        for site in sites(program) {
            shapes.insert((site.site.clone(), site.file.clone()), site.clone());
        }
    }
    shapes
}

/// The latest run of a case decides: failures that no later process of the same build has seen pass.
fn standing(processes: &[Process]) -> Vec<&Failed> {
    let mut standing: BTreeMap<(&str, &str), &Failed> = BTreeMap::new();
    for process in processes {
        for line in &process.lines {
            if let Line::Case { test, case, .. } = line {
                standing.remove(&(test.as_str(), case.as_str()));
            }
        }
        for line in &process.lines {
            if let Line::Failed(failed) = line {
                standing.insert((&failed.test, &failed.case), failed);
            }
        }
    }
    standing.into_values().collect()
}

impl Draft {
    fn of(site: &Site) -> Draft {
        let is_async = site.form == Form::Async;
        let cancelled = if is_async { Cell::Never } else { Cell::Impossible };
        let lines =
            |lines: &[u32]| lines.iter().map(|line| (if *line == 0 { site.at } else { *line }, false)).collect();
        let row = Row {
            site: site.site.clone(),
            node: site.node.clone(),
            file: plain(&site.file),
            line: site.at,
            is_async,
            cells: [Cell::Never, Cell::Never, Cell::Never, cancelled, Cell::Never, Cell::Never],
            awaits: lines(&site.awaits),
            questions: lines(&site.questions),
            mute: Vec::new(),
            blind: site.blind.clone(),
            failures: Vec::new(),
        };
        Draft { row, is_fallible: false, is_begun: false, cut: BTreeSet::new(), fired: BTreeSet::new() }
    }

    fn nowhere(place: &str) -> Draft {
        let row = Row {
            site: place.to_owned(),
            node: String::new(),
            file: String::new(),
            line: 0,
            is_async: false,
            cells: [Cell::Impossible; 6],
            awaits: Vec::new(),
            questions: Vec::new(),
            mute: Vec::new(),
            blind: Vec::new(),
            failures: Vec::new(),
        };
        Draft { row, is_fallible: true, is_begun: false, cut: BTreeSet::new(), fired: BTreeSet::new() }
    }

    fn take(&mut self, line: &Line) {
        match line {
            Line::Build { .. } | Line::Site(_) | Line::Failed(_) => {}
            Line::Fallible { .. } => self.is_fallible = true,
            Line::Moment { phase, can_fail, .. } => self.moment(phase, *can_fail),
            Line::Case { fired: false, .. } => {}
            Line::Case { phase, kind, .. } => self.case(phase, *kind),
            Line::Exit { exit, grade, kind, .. } => self.see(Column::of(*exit, *kind), *grade),
            Line::Asserted { exit, kind, .. } => self.see(Column::of(*exit, *kind), Grade::Asserted),
        }
    }

    fn see(&mut self, column: Column, grade: Grade) {
        let cell = &mut self.row.cells[column as usize];
        *cell = match *cell {
            Cell::Failed => Cell::Failed,
            Cell::Seen(known) => Cell::Seen(known.max(grade)),
            Cell::Never | Cell::Impossible => Cell::Seen(grade),
        };
    }

    fn moment(&mut self, phase: &str, can_fail: bool) {
        let around_the_body = matches!(phase, "after-begin" | "before-complete");
        self.is_begun |= around_the_body;
        self.is_fallible |= around_the_body && can_fail;
        if let Some(line) = question(phase).and_then(|nth| self.row.questions.get(nth)).filter(|_| !can_fail) {
            let line = line.0;
            if !self.row.mute.contains(&line) {
                self.row.mute.push(line);
            }
        }
    }

    fn case(&mut self, phase: &str, kind: Fault) {
        match kind {
            Fault::Cancel => {
                self.cut.insert(phase.to_owned());
            }
            Fault::Error => {
                self.fired.insert(phase.to_owned());
            }
            // The body never ran, so no end tells of it: its caller was refused.
            Fault::RefusedBegin => self.see(Column::Store, Grade::Origin),
            _ => {}
        }
    }

    /// The row, now that every line was seen.
    fn row(self) -> Row {
        let Draft { mut row, is_fallible, is_begun, cut, fired } = self;
        let error = &mut row.cells[Column::Error as usize];
        // Before anybody has entered it nobody knows whether it can fail; then it counts as untested.
        if *error == Cell::Never && is_begun && !is_fallible {
            *error = Cell::Impossible;
        }
        for (nth, (_, done)) in row.awaits.iter_mut().enumerate() {
            *done = cut.contains(&format!("before-await-{nth}")) && cut.contains(&format!("after-await-{nth}"));
        }
        for (nth, (_, done)) in row.questions.iter_mut().enumerate() {
            *done = fired.contains(&format!("question-{nth}"));
        }
        row.failures.sort_by(|a, b| (a.column, &a.case, &a.test).cmp(&(b.column, &b.case, &b.test)));
        row
    }
}

/// The path without its detours: `tests/lab/../../examples` is `examples`.
fn plain(file: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in file.split('/') {
        match part {
            "." => {}
            ".." if parts.last().is_some_and(|last| !matches!(*last, "" | "..")) => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn question(phase: &str) -> Option<usize> {
    phase.strip_prefix("question-")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_told_without_its_detours() {
        assert_eq!(plain("tests/lab/../../examples/a.rs"), "examples/a.rs");
        assert_eq!(plain("./a/./b.rs"), "a/b.rs");
        assert_eq!(plain("../../b.rs"), "../../b.rs");
        assert_eq!(plain("/a/../b.rs"), "/b.rs");
    }

    #[test]
    fn shares_are_compared_without_rounding() {
        let of = |covered, of| Tally { covered, of };
        assert!(of(2, 3).is_below(of(3, 4)) && !of(3, 4).is_below(of(2, 3)) && !of(2, 4).is_below(of(1, 2)));
        assert!(!of(0, 0).is_below(of(1, 1)), "what is gone has not fallen");
    }
}
