//! Numbers for a dashboard, computed from the trail: whoever asks, however often, whatever was switched on while the
//! program ran. `Display` is the Prometheus text format.

use super::case::read_all;
use crate::contract::{Report, Standing, Subject, reconcile};
use crate::error::Error;
use crate::journal::Layout;
use crate::model::cbor::Value;
use crate::model::{Key, Kind};
use crate::trail::{Json, Trail};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Instant;

/// What is counted for each action: the standing, the metric, its meaning. The live counters go by the same table.
pub(super) const ACTION_METRICS: &[(Standing, &str, &str)] = &[
    (Standing::Missing, "rac_missing_actions_total", "Expected and never acknowledged."),
    (Standing::Drift, "rac_drift_actions_total", "Acknowledged, but nobody declared it."),
    (Standing::Late, "rac_late_actions_total", "Acknowledged behind the deadline."),
    (Standing::Duplicate, "rac_duplicate_actions_total", "Acknowledged more often than expected."),
    (Standing::Failed, "rac_failed_actions_total", "Acknowledged as failed, and never as succeeded."),
];

/// One metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// `counter`, `gauge` or `summary`.
    pub form: &'static str,
    /// What it counts, in one sentence.
    pub help: &'static str,
    /// Values, each with what is appended to the name (`_sum`, `_count`) and its labels.
    pub samples: Vec<Sample>,
}

/// One value of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// What is appended to the metric's name; mostly nothing.
    pub suffix: &'static str,
    /// Labels in order.
    pub labels: Vec<(&'static str, String)>,
    /// The value.
    pub value: f64,
}

/// Every metric of a trail.
#[derive(Clone, Debug, PartialEq)]
pub struct Metrics(pub Vec<Metric>);

/// Counts from the trail in this directory. `now_ns` is wall time: ages are for people.
///
/// # Errors
/// What the journal's files or the index say.
pub fn metrics_of(path: impl AsRef<Path>, now_ns: i64) -> Result<Metrics, Error> {
    let path = path.as_ref();
    let trail = Trail::open(path)?;
    let began = Instant::now();
    let mut alerts: BTreeMap<(String, String, String), u64> = BTreeMap::new();
    let cases = read_all(&Layout::at(path), &mut |record| {
        if record.header.kind == Kind::ContractAlert {
            let text = |key| record.body.get(key).and_then(Value::as_text).unwrap_or_default().to_owned();
            *alerts.entry((text(Key::Domain), text(Key::Action), text(Key::Standing))).or_default() += 1;
        }
    })?;
    let governed =
        |case: &&crate::contract::Case| case.contracted || !case.declared.is_empty() || !case.acks.is_empty();
    let reports: Vec<Report> = cases.iter().filter(governed).map(reconcile).collect();
    let took = began.elapsed().as_secs_f64();
    let mut all = vec![statuses(&reports)];
    all.extend(ACTION_METRICS.iter().map(|(standing, name, help)| actions(&reports, *standing, name, help)));
    let stale = reports.iter().filter(|report| report.of(Standing::Stale).next().is_some()).count();
    all.push(one("rac_stale_runs_total", "counter", "Runs whose finalising action is missing.", stale as f64));
    all.push(Metric {
        name: "rac_reconciliation_duration_seconds",
        form: "summary",
        help: "Reading the trail and reconciling every run of it, this time.",
        samples: vec![sample("_sum", Vec::new(), took), sample("_count", Vec::new(), reports.len() as f64)],
    });
    all.push(told(&alerts));
    all.extend(gauges(&trail, now_ns)?);
    Ok(Metrics(all))
}

fn statuses(reports: &[Report]) -> Metric {
    let mut by_status: BTreeMap<&str, u64> = BTreeMap::new();
    reports.iter().for_each(|report| *by_status.entry(report.label()).or_default() += 1);
    let samples = by_status.into_iter().map(|(status, n)| sample("", vec![("status", status.to_owned())], n as f64));
    let help = "Runs by what their reconciliation comes to now.";
    Metric { name: "rac_reconciliation_total", form: "counter", help, samples: samples.collect() }
}

fn actions(reports: &[Report], standing: Standing, name: &'static str, help: &'static str) -> Metric {
    let mut by_action: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let subjects = reports.iter().flat_map(|report| report.of(standing)).filter_map(|found| found.subject.as_ref());
    for Subject { domain, action, .. } in subjects {
        *by_action.entry((domain, action)).or_default() += 1;
    }
    let samples = by_action.into_iter().map(|((domain, action), n)| {
        sample("", vec![("domain", domain.to_owned()), ("action", action.to_owned())], n as f64)
    });
    Metric { name, form: "counter", help, samples: samples.collect() }
}

fn told(alerts: &BTreeMap<(String, String, String), u64>) -> Metric {
    let samples = alerts.iter().map(|((domain, action, standing), n)| {
        let labels = vec![("domain", domain.clone()), ("action", action.clone()), ("standing", standing.clone())];
        sample("", labels, *n as f64)
    });
    let help = "Deadlines that passed while their process lived, told once each.";
    Metric { name: "rac_alerts_total", form: "counter", help, samples: samples.collect() }
}

fn gauges(trail: &Trail, now_ns: i64) -> Result<Vec<Metric>, Error> {
    let levels = trail.levels(super::watch::MISSED)?;
    let age = levels.oldest_open_at.map_or(0.0, |at| now_ns.saturating_sub(at).max(0) as f64 / 1e9);
    Ok(vec![
        one(
            "rac_missed_reconciliations_total",
            "counter",
            "Times that nobody watched the deadlines.",
            levels.missed as f64,
        ),
        one("audit_open_states", "gauge", "Node states that have begun and not ended.", levels.open as f64),
        one("audit_oldest_open_seconds", "gauge", "Age of the oldest of them; 0 when there is none.", age),
        one(
            "audit_append_failures_total",
            "counter",
            "Entries refused because a record could not be written.",
            levels.failures as f64,
        ),
        one("audit_degraded_gaps_total", "counter", "Entries that ran without a record.", levels.gaps as f64),
    ])
}

fn sample(suffix: &'static str, labels: Vec<(&'static str, String)>, value: f64) -> Sample {
    Sample { suffix, labels, value }
}

fn one(name: &'static str, form: &'static str, help: &'static str, value: f64) -> Metric {
    Metric { name, form, help, samples: vec![sample("", Vec::new(), value)] }
}

impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Metric { name, form, help, samples } in &self.0 {
            writeln!(f, "# HELP {name} {help}\n# TYPE {name} {form}")?;
            for Sample { suffix, labels, value } in samples {
                let labels: Vec<String> =
                    labels.iter().map(|(name, text)| format!("{name}=\"{}\"", quoted(text))).collect();
                match labels.is_empty() {
                    true => writeln!(f, "{name}{suffix} {value}")?,
                    false => writeln!(f, "{name}{suffix}{{{}}} {value}", labels.join(","))?,
                }
            }
        }
        Ok(())
    }
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

impl Metrics {
    /// Every value as `{metric, labels, value}`.
    #[must_use]
    pub fn json(&self) -> Vec<Json> {
        let each = |metric: &Metric, sample: &Sample| {
            let labels = sample.labels.iter().map(|(name, text)| ((*name).to_owned(), Json::from(text.as_str())));
            Json::object([
                ("metric", format!("{}{}", metric.name, sample.suffix).into()),
                ("labels", Json::Object(labels.collect())),
                ("value", Json::Float(sample.value)),
            ])
        };
        self.0.iter().flat_map(|metric| metric.samples.iter().map(move |sample| each(metric, sample))).collect()
    }
}
