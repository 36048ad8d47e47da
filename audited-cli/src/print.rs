//! Answers as text, at 80 columns.

mod coverage;
mod lists;
mod reconcile;
mod recover;
mod retention;
mod run;
mod surface;

pub(crate) use coverage::{Shown, coverage, html, junit};
pub(crate) use lists::{doctor, explain, rebuilt, record, runs, stats, sweep, verify};
pub(crate) use reconcile::{metrics, reconcile};
pub(crate) use recover::recovered;
pub(crate) use retention::{held, holds, purge};
pub(crate) use run::show;
pub(crate) use surface::surface;

use audit_runtime::Id;
use audit_runtime::trail::{Finding, Trail, Weight};

use crate::out::{Page, Tone, WIDTH, fit_end};

/// An id as the index holds it, with as few characters as this trail allows.
pub(crate) fn short(trail: &Trail, id: &str) -> String {
    Id::parse(id).map_or_else(|| id.to_owned(), |id| trail.short(id))
}

/// Findings, one a paragraph.
pub(crate) fn findings(page: &mut Page, findings: &[Finding]) {
    for finding in findings {
        let tone = match finding.weight {
            Weight::Integrity => Tone::Bad,
            Weight::Problem => Tone::Unknown,
            _ => Tone::Dim,
        };
        let (rule, id) = (format!("{:<14}", finding.rule), format!(" {}", finding.id));
        let place = finding.place.as_deref().unwrap_or("");
        // An id is whole here, so that it can be searched for; a place that does not fit beside it has a line of its own.
        let beside = rule.len() + id.len() + 2 + place.chars().count() <= WIDTH;
        match place {
            "" => page.pieces([(tone, rule), (Tone::Plain, id)]),
            _ if beside => page.pieces([(tone, rule), (Tone::Plain, format!("{id}  {place}"))]),
            _ => {
                page.pieces([(tone, rule), (Tone::Plain, id)]);
                page.plain(format!("    {}", fit_end(place, WIDTH - 4)));
            }
        }
        page.wrapped(&finding.message, "    ", "    ");
    }
}

/// `1,234,567`.
pub(crate) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 run`, `1,234 runs`.
pub(crate) fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(n), if n == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    #[test]
    fn thousands_are_grouped() {
        assert_eq!(
            [0, 999, 1_000, 27_004, 1_234_567].map(super::grouped),
            ["0", "999", "1,000", "27,004", "1,234,567"]
        );
    }
}
