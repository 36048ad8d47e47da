//! One run: its nodes, and its entries as a tree with a waterfall.

use std::collections::HashMap;

use audit_runtime::trail::text::{duration, time};
use audit_runtime::trail::{Entry, RunStory, Trail};

use super::{grouped, short};
use crate::answer::Answer;
use crate::out::{Page, Tone, fit, fit_end, tone_of};

/// Columns of a waterfall's bar.
const BAR: usize = 22;

pub(crate) fn show(trail: &Trail, story: &RunStory) -> Answer {
    let mut page = Page::default();
    head(&mut page, trail, story);
    nodes(&mut page, story);
    waterfall(&mut page, trail, story);
    failures(&mut page, trail, story);
    Answer { items: vec![story.json()], page, ..Answer::default() }
}

/// What the first failures said, drawn above or not: who looks at a run at night wants the words.
fn failures(page: &mut Page, trail: &Trail, story: &RunStory) {
    let (told, all) = (story.failures.len() as u64, story.run.counts.failed() + story.run.counts.abandoned);
    if told == 0 {
        return;
    }
    page.gap();
    let title = if told < all {
        format!("not COMPLETED, the first {told} of {}", grouped(all))
    } else {
        "not COMPLETED".into()
    };
    page.line(Tone::Bold, title);
    for entry in &story.failures {
        let error = entry.error.as_deref().unwrap_or("outcome unknown");
        let status = entry.exit.as_deref().unwrap_or(&entry.status);
        page.wrapped(&format!("{} {} {status}: {error}", short(trail, &entry.id), entry.node_name()), "  ", "      ");
    }
}

fn head(page: &mut Page, trail: &Trail, story: &RunStory) {
    let run = &story.run;
    let standing = run.standing();
    page.pieces([
        (Tone::Bold, format!("run {}", short(trail, &run.id))),
        (Tone::Plain, format!("  {}  ", run.name.as_deref().unwrap_or("(unnamed)"))),
        (tone_of(&run.status), standing),
        (Tone::Plain, run.duration_ns.map_or_else(String::new, |ns| format!("  in {}", duration(ns)))),
    ]);
    if let Some(at) = run.started_at {
        let actor = run.actor.as_deref().map_or_else(String::new, |actor| format!(" by {actor}"));
        page.line(Tone::Dim, format!("begun {}{actor}", time(at)));
    }
    for resume in &story.resumes {
        let prior = resume.prior_status.as_deref().unwrap_or("left");
        let actor = resume.actor.as_deref().map_or_else(String::new, |actor| format!(" by {actor}"));
        let tokens = resume.redriven.unwrap_or(0);
        page.line(Tone::Dim, format!("resumed {}{actor}, was {prior}, {tokens} tokens driven again", time(resume.at)));
    }
    if let Some(reason) = &run.reason {
        page.wrapped(&format!("reason: {reason}"), "", "  ");
    }
    if let Some(grade) = story.replay {
        page.line(Tone::Dim, format!("replay: {}", grade.name()));
    }
}

fn nodes(page: &mut Page, story: &RunStory) {
    page.gap();
    let titles = ["entries", "completed", "failed", "abandoned", "open"];
    let [entries, completed, failed, abandoned, open] = titles;
    let title = format!("{:<33} {entries:>9} {completed:>9} {failed:>7} {abandoned:>9} {open:>6}", "node");
    page.line(Tone::Bold, title);
    for node in &story.nodes {
        let c = &node.counts;
        let name = fit_end(&node.node, 33);
        page.plain(format!(
            "{name:<33} {:>9} {:>9} {:>7} {:>9} {:>6}",
            grouped(c.entries),
            grouped(c.completed),
            grouped(c.failed()),
            grouped(c.abandoned),
            grouped(c.open)
        ));
    }
}

fn waterfall(page: &mut Page, trail: &Trail, story: &RunStory) {
    if story.entries.is_empty() {
        return;
    }
    page.gap();
    let (drawn, all) = (story.entries.len() as u64, story.run.counts.entries);
    let shown =
        if drawn < all { format!("first {} of {} entries", grouped(drawn), grouped(all)) } else { "entries".into() };
    page.line(Tone::Bold, shown);
    let span = Span::of(&story.entries);
    for (depth, entry) in tree(&story.entries) {
        let id = fit(&short(trail, &entry.id), 14);
        let name = format!("{}{}", "  ".repeat(depth.min(8)), entry.node_name());
        let took = match entry.duration_ns {
            Some(ns) => duration(ns),
            None => "?".to_owned(),
        };
        let exit = match (entry.status.as_str(), entry.exit.as_deref()) {
            ("COMPLETED", _) => String::new(),
            ("FAILED", Some(exit)) => exit.to_owned(),
            (status, _) => status.to_owned(),
        };
        page.pieces([
            (Tone::Dim, format!("{id:<14} ")),
            (Tone::Plain, format!("{:<20} ", fit(&name, 20))),
            (tone_of(&entry.status), format!("{:<9} ", fit(&exit, 9))),
            (Tone::Plain, format!("{:>9} ", fit(&took, 9))),
            (tone_of(&entry.status), span.bar(entry)),
        ]);
    }
}

/// The time that the drawn entries cover.
struct Span {
    from: i64,
    ns: i64,
}

impl Span {
    fn of(entries: &[Entry]) -> Span {
        let from = entries.iter().filter_map(|entry| entry.opened_at).min().unwrap_or(0);
        let to = entries.iter().filter_map(end_of).max().unwrap_or(from);
        Span { from, ns: (to - from).max(1) }
    }

    /// Filled while the entry ran; dotted to the end when nobody knows how long it did.
    fn bar(&self, entry: &Entry) -> String {
        let column =
            |at: i64| ((at - self.from) as i128 * (BAR as i128 - 1) / self.ns as i128).clamp(0, BAR as i128 - 1);
        let from = column(entry.opened_at.unwrap_or(self.from)) as usize;
        let (to, mark) = match end_of(entry) {
            Some(end) if entry.status != "ABANDONED" => (column(end) as usize, '█'),
            _ => (BAR - 1, '░'),
        };
        let filled = to.max(from) - from + 1;
        format!("{}{}", " ".repeat(from), mark.to_string().repeat(filled))
    }
}

fn end_of(entry: &Entry) -> Option<i64> {
    let took = i64::try_from(entry.duration_ns?).ok()?;
    entry.opened_at?.checked_add(took)
}

/// Entries below the one they were entered from, each with its depth.
fn tree(entries: &[Entry]) -> Vec<(usize, &Entry)> {
    let known: HashMap<&str, usize> = entries.iter().enumerate().map(|(at, e)| (e.id.as_str(), at)).collect();
    let mut below: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut stack: Vec<(usize, usize)> = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        match entry.parent.as_deref().and_then(|parent| known.get(parent)).filter(|parent| **parent != at) {
            Some(parent) => below.entry(*parent).or_default().push(at),
            None => stack.push((0, at)),
        }
    }
    stack.reverse();
    let mut drawn = Vec::with_capacity(entries.len());
    while let Some((depth, at)) = stack.pop() {
        drawn.push((depth, &entries[at]));
        let children = below.remove(&at).unwrap_or_default();
        stack.extend(children.into_iter().rev().map(|child| (depth + 1, child)));
    }
    drawn
}
