//! What falls short of what is asked. Red cells are problems whether a gate asks or not; cells that nobody tested are
//! problems only where a floor or a base says so.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use audit_runtime::trail::{Finding, Weight};

use super::base::Base;
use super::book::{Book, Cell, Row, Tally};
use super::column::{Column, Measure};
use super::gate::{Excuse, Gate, fits};
use super::left::Left;

/// The rows that are looked at, and what is wrong with them.
#[derive(Debug)]
pub(crate) struct Judged<'a> {
    pub(crate) rows: Vec<&'a Row>,
    /// Cells that an excuse stands for: the row's place in `rows`, and what of it.
    excused: BTreeSet<(usize, Measure)>,
    pub(crate) findings: Vec<Finding>,
    /// Each measure with its floor.
    pub(crate) tallies: Vec<(Measure, Tally, Option<f64>)>,
}

impl Judged<'_> {
    /// Whether an excuse stands for this cell of this row.
    pub(crate) fn is_excused(&self, row: usize, measure: Measure) -> bool {
        self.excused.contains(&(row, measure))
    }

    /// How many excuses are used.
    pub(crate) fn excuses(&self) -> usize {
        self.excused.len()
    }

    /// How much of a measure is covered in one row, without what is excused.
    fn of_row(&self, at: usize, measure: Measure) -> Tally {
        let tally = self.rows[at].tally(measure);
        match measure {
            Measure::Total => {
                let mut all = Tally::default();
                Column::ALL.into_iter().for_each(|column| all.add(self.of_row(at, Measure::Of(column))));
                all
            }
            _ if self.is_excused(at, measure) => Tally { of: tally.covered, ..tally },
            _ => tally,
        }
    }

    /// How much of a measure is covered.
    pub(crate) fn tally(&self, measure: Measure) -> Tally {
        let mut all = Tally::default();
        (0..self.rows.len()).for_each(|at| all.add(self.of_row(at, measure)));
        all
    }

    /// What a base file holds of it.
    pub(crate) fn base(&self) -> String {
        let tallies: Vec<_> = self.tallies.iter().map(|(measure, tally, _)| (*measure, *tally)).collect();
        Base::text(&self.rows, &tallies)
    }

    fn find(&mut self, rule: &'static str, weight: Weight, id: &str, message: String, place: Option<String>) {
        self.findings.push(Finding { rule, weight, id: id.to_owned(), message, place });
    }
}

/// Compares. `today` is `YYYY-MM-DD`.
pub(crate) fn judge<'a>(left: &Left, book: &'a Book, gate: &Gate, base: Option<&Base>, today: &str) -> Judged<'a> {
    let rows: Vec<&Row> = book.rows.iter().filter(|row| !row.is_site() || gate.wants(&row.site)).collect();
    let mut judged = Judged { rows, excused: BTreeSet::new(), findings: Vec::new(), tallies: Vec::new() };
    red(&mut judged);
    excuses(&mut judged, gate, today);
    judged.tallies = Measure::ALL
        .into_iter()
        .map(|measure| (measure, judged.tally(measure), gate.floors.get(&measure).copied()))
        .collect();
    floors(&mut judged);
    if let Some(base) = base {
        ratchet(&mut judged, base);
    }
    notes(&mut judged, left, book);
    judged.findings.sort_by_key(|found| Reverse(found.weight));
    judged
}

fn red(judged: &mut Judged<'_>) {
    for row in judged.rows.clone() {
        for column in Column::ALL.into_iter().filter(|column| row.cell(*column) == Cell::Failed) {
            let mut failures = row.failures.iter().filter(|failure| failure.column == column);
            let (Some(first), more) = (failures.next(), failures.count()) else { continue };
            let broke = first.broke.first().map_or("", String::as_str);
            let more = if more == 0 { String::new() } else { format!("; {more} more cases failed here") };
            let message = format!("{}: {}: {broke}{more}; replay: {}", column.name(), first.case, first.replay);
            let place = row.is_site().then(|| row.place());
            judged.find("FAILED", Weight::Problem, &row.site, message, place);
        }
    }
}

fn excuses(judged: &mut Judged<'_>, gate: &Gate, today: &str) {
    for excuse in &gate.excuses {
        let Excuse { site, kind, reason, expires, place } = excuse;
        if expires.as_str() < today {
            let message = format!("the excuse for {} (\"{reason}\") expired on {expires}", kind.name());
            judged.find("EXPIRED", Weight::Problem, site, message, Some(place.clone()));
            continue;
        }
        let meant: Vec<usize> = (0..judged.rows.len()).filter(|at| fits(site, &judged.rows[*at].site)).collect();
        let needed: Vec<usize> = meant.into_iter().filter(|at| is_open(judged.rows[*at], *kind)).collect();
        if needed.is_empty() {
            let message =
                format!("{} needs no excuse any more: it is covered, or cannot happen, or has failed", kind.name());
            judged.find("NEEDLESS", Weight::Note, site, message, Some(place.clone()));
        }
        judged.excused.extend(needed.into_iter().map(|at| (at, *kind)));
    }
}

/// Whether something of this kind was never tested. A red cell has no excuse.
fn is_open(row: &Row, kind: Measure) -> bool {
    match kind {
        Measure::Of(column) => row.cell(column) == Cell::Never,
        Measure::Awaits | Measure::Questions | Measure::Total => {
            let tally = row.tally(kind);
            tally.covered < tally.of
        }
    }
}

fn floors(judged: &mut Judged<'_>) {
    for (measure, tally, floor) in judged.tallies.clone() {
        let Some(floor) = floor.filter(|floor| tally.percent() < *floor) else { continue };
        let open: Vec<&str> = (0..judged.rows.len())
            .filter(|at| judged.of_row(*at, measure).covered < judged.of_row(*at, measure).of)
            .map(|at| judged.rows[at].site.as_str())
            .collect();
        let message = format!(
            "{:.1} % is covered, {} of {}; the floor is {floor} %; open: {}",
            tally.percent(),
            tally.covered,
            tally.of,
            listed(&open)
        );
        judged.find("FLOOR", Weight::Problem, measure.name(), message, None);
    }
}

/// At most six names.
fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 6;
    let shown = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{shown} and {} more", names.len() - SHOWN) } else { shown }
}

fn ratchet(judged: &mut Judged<'_>, base: &Base) {
    for (measure, now, _) in judged.tallies.clone() {
        let Some(before) = base.tally(measure).filter(|before| now.is_below(*before)) else { continue };
        let text = |tally: Tally| format!("{:.1} % ({} of {})", tally.percent(), tally.covered, tally.of);
        judged.find(
            "RATCHET",
            Weight::Problem,
            measure.name(),
            format!("fell from {} to {}", text(before), text(now)),
            None,
        );
    }
    for (at, row) in judged.rows.clone().into_iter().enumerate().filter(|(_, row)| row.is_site()) {
        let open = |column: &Column| {
            matches!(row.cell(*column), Cell::Never | Cell::Failed) && !judged.is_excused(at, Measure::Of(*column))
        };
        let (lost, new): (Vec<Column>, Vec<Column>) =
            Column::ALL.into_iter().filter(open).partition(|column| base.had(row, *column));
        let names = |columns: &[Column]| columns.iter().map(|column| column.name()).collect::<Vec<_>>().join(", ");
        if !lost.is_empty() {
            let message = format!("was covered and is not any more: {}", names(&lost));
            judged.find("RATCHET", Weight::Problem, &row.site, message, Some(row.place()));
        }
        if !new.is_empty() && !base.knows(row) {
            let message = format!("is new since the base, and not tested: {}", names(&new));
            judged.find("NEW", Weight::Note, &row.site, message, Some(row.place()));
        }
    }
}

fn notes(judged: &mut Judged<'_>, left: &Left, book: &Book) {
    for (place, why) in &left.corrupt {
        judged.find("CORRUPT", Weight::Note, "line", format!("left out: {why}"), Some(place.clone()));
    }
    for (site, program) in &book.stale {
        let message = format!("{program} was built with other code of it and counts for nothing here; run it again");
        judged.find("STALE", Weight::Note, site, message, None);
    }
    for site in &book.unknown {
        let message = "was recorded, and stands in no catalogue of these programs".to_owned();
        judged.find("UNKNOWN", Weight::Note, site, message, None);
    }
    for row in judged.rows.clone().into_iter().filter(|row| row.is_site() && !row.is_observed()) {
        let message = format!("node {} was never observed: no run has entered it", row.node);
        judged.find("NEVER", Weight::Note, &row.site, message, Some(row.place()));
    }
}
