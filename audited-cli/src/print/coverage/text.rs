//! The table. At 80 columns a site's name is cut from the left; wide terminals also show where it stands.

use audit_runtime::trail::Finding;

use super::{Mark, Shown, blind_spots};
use crate::coverage::{Column, Failure, Measure, Row, Tally};
use crate::out::{Page, Tone, fit_end};
use crate::print::findings;

/// Headings and widths of the cells, which stand at the right.
const HEADS: [(&str, usize); 8] =
    [("ok", 3), ("error", 6), ("panic", 6), ("cancel", 7), ("kill", 5), ("store", 6), ("awaits", 8), ("?s", 8)];
/// From here on there is room for the place.
const WIDE: usize = 110;
/// Failures of one cell that are printed.
const SHOWN: usize = 3;

pub(super) fn table(shown: &Shown<'_>) -> Page {
    let mut page = Page::default();
    let judged = shown.judged;
    let cells: usize = HEADS.iter().map(|(_, width)| width).sum();
    let left = shown.width.max(60) - cells;
    let (name, place) = if shown.width >= WIDE { (left * 3 / 5, left - left * 3 / 5) } else { (left, 0) };
    let mut title = format!("{:<left$}", "failure paths");
    for (head, width) in HEADS {
        title.push_str(&format!("{head:>width$}"));
    }
    page.line(Tone::Bold, title);
    for (at, row) in judged.rows.iter().enumerate() {
        let mut pieces = vec![(Tone::Plain, format!("{:<name$}", fit_end(&row.site, name - 1)))];
        if place > 0 {
            let stands = if row.is_site() { row.place() } else { String::new() };
            pieces.push((Tone::Dim, format!("{:<place$}", fit_end(&stands, place - 1))));
        }
        for (column, (_, width)) in Column::ALL.into_iter().zip(HEADS) {
            let mark = Mark::of(judged, at, column);
            pieces.push((tone(mark), format!("{:>width$}", mark.letter())));
        }
        for (measure, (_, width)) in [Measure::Awaits, Measure::Questions].into_iter().zip(&HEADS[6..]) {
            pieces.push(share(row.tally(measure), *width));
        }
        page.spans(pieces);
    }
    totals(&mut page, shown, left);
    page.line(Tone::Dim, legend(0..4));
    page.line(Tone::Dim, legend(4..8));
    for row in judged.rows.iter().filter(|row| !row.failures.is_empty()) {
        red(&mut page, row);
    }
    let spots = blind_spots(judged);
    if !spots.is_empty() {
        page.gap();
        page.line(Tone::Bold, "blind spots");
        spots.iter().for_each(|(what, place)| page.pieces([(Tone::Plain, format!("  {place}  {what}"))]));
    }
    told(&mut page, shown);
    page
}

fn tone(mark: Mark) -> Tone {
    match mark {
        Mark::Impossible | Mark::Excused => Tone::Dim,
        Mark::Never => Tone::Unknown,
        Mark::Failed => Tone::Bad,
        Mark::Seen(crate::coverage::Grade::Passed) => Tone::Plain,
        Mark::Seen(_) => Tone::Good,
    }
}

fn share(tally: Tally, width: usize) -> (Tone, String) {
    if tally.of == 0 {
        return (Tone::Dim, format!("{:>width$}", '·'));
    }
    let tone = if tally.covered < tally.of { Tone::Unknown } else { Tone::Good };
    (tone, format!("{:>width$}", format!("{}/{}", tally.covered, tally.of)))
}

fn legend(marks: std::ops::Range<usize>) -> String {
    let text = |mark: &Mark| format!("{} {}", mark.letter(), mark.name());
    Mark::all()[marks].iter().map(text).collect::<Vec<_>>().join("   ")
}

fn totals(page: &mut Page, shown: &Shown<'_>, left: usize) {
    let judged = shown.judged;
    let total = judged.tally(Measure::Total);
    let text = format!("TOTAL {} of {} cells, {:.1} %", total.covered, total.of, total.percent());
    let mut pieces = vec![(Tone::Bold, format!("{text:<left$}"))];
    let measures = Column::ALL.into_iter().map(Measure::Of).chain([Measure::Awaits, Measure::Questions]);
    for (measure, (_, width)) in measures.zip(HEADS) {
        let tally = judged.tally(measure);
        let text = match measure {
            _ if tally.of == 0 => "·".to_owned(),
            Measure::Awaits | Measure::Questions => format!("{}/{}", tally.covered, tally.of),
            // A share that is cut off never reads as all of it.
            _ => format!("{:.0}%", tally.percent().floor()),
        };
        let text = if text.chars().count() >= width { text.trim_end_matches('%').to_owned() } else { text };
        pieces.push((Tone::Bold, format!("{text:>width$}")));
    }
    page.spans(pieces);
}

fn red(page: &mut Page, row: &Row) {
    for column in Column::ALL {
        let failures: Vec<&Failure> = row.failures.iter().filter(|failure| failure.column == column).collect();
        if failures.is_empty() {
            continue;
        }
        page.gap();
        let place = if row.is_site() { format!("  {}", row.place()) } else { String::new() };
        let head = format!("! {}  {}  {} failed", row.site, column.name(), failures.len());
        page.pieces([(Tone::Bad, head), (Tone::Dim, place)]);
        for failure in failures.iter().take(SHOWN) {
            page.plain(format!("  case   {}", failure.case));
            failure
                .broke
                .iter()
                .flat_map(|broke| broke.lines())
                .for_each(|line| page.plain(format!("  broke  {line}")));
            page.plain(format!("  replay {}", failure.replay));
        }
        failures.iter().skip(SHOWN).for_each(|failure| page.line(Tone::Dim, format!("  and    {}", failure.case)));
    }
}

/// What was read, and what is wrong. Red cells stand above with their replays; sites that nobody has entered in one list.
fn told(page: &mut Page, shown: &Shown<'_>) {
    let (never, rest): (Vec<&Finding>, Vec<&Finding>) =
        shown.judged.findings.iter().partition(|found| found.rule == "NEVER");
    let rest: Vec<Finding> = rest.into_iter().filter(|found| found.rule != "FAILED").cloned().collect();
    if !never.is_empty() {
        page.gap();
        page.line(Tone::Bold, "never observed");
        let names: Vec<String> = never.iter().map(|found| fit_end(&found.id, 70)).collect();
        page.wrapped(&names.join(", "), "  ", "  ");
    }
    page.gap();
    findings(page, &rest);
    let left = shown.left;
    let older = if left.older == 0 { String::new() } else { format!("; {} of older builds left out", left.older) };
    let processes: usize = left.programs.iter().map(|program| program.processes.len()).sum();
    let excuses = match shown.judged.excuses() {
        0 => String::new(),
        n => format!("; {n} excused"),
    };
    let text = format!("{} programs, {processes} processes{older}{excuses}", left.programs.len());
    page.line(Tone::Dim, text);
}
