//! Everything that the table shows, and everything behind it.

use audit_runtime::trail::Json;

use super::{Mark, Shown, blind_spots};
use crate::coverage::{Column, Failure, Row};

pub(super) fn item(shown: &Shown<'_>) -> Json {
    let judged = shown.judged;
    let tallies = judged.tallies.iter().map(|(measure, tally, floor)| {
        let percent = Json::Float((tally.percent() * 100.0).round() / 100.0);
        let floor = floor.map_or(Json::Null, Json::Float);
        let members =
            [("covered", tally.covered.into()), ("of", tally.of.into()), ("percent", percent), ("floor", floor)];
        (measure.name().to_owned(), Json::object(members))
    });
    let programs = shown.left.programs.iter().map(|program| {
        let processes = program.processes.len() as u64;
        Json::object([("program", program.name.as_str().into()), ("processes", processes.into())])
    });
    let spots = blind_spots(judged)
        .into_iter()
        .map(|(what, place)| Json::object([("message", what.into()), ("place", place.into())]));
    Json::object([
        ("today", shown.today.into()),
        ("tallies", Json::Object(tallies.collect())),
        ("sites", Json::List((0..judged.rows.len()).map(|at| row(shown, at)).collect())),
        ("blind_spots", Json::List(spots.collect())),
        ("programs", Json::List(programs.collect())),
        ("files", (shown.left.files as u64).into()),
        ("older_processes_left_out", (shown.left.older as u64).into()),
    ])
}

fn row(shown: &Shown<'_>, at: usize) -> Json {
    let row: &Row = shown.judged.rows[at];
    let cells =
        Column::ALL.map(|column| (column.name().to_owned(), Json::from(Mark::of(shown.judged, at, column).name())));
    let form = if row.is_async { "async" } else { "sync" };
    let stated = |text: &str| if text.is_empty() { Json::Null } else { text.into() };
    Json::object([
        ("site", row.site.as_str().into()),
        ("node", stated(&row.node)),
        ("place", if row.is_site() { row.place().into() } else { Json::Null }),
        ("form", if row.is_site() { form.into() } else { Json::Null }),
        ("observed", row.is_observed().into()),
        ("cells", Json::Object(cells.into())),
        ("awaits", lines(&row.awaits, "cut")),
        ("questions", lines(&row.questions, "fired")),
        ("failures", Json::List(row.failures.iter().map(failure).collect())),
    ])
}

fn lines(lines: &[(u32, bool)], done: &str) -> Json {
    let line = |(line, is_done): &(u32, bool)| Json::object([("line", (*line).into()), (done, (*is_done).into())]);
    Json::List(lines.iter().map(line).collect())
}

fn failure(failure: &Failure) -> Json {
    Json::object([
        ("kind", failure.column.name().into()),
        ("test", failure.test.as_str().into()),
        ("case", failure.case.as_str().into()),
        ("broke", failure.broke.clone().into()),
        ("replay", failure.replay.as_str().into()),
    ])
}
