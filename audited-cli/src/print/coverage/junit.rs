//! JUnit: a suite for each site, a test case for each of its ends; one suite for what the gate asks.

use audit_runtime::trail::{Finding, Weight};

use super::{Mark, Shown, entity};
use crate::coverage::{Column, Failure};

pub(crate) fn suites(shown: &Shown<'_>) -> String {
    let mut suites = String::new();
    let mut all = Counts::default();
    for (at, row) in shown.judged.rows.iter().enumerate() {
        let mut counts = Counts::default();
        let mut cases = String::new();
        for column in Column::ALL {
            let failures: Vec<&Failure> = row.failures.iter().filter(|failure| failure.column == column).collect();
            let inside = match Mark::of(shown.judged, at, column) {
                Mark::Impossible => continue,
                Mark::Failed => counts.failed(&failed(&failures)),
                mark @ (Mark::Never | Mark::Excused) => {
                    counts.skipped += 1;
                    format!("<skipped message=\"{}\"/>", xml(mark.meaning()))
                }
                Mark::Seen(_) => String::new(),
            };
            counts.tests += 1;
            case(&mut cases, &row.site, column.name(), &inside);
        }
        suite(&mut suites, &row.site, counts, &cases);
        all.add(counts);
    }
    let (gate, cases) = gate(shown);
    suite(&mut suites, "gate", gate, &cases);
    all.add(gate);
    let head = all.attributes();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"failure paths\"{head}>\n{suites}</testsuites>\n"
    )
}

/// One case for each measure with a floor, and one for each other problem.
fn gate(shown: &Shown<'_>) -> (Counts, String) {
    let (mut counts, mut cases) = (Counts::default(), String::new());
    let problems =
        || shown.judged.findings.iter().filter(|found| found.weight != Weight::Note && found.rule != "FAILED");
    let told = |found: &Finding| failure(&format!("{} {}", found.rule, found.id), &found.message);
    for (measure, ..) in shown.judged.tallies.iter().filter(|(_, _, floor)| floor.is_some()) {
        let fallen = problems().find(|found| found.rule == "FLOOR" && found.id == measure.name());
        let inside = fallen.map_or_else(String::new, |found| counts.failed(&told(found)));
        counts.tests += 1;
        case(&mut cases, "gate", &format!("floor {}", measure.name()), &inside);
    }
    for found in problems().filter(|found| found.rule != "FLOOR") {
        let inside = counts.failed(&told(found));
        counts.tests += 1;
        case(&mut cases, "gate", &format!("{} {}", found.rule, found.id), &inside);
    }
    (counts, cases)
}

#[derive(Clone, Copy, Default)]
struct Counts {
    tests: u64,
    failures: u64,
    skipped: u64,
}

impl Counts {
    fn add(&mut self, other: Counts) {
        self.tests += other.tests;
        self.failures += other.failures;
        self.skipped += other.skipped;
    }

    fn failed(&mut self, inside: &str) -> String {
        self.failures += 1;
        inside.to_owned()
    }

    fn attributes(self) -> String {
        format!(" tests=\"{}\" failures=\"{}\" skipped=\"{}\"", self.tests, self.failures, self.skipped)
    }
}

fn failed(failures: &[&Failure]) -> String {
    let mut text = String::new();
    for failure in failures {
        let Failure { case, test, broke, replay, .. } = failure;
        let broke = broke.join("\nbroke  ");
        text.push_str(&format!("case   {case}\ntest   {test}\nbroke  {broke}\nreplay {replay}\n"));
    }
    let first = failures.first().and_then(|failure| failure.broke.first());
    failure(first.map_or("a case failed", String::as_str), &text)
}

fn failure(message: &str, text: &str) -> String {
    format!("<failure message=\"{}\">{}</failure>", xml(message), xml(text))
}

fn case(into: &mut String, class: &str, name: &str, inside: &str) {
    let (class, name) = (xml(class), xml(name));
    into.push_str(&match inside {
        "" => format!("    <testcase classname=\"{class}\" name=\"{name}\"/>\n"),
        inside => format!("    <testcase classname=\"{class}\" name=\"{name}\">{inside}</testcase>\n"),
    });
}

fn suite(into: &mut String, name: &str, counts: Counts, cases: &str) {
    if counts.tests > 0 {
        let (name, head) = (xml(name), counts.attributes());
        into.push_str(&format!("  <testsuite name=\"{name}\"{head}>\n{cases}  </testsuite>\n"));
    }
}

/// The text as XML holds it; what XML cannot hold becomes visible.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if entity(c).is_some() => out.extend(entity(c)),
            '\n' => out.push_str("&#10;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}
