//! A reconciliation as findings and JSON, for whoever prints it.

use crate::contract::{Finding as Found, Report, Subject, Verdict};
use crate::trail::{Finding, Json, Weight};

impl Report {
    /// What is amiss, as findings: one rule a standing, `file:line` where the declaration is known. Empty for PASS only.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let finding = |found: &Found| Finding {
            rule: found.standing.name(),
            weight: Weight::Problem,
            id: found.subject.as_ref().map_or_else(|| "run".to_owned(), Subject::to_string),
            message: sentence(found),
            place: found.place.clone(),
        };
        let mut findings: Vec<Finding> = self.amiss().map(finding).collect();
        if findings.is_empty() && self.verdict != Verdict::Pass {
            let (id, message) = (format!("{:#}", self.run), "nothing is known of this run's contract".to_owned());
            findings.push(Finding { rule: self.verdict.name(), weight: Weight::Problem, id, message, place: None });
        }
        findings
    }

    /// Verdict, scoreboard and every expectation with its standing.
    #[must_use]
    pub fn json(&self) -> Json {
        let counts = &self.counts;
        let count = |n: usize| Json::from(n as u64);
        Json::object([
            ("run", format!("{:#}", self.run).into()),
            ("verdict", self.verdict.name().into()),
            ("status", self.label().into()),
            ("doubt", self.doubt.map(|doubt| doubt.name().to_owned()).into()),
            ("expected", count(counts.expected)),
            ("acked", count(counts.acked)),
            ("missing", count(counts.missing)),
            ("late", count(counts.late)),
            ("drift", count(counts.drift)),
            ("duplicate", count(counts.duplicate)),
            ("standings", Json::List(self.findings.iter().map(standing).collect())),
        ])
    }
}

fn standing(found: &Found) -> Json {
    let nanos = |time: Option<std::time::Duration>| time.map(|time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    let detail = Some(found.detail.as_str()).filter(|detail| !detail.is_empty()).map(str::to_owned);
    Json::object([
        ("standing", found.standing.name().into()),
        ("subject", found.subject.as_ref().map(Subject::to_string).into()),
        ("late_ns", nanos(found.lateness).into()),
        ("left_ns", nanos(found.left).into()),
        ("detail", detail.into()),
        ("declared_at", found.place.clone().into()),
        ("acks", Json::List(found.acks.iter().map(|id| format!("{id:#}").into()).collect())),
    ])
}

fn sentence(found: &Found) -> String {
    let mut parts = Vec::new();
    if let Some(lateness) = found.lateness {
        parts.push(format!("{:.3} s behind its deadline", lateness.as_secs_f64()));
    }
    if let Some(left) = found.left {
        parts.push(format!("not acknowledged yet, {:.3} s left", left.as_secs_f64()));
    }
    if !found.detail.is_empty() {
        parts.push(found.detail.clone());
    }
    if !found.acks.is_empty() {
        let acks: Vec<String> = found.acks.iter().map(ToString::to_string).collect();
        parts.push(format!("acknowledged by {}", acks.join(", ")));
    }
    if parts.is_empty() { "never acknowledged".to_owned() } else { parts.join("; ") }
}
