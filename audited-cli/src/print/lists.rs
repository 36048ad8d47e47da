//! Runs, stories, records, findings, latencies, check-ups and verdicts.

use audit_runtime::trail::text::{duration, time};
use audit_runtime::trail::{
    Checkup, Entry, Finding, Governance, Json, Stats, Story, Sweep, Told, Trail, Verdict, Weight,
};

use std::collections::BTreeMap;

use super::{counted, findings, grouped, short};
use crate::answer::Answer;
use crate::out::{Page, Tone, fit, fit_end, tone_of};

pub(crate) fn runs(trail: &Trail) -> Result<Answer, audit_runtime::Error> {
    let runs = trail.runs()?;
    let mut page = Page::default();
    if runs.is_empty() {
        page.plain("no runs; entries outside of runs are in `audited stats`");
    } else {
        let title =
            format!("{:<14} {:<20} {:<20} {:>8} {:>6} {:>6}", "run", "name", "began", "entries", "failed", "open");
        page.line(Tone::Bold, title);
    }
    for run in &runs {
        let began = run.started_at.map_or_else(String::new, |at| time(at).chars().take(19).collect());
        page.plain(format!(
            "{:<14} {:<20} {:<20} {:>8} {:>6} {:>6}",
            short(trail, &run.id),
            fit(run.name.as_deref().unwrap_or("(unnamed)"), 20),
            began,
            grouped(run.counts.entries),
            grouped(run.counts.failed()),
            grouped(run.counts.open),
        ));
        let took = run.duration_ns.map_or_else(String::new, |ns| format!(" in {}", duration(ns)));
        let reason = run.reason.as_deref().map_or_else(String::new, |reason| format!(": {reason}"));
        page.pieces([
            (tone_of(&run.status), format!("  {}", run.standing())),
            (Tone::Dim, fit(&format!("{took}{reason}"), 48)),
        ]);
    }
    Ok(Answer { items: runs.iter().map(|run| run.json()).collect(), page, ..Answer::default() })
}

pub(crate) fn explain(story: &Story) -> Answer {
    let mut page = Page::default();
    for sentence in &story.sentences {
        page.wrapped(sentence, "", "  ");
    }
    Answer { items: vec![story.json()], page, ..Answer::default() }
}

pub(crate) fn record(told: &Told) -> Page {
    let mut page = Page::default();
    let member = |name: &str| told.line.get(name).and_then(Json::as_text).unwrap_or("").to_owned();
    let status = member("status");
    let exit = match member("exit") {
        exit if exit.is_empty() || exit == "returned" => String::new(),
        exit => format!("({exit})"),
    };
    let node = told.node.clone().unwrap_or_default();
    let words = ["error", "message", "reason", "name", "abandon_reason"].map(member);
    let words = words.iter().find(|text| !text.is_empty()).cloned().unwrap_or_default();
    page.pieces([
        (Tone::Dim, format!("{} ", time(told.wall_ns).get(11..23).unwrap_or(""))),
        (Tone::Plain, format!("{:<15} {:<15} ", fit(&told.id.to_string(), 15), fit(told.event_type, 15))),
        (tone_of(&status), format!("{status}{exit} ")),
        (Tone::Plain, format!("{} {words}", fit_end(&node, 30)).trim().to_owned()),
    ]);
    page
}

pub(crate) fn sweep(sweep: &Sweep) -> Answer {
    let mut page = Page::default();
    findings(&mut page, &sweep.findings);
    let found = match sweep.findings.len() {
        0 => "nothing found".to_owned(),
        n => counted(n as u64, "finding", "findings"),
    };
    let tone = if sweep.findings.is_empty() { Tone::Good } else { Tone::Bad };
    page.pieces([
        (tone, found),
        (
            Tone::Plain,
            format!(
                ": {}, {}, {} open",
                counted(sweep.runs, "run", "runs"),
                counted(sweep.entries, "entry", "entries"),
                grouped(sweep.open)
            ),
        ),
    ]);
    Answer { items: vec![sweep.json()], findings: sweep.findings.clone(), page }
}

/// Decisions and actions, where there are any.
fn governance(page: &mut Page, governance: &Governance) {
    let listed = |counts: &BTreeMap<String, u64>| {
        let texts: Vec<String> = counts.iter().map(|(name, n)| format!("{name} {}", grouped(*n))).collect();
        if texts.is_empty() { "none".to_owned() } else { texts.join(", ") }
    };
    if governance.is_empty() {
        return;
    }
    page.line(Tone::Bold, "decisions, actions, notes".to_owned());
    page.plain(format!("allowed {}; denied: {}", grouped(governance.allowed), listed(&governance.denied)));
    for action in &governance.actions {
        page.plain(format!(
            "{}: begun {}, succeeded {} (from a cache {}), failed: {}, blocked: {}, abandoned {}, open {}, late {}",
            action.action,
            grouped(action.attempts),
            grouped(action.succeeded),
            grouped(action.cached),
            listed(&action.failed),
            listed(&action.blocked),
            grouped(action.abandoned),
            grouped(action.open),
            grouped(action.late)
        ));
    }
    page.plain(format!("notes: {}", listed(&governance.notes)));
}

pub(crate) fn stats(trail: &Trail, stats: &Stats, governed: &Governance) -> Answer {
    let mut page = Page::default();
    let title = format!("{:<26} {:>8} {:>10} {:>10} {:>10} {:>10}", "node", "ended", "p50", "p95", "p99", "max");
    page.line(Tone::Bold, title);
    for node in &stats.nodes {
        page.plain(format!(
            "{:<26} {:>8} {:>10} {:>10} {:>10} {:>10}",
            fit_end(&node.node, 26),
            grouped(node.ended),
            duration(node.p50),
            duration(node.p95),
            duration(node.p99),
            duration(node.max)
        ));
        page.line(Tone::Dim, format!("  {}", histogram(&node.histogram)));
    }
    entries(&mut page, trail, "slowest entries", &stats.slowest);
    if stats.unended_count > 0 {
        let title = format!("never ended, or nobody knows how: {}", grouped(stats.unended_count));
        entries(&mut page, trail, &title, &stats.unended);
    }
    governance(&mut page, governed);
    let mut item = stats.json();
    if let Json::Object(members) = &mut item {
        members.push(("governance".to_owned(), governed.json()));
    }
    Answer { items: vec![item], page, ..Answer::default() }
}

/// How many entries took how long: one column a power of two, from the fastest to the slowest.
fn histogram(counts: &[u64]) -> String {
    const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let Some(first) = counts.iter().position(|n| *n > 0) else { return String::new() };
    let most = counts.iter().copied().max().unwrap_or(1).max(1);
    let level = |n: u64| if n == 0 { ' ' } else { LEVELS[((n * 7).div_ceil(most) as usize).min(7)] };
    let bars: String = counts[first..].iter().map(|n| level(*n)).collect();
    let edge = |n: usize| duration(1u64.checked_shl(n as u32).unwrap_or(u64::MAX));
    format!("{} {bars} {}", edge(first.saturating_sub(1)), edge(counts.len() - 1))
}

fn entries(page: &mut Page, trail: &Trail, title: &str, list: &[Entry]) {
    page.gap();
    page.line(Tone::Bold, title);
    for entry in list {
        let took = entry.duration_ns.map_or_else(|| "?".to_owned(), duration);
        let place = entry.place.as_deref().unwrap_or("");
        page.pieces([
            (
                Tone::Plain,
                format!("{took:>10}  {:<14} {:<18} ", short(trail, &entry.id), fit_end(entry.node_name(), 18)),
            ),
            (tone_of(&entry.status), format!("{:<9}", entry.status)),
            (Tone::Dim, format!(" {}", fit_end(place, 24))),
        ]);
    }
}

pub(crate) fn doctor(checkup: &Checkup) -> Answer {
    let mut page = Page::default();
    for (name, value) in &checkup.facts {
        let value = value.as_text().map_or_else(|| value.to_string(), str::to_owned);
        // The name of a setting is its variable's name.
        let is_setting = name.chars().any(|c| c.is_ascii_uppercase());
        let name = if is_setting { (*name).to_owned() } else { name.replace('_', " ") };
        page.pieces([(Tone::Dim, format!("{name:<24} ")), (Tone::Plain, value)]);
    }
    page.gap();
    findings(&mut page, &checkup.findings);
    if checkup.findings.iter().all(|finding| finding.weight == Weight::Note) {
        page.line(Tone::Good, "in order");
    }
    Answer { items: vec![checkup.json()], findings: checkup.findings.clone(), page }
}

pub(crate) fn verify(verdict: &Verdict) -> Answer {
    let mut page = Page::default();
    for stream in &verdict.streams {
        let mut more = String::new();
        if stream.torn_bytes > 0 {
            more.push_str(&format!("  {} torn bytes", stream.torn_bytes));
        }
        if stream.unknown > 0 {
            more.push_str(&format!("  {} of unknown kind", stream.unknown));
        }
        page.pieces([
            (Tone::Plain, format!("{}  {:>12} records  ", stream.stream.text(), grouped(stream.records))),
            (tone_of(stream.ending.name()), stream.ending.name().to_owned()),
            (Tone::Dim, more),
        ]);
    }
    findings(&mut page, &verdict.findings);
    let problems = |finding: &&Finding| finding.weight == Weight::Problem;
    match verdict.first_bad {
        Some((stream, seq)) => {
            page.line(Tone::Bad, format!("VIOLATED: the first bad record is {seq} of stream {}", stream.text()));
        }
        None if !verdict.is_intact() => page.line(Tone::Bad, "VIOLATED"),
        None if verdict.findings.iter().any(|f| problems(&f)) => {
            page.line(Tone::Unknown, format!("intact as far as attested: {} records", grouped(verdict.records())));
        }
        None => page.line(Tone::Good, format!("intact: {} records", grouped(verdict.records()))),
    }
    let items = verdict.streams.iter().map(|stream| stream.json()).collect();
    Answer { items, findings: verdict.findings.clone(), page }
}

pub(crate) fn rebuilt(records: u64) -> Answer {
    let mut page = Page::default();
    page.plain(format!("projected {} records", grouped(records)));
    Answer { items: vec![Json::object([("records", records.into())])], page, ..Answer::default() }
}
