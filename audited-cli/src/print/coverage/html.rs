//! One page that needs nothing but itself: no script, no font, no picture from elsewhere. What comes from outside is
//! escaped; letters stand in the cells, so that the map is read without its colours too.

use super::{Mark, Shown, blind_spots, entity};
use crate::coverage::{Column, Failure, Measure, Row, Tally};

const STYLE: &str = include_str!("page.css");

/// Appends.
macro_rules! put {
    ($out:expr, $($text:tt)*) => { $out.push_str(&format!($($text)*)) };
}

pub(crate) fn page(shown: &Shown<'_>) -> String {
    let mut out = String::new();
    put!(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    put!(out, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    put!(out, "<title>Failure paths</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n");
    head(&mut out, shown);
    red(&mut out, shown);
    map(&mut out, shown);
    asked(&mut out, shown);
    spots(&mut out, shown);
    put!(out, "</main>\n</body>\n</html>\n");
    out
}

fn head(out: &mut String, shown: &Shown<'_>) {
    let left = shown.left;
    let total = shown.judged.tally(Measure::Total);
    let sites = shown.judged.rows.iter().filter(|row| row.is_site()).count();
    let processes: usize = left.programs.iter().map(|program| program.processes.len()).sum();
    put!(out, "<header>\n<h1>Failure paths</h1>\n<p class=\"sub\">{sites} audited sites, seen by {processes} ");
    put!(out, "processes of {} test programs; {}</p>\n</header>\n", left.programs.len(), esc(shown.today));
    put!(out, "<section class=\"tiles\">\n");
    let red = shown.judged.rows.iter().map(|row| cells(row)).sum::<usize>();
    put!(out, "<div class=\"tile big{}\"><b>{:.1}&#8239;%</b>", if red > 0 { " bad" } else { "" }, total.percent());
    put!(out, "<span>{} of {} cells", total.covered, total.of);
    match red {
        0 => {}
        1 => put!(out, ", <em>1 red</em>"),
        n => put!(out, ", <em>{n} red</em>"),
    }
    put!(out, "</span></div>\n");
    let measures = Column::ALL.into_iter().map(Measure::Of).chain([Measure::Awaits, Measure::Questions]);
    for measure in measures {
        tile(out, measure.name(), shown.judged.tally(measure));
    }
    put!(out, "</section>\n");
}

/// Red cells of a row.
fn cells(row: &Row) -> usize {
    Column::ALL.into_iter().filter(|column| row.failures.iter().any(|failure| failure.column == *column)).count()
}

fn tile(out: &mut String, name: &str, tally: Tally) {
    let (share, text) = match tally.of {
        0 => (0.0, "none".to_owned()),
        _ => (tally.percent(), format!("{} of {}", tally.covered, tally.of)),
    };
    let name = if name == "questions" { "?s made to fail" } else { name };
    let name = if name == "awaits" { "awaits cut" } else { name };
    put!(out, "<div class=\"tile\"><span>{name}</span><i class=\"bar\"><i style=\"width:{share:.1}%\"></i></i>");
    put!(out, "<small>{text}</small></div>\n");
}

fn red(out: &mut String, shown: &Shown<'_>) {
    for row in shown.judged.rows.iter().filter(|row| !row.failures.is_empty()) {
        for column in Column::ALL {
            let failures: Vec<&Failure> = row.failures.iter().filter(|failure| failure.column == column).collect();
            if !failures.is_empty() {
                broken(out, row, column, &failures);
            }
        }
    }
}

fn broken(out: &mut String, row: &Row, column: Column, failures: &[&Failure]) {
    let id = anchor(&row.site, column);
    put!(out, "<section class=\"red\" id=\"{id}\">\n<h2><span class=\"c failed\">!</span> {}", esc(&row.site));
    put!(out, " <small>{} &middot; {}</small></h2>\n", column.name(), esc(column.meaning()));
    for failure in failures {
        put!(out, "<dl><dt>case</dt><dd><code>{}</code></dd>", esc(&failure.case));
        for broke in &failure.broke {
            put!(out, "<dt>broke</dt><dd class=\"broke\">{}</dd>", esc(broke));
        }
        put!(out, "<dt>replay</dt><dd><pre>{}</pre></dd></dl>\n", esc(&failure.replay));
    }
    put!(out, "</section>\n");
}

fn anchor(site: &str, column: Column) -> String {
    let plain: String = site.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    format!("{plain}-{}", column.name())
}

fn map(out: &mut String, shown: &Shown<'_>) {
    put!(out, "<section class=\"map\">\n<table>\n<thead><tr><th>site</th>");
    for column in Column::ALL {
        put!(out, "<th title=\"{}\">{}</th>", esc(column.meaning()), column.name());
    }
    put!(out, "<th>awaits</th><th>?s</th></tr></thead>\n");
    let mut order: Vec<usize> = (0..shown.judged.rows.len()).collect();
    order.sort_by_key(|at| (&shown.judged.rows[*at].file, shown.judged.rows[*at].line));
    let mut file = None;
    for at in order {
        let row = shown.judged.rows[at];
        if file != Some(&row.file) {
            let name = if row.is_site() { row.file.as_str() } else { "no site of their own" };
            put!(out, "<tbody><tr class=\"file\"><th colspan=\"9\">{}</th></tr>\n", esc(name));
            file = Some(&row.file);
        }
        line(out, shown, at, row);
    }
    put!(out, "</tbody>\n</table>\n<p class=\"legend\">");
    for mark in Mark::all() {
        put!(out, "<span><span class=\"c {}\">{}</span>{}</span>", mark.name(), mark.letter(), esc(mark.meaning()));
    }
    put!(out, "</p>\n</section>\n");
}

fn line(out: &mut String, shown: &Shown<'_>, at: usize, row: &Row) {
    let (module, name) = row.site.rsplit_once("::").map_or(("", row.site.as_str()), |(module, name)| (module, name));
    let module = if module.is_empty() { String::new() } else { format!("{module}::") };
    let form = if row.is_async { " <small>async</small>" } else { "" };
    let place = if row.is_site() { format!(":{}", row.line) } else { String::new() };
    put!(out, "<tr><td class=\"site\"><span>{}</span><b>{}</b><i>{place}</i>{form}</td>", esc(&module), esc(name));
    for column in Column::ALL {
        let mark = Mark::of(shown.judged, at, column);
        let title = esc(&format!("{}: {}", column.name(), mark.meaning()));
        let cell = format!("<span class=\"c {}\">{}</span>", mark.name(), mark.letter());
        match mark {
            Mark::Failed => {
                put!(out, "<td title=\"{title}\"><a href=\"#{}\">{cell}</a></td>", anchor(&row.site, column))
            }
            _ => put!(out, "<td title=\"{title}\">{cell}</td>"),
        }
    }
    for measure in [Measure::Awaits, Measure::Questions] {
        let tally = row.tally(measure);
        match tally.of {
            0 => put!(out, "<td class=\"n none\">&middot;</td>"),
            of => {
                let class = if tally.covered < of { "n part" } else { "n" };
                put!(out, "<td class=\"{class}\">{}/{of}</td>", tally.covered);
            }
        }
    }
    put!(out, "</tr>\n");
}

/// Floors, excuses, base, and whatever else is to be said. Red cells stand above.
fn asked(out: &mut String, shown: &Shown<'_>) {
    let told = shown.judged.findings.iter().filter(|found| found.rule != "FAILED");
    let mut told = told.peekable();
    if told.peek().is_none() {
        return;
    }
    put!(out, "<section class=\"list\">\n<h2>Findings</h2>\n<ul>\n");
    for found in told {
        let place = found.place.as_deref().map_or_else(String::new, |place| format!(" <small>{}</small>", esc(place)));
        put!(out, "<li class=\"{}\"><b>{}</b> <code>{}</code> ", found.weight.name(), found.rule, esc(&found.id));
        put!(out, "{}{place}</li>\n", esc(&found.message));
    }
    put!(out, "</ul>\n</section>\n");
}

fn spots(out: &mut String, shown: &Shown<'_>) {
    let spots = blind_spots(shown.judged);
    if spots.is_empty() {
        return;
    }
    put!(out, "<section class=\"list\">\n<h2>Blind spots</h2>\n<ul>\n");
    for (what, place) in spots {
        put!(out, "<li><code>{}</code> {}</li>\n", esc(&place), esc(&what));
    }
    put!(out, "</ul>\n</section>\n");
}

/// The text as HTML shows it; what nobody can see becomes visible.
fn esc(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if entity(c).is_some() => out.extend(entity(c)),
            '\'' => out.push_str("&#39;"),
            '\n' => out.push('\n'),
            c if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => {
                out.extend(c.escape_default());
            }
            c => out.push(c),
        }
    }
    out
}
