//! A run's contract: the scoreboard, and who is amiss; and the numbers of all runs.

use audit_runtime::contract::{Report, Verdict};
use audit_runtime::governance::Metrics;
use audit_runtime::trail::Trail;

use super::{findings, grouped};
use crate::answer::Answer;
use crate::out::{Page, Tone};

pub(crate) fn reconcile(trail: &Trail, report: &Report) -> Answer {
    let mut page = Page::default();
    let tone = match report.verdict {
        Verdict::Pass => Tone::Good,
        Verdict::Fail => Tone::Bad,
        _ => Tone::Unknown,
    };
    page.pieces([
        (tone, report.verdict.name().to_owned()),
        (Tone::Plain, format!("  run {}, {}", trail.short(report.run.0), report.label())),
    ]);
    let counts = &report.counts;
    let row = [
        ("expected", counts.expected),
        ("acked", counts.acked),
        ("missing", counts.missing),
        ("late", counts.late),
        ("drift", counts.drift),
        ("duplicate", counts.duplicate),
    ];
    let cells: Vec<String> = row.iter().map(|(name, n)| format!("{name} {}", grouped(*n as u64))).collect();
    page.plain(cells.join("  "));
    let amiss = report.findings();
    findings(&mut page, &amiss);
    Answer { items: vec![report.json()], findings: amiss, page }
}

/// The text is made for a machine: nothing of it is wrapped.
pub(crate) fn metrics(metrics: &Metrics) -> Answer {
    let mut page = Page::default();
    metrics.to_string().lines().for_each(|line| page.plain(line));
    Answer { items: metrics.json(), page, ..Answer::default() }
}
