//! Failure-path coverage as text, JSON, a page and JUnit: the same rows in four forms.

mod html;
mod json;
mod junit;
mod text;

pub(crate) use html::page as html;
pub(crate) use junit::suites as junit;

use crate::answer::Answer;
use crate::coverage::{Cell, Column, Judged, Left, Measure};

/// What is told, and how.
pub(crate) struct Shown<'a> {
    pub(crate) left: &'a Left,
    pub(crate) judged: &'a Judged<'a>,
    /// `YYYY-MM-DD`.
    pub(crate) today: &'a str,
    /// Columns of the terminal.
    pub(crate) width: usize,
}

pub(crate) fn coverage(shown: &Shown<'_>) -> Answer {
    Answer { items: vec![json::item(shown)], findings: shown.judged.findings.clone(), page: text::table(shown) }
}

/// What stands in a cell, for a column of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Impossible,
    Excused,
    Never,
    Failed,
    Seen(crate::coverage::Grade),
}

impl Mark {
    fn of(judged: &Judged<'_>, row: usize, column: Column) -> Mark {
        match judged.rows[row].cell(column) {
            Cell::Impossible => Mark::Impossible,
            Cell::Failed => Mark::Failed,
            Cell::Seen(grade) => Mark::Seen(grade),
            Cell::Never if judged.is_excused(row, Measure::Of(column)) => Mark::Excused,
            Cell::Never => Mark::Never,
        }
    }

    fn letter(self) -> char {
        match self {
            Mark::Impossible => '·',
            Mark::Excused => 'x',
            Mark::Never => '-',
            Mark::Failed => '!',
            Mark::Seen(grade) => grade.letter(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Mark::Impossible => "impossible",
            Mark::Excused => "excused",
            Mark::Never => "never",
            Mark::Failed => "failed",
            Mark::Seen(grade) => grade.name(),
        }
    }

    fn meaning(self) -> &'static str {
        match self {
            Mark::Impossible => "cannot happen",
            Mark::Excused => "an excuse stands for it",
            Mark::Never => "never tested",
            Mark::Failed => "a case broke a promise, or never fired",
            Mark::Seen(grade) => grade.meaning(),
        }
    }

    /// In the order of a legend.
    fn all() -> Vec<Mark> {
        let seen = crate::coverage::Grade::ALL.into_iter().map(Mark::Seen);
        seen.chain([Mark::Never, Mark::Failed, Mark::Excused, Mark::Impossible]).collect()
    }
}

/// Places at which nothing can be made to happen, or at which nothing was: text and `file:line`.
fn blind_spots(judged: &Judged<'_>) -> Vec<(String, String)> {
    let mut spots = Vec::new();
    for row in judged.rows.iter().filter(|row| row.is_site()) {
        let at = |line: &dyn std::fmt::Display| format!("{}:{line}", row.file);
        for blind in &row.blind {
            let (line, name) = blind.split_once(' ').unwrap_or(("0", blind));
            spots.push((format!("{name}! is not seen into"), at(&line)));
        }
        spots.extend(row.mute.iter().map(|line| ("the error of this `?` cannot be made here".to_owned(), at(line))));
        if !row.is_observed() {
            continue;
        }
        let open =
            |lines: &[(u32, bool)]| lines.iter().filter(|(_, done)| !done).map(|(line, _)| *line).collect::<Vec<_>>();
        spots.extend(
            open(&row.awaits).iter().map(|line| ("this await was never cut on both sides".to_owned(), at(line))),
        );
        let silent = open(&row.questions).into_iter().filter(|line| !row.mute.contains(line));
        spots.extend(silent.map(|line| ("this `?` was never made to fail".to_owned(), at(&line))));
    }
    spots.dedup();
    spots
}

/// What stands for a character that is a sign of HTML and of XML.
const fn entity(c: char) -> Option<&'static str> {
    match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '"' => Some("&quot;"),
        _ => None,
    }
}
