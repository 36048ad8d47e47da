//! Purges and holds.

use audit_runtime::retention::PurgeReport;
use audit_runtime::trail::{Json, Trail, text::time};
use audit_runtime::{Error, Id};

use super::{grouped, short};
use crate::answer::Answer;
use crate::out::{Page, Tone};

pub(crate) fn purge(report: &PurgeReport) -> Answer {
    let mut page = Page::default();
    let (verb, purge) = match report.purge {
        Some(id) => ("removed", format!("purge {id}: ")),
        None => ("would remove", String::new()),
    };
    page.pieces([
        (Tone::Bold, purge),
        (
            Tone::Plain,
            format!(
                "{verb} {} payloads ({} bytes) of {} runs that ended before {}",
                grouped(report.payloads),
                grouped(report.bytes),
                grouped(report.runs),
                time(report.before_ns)
            ),
        ),
    ]);
    let kept = [
        (report.shared, "payloads stay: a younger run names them too"),
        (report.held, "runs stay: they are held"),
        (report.unnamed, "files besides, which no record names"),
    ];
    for (n, what) in kept.into_iter().filter(|(n, _)| *n > 0) {
        page.plain(format!("{:>8} {what}", grouped(n)));
    }
    Answer { items: vec![report.json()], page, ..Answer::default() }
}

pub(crate) fn held(record: Id) -> Answer {
    let mut page = Page::default();
    page.plain(format!("recorded as {record}"));
    Answer { items: vec![Json::object([("record", format!("{record:#}").into())])], page, ..Answer::default() }
}

pub(crate) fn holds(trail: &Trail) -> Result<Answer, Error> {
    let holds = trail.holds()?;
    let mut page = Page::default();
    if holds.is_empty() {
        page.plain("no holds");
    }
    for hold in &holds {
        page.pieces([
            (Tone::Bold, format!("{:<14}", short(trail, &hold.id))),
            (Tone::Plain, format!(" run {}  since {}", short(trail, &hold.run), time(hold.at))),
        ]);
        page.wrapped(&format!("{}: {}", hold.authority, hold.reason), "    ", "    ");
    }
    Ok(Answer { items: holds.iter().map(audit_runtime::trail::Hold::json).collect(), page, ..Answer::default() })
}
