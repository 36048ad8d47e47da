//! What opening the trail has settled.

use audit_runtime::recorder::Recovered;
use audit_runtime::trail::{Finding, Json, Weight};

use super::{counted, grouped};
use crate::answer::Answer;
use crate::out::{Page, Tone};

pub(crate) fn recovered(found: &Recovered) -> Answer {
    let mut page = Page::default();
    for stream in &found.streams {
        let text = format!(
            "{} of pid {}: {}; ABANDONED: {}, {}; {} terminals placed from the second sink, {} torn bytes",
            stream.stream,
            stream.pid,
            counted(stream.records, "record", "records"),
            counted(stream.abandoned, "entry", "entries"),
            counted(stream.runs.len() as u64, "run", "runs"),
            grouped(stream.placed),
            grouped(stream.torn_bytes)
        );
        page.wrapped(&text, "settled ", "    ");
    }
    let items = found.streams.iter().map(|stream| {
        Json::object([
            ("stream", stream.stream.text().into()),
            ("pid", u64::from(stream.pid).into()),
            ("records", stream.records.into()),
            ("abandoned", stream.abandoned.into()),
            ("runs", stream.runs.iter().map(|run| format!("{run:#}")).collect::<Vec<_>>().into()),
            ("placed", stream.placed.into()),
            ("torn_bytes", stream.torn_bytes.into()),
        ])
    });
    let left = found.unreadable.iter().map(|(stream, why)| {
        let message = format!("left as it is, because it cannot be read: {why}");
        Finding { rule: "UNREADABLE", weight: Weight::Problem, id: stream.text(), message, place: None }
    });
    let findings: Vec<Finding> = left.collect();
    super::findings(&mut page, &findings);
    if found.is_clean() {
        page.line(Tone::Good, "nothing to settle");
    }
    Answer { items: items.collect(), findings, page }
}
