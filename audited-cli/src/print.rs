//! Answers as text, at 80 columns.

mod coverage;
mod lists;
mod reconcile;
mod retention;
mod run;
mod surface;

pub(crate) use coverage::{Shown, coverage, html, junit};
pub(crate) use lists::{doctor, explain, rebuilt, record, runs, stats, sweep, verify};
pub(crate) use reconcile::{metrics, reconcile};
pub(crate) use retention::{held, holds, purge};
pub(crate) use run::show;
pub(crate) use surface::surface;

use audit_runtime::Id;
use audit_runtime::trail::{Finding, Trail, Weight};

use crate::out::{Page, Tone};

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
        let place = finding.place.as_deref().map_or_else(String::new, |place| format!("  {place}"));
        page.pieces([(tone, format!("{:<14}", finding.rule)), (Tone::Plain, format!(" {}{place}", finding.id))]);
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
