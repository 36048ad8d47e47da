//! Numbers computed from the trail, in a text that a Prometheus server reads.

use super::trail::Trail;
use audit_runtime::clock::{Clock, SystemClock};
use audit_runtime::contract::{Contract, Expectation, Outcome, ResultId, Standing, Subject};
use audit_runtime::governance::{Metric, Metrics, Sample, metrics_of};
use audit_runtime::{Error, Recorder, RunId, audited};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

fn of(action: &str) -> Subject {
    Subject::new("orders", action)
}

fn done() -> Outcome {
    Outcome::Success { result: ResultId::new("r-1").expect("a result") }
}

/// A run that acknowledges these actions of its contract, and ends.
fn run(recorder: &Recorder, acks: &[&str]) -> RunId {
    let within = |action| Expectation::within(of(action), Duration::from_secs(5));
    let run = recorder.begin_run("order").expect("a run");
    let contract = Contract::draft("order").expect(within("reserve")).finalised_by(within("close"));
    recorder.declare_with(run.id(), &contract, true).expect("a contract");
    for action in acks {
        recorder.acknowledge(run.id(), &of(action), &done()).expect("an acknowledgement");
    }
    let id = run.id();
    run.finish().expect("an end");
    id
}

/// The text format, read by the letter: `# HELP`, `# TYPE`, then samples of that metric, `name{label="text",…} value`.
fn parse(text: &str) -> Result<BTreeMap<String, f64>, String> {
    let (mut samples, mut metric, mut helped) = (BTreeMap::new(), String::new(), String::new());
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            helped = help.split_once(' ').ok_or(format!("no help: {line}"))?.0.to_owned();
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, form) = kind.split_once(' ').ok_or(format!("no type: {line}"))?;
            if name != helped || !["counter", "gauge", "summary"].contains(&form) {
                return Err(format!("a type without its help: {line}"));
            }
            metric = name.to_owned();
        } else {
            let (name, value) = sample(line)?;
            let bare = name.split('{').next().unwrap_or("");
            let bare = bare.strip_suffix("_sum").or(bare.strip_suffix("_count")).unwrap_or(bare);
            if bare != metric {
                return Err(format!("{name} stands under {metric}"));
            }
            if samples.insert(name, value).is_some() {
                return Err(format!("twice: {line}"));
            }
        }
    }
    Ok(samples)
}

fn sample(line: &str) -> Result<(String, f64), String> {
    let (name, value) = line.rsplit_once(' ').ok_or(format!("no value: {line}"))?;
    let value = value.parse().map_err(|_| format!("no number: {line}"))?;
    let bare = name.split('{').next().unwrap_or("");
    let letters = |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if bare.is_empty() || !letters(bare) {
        return Err(format!("no name: {line}"));
    }
    if let Some(labels) = name.strip_prefix(bare).filter(|rest| !rest.is_empty()) {
        let inner = labels.strip_prefix('{').and_then(|l| l.strip_suffix('}')).ok_or(format!("no labels: {line}"))?;
        let mut rest = inner;
        while !rest.is_empty() {
            let (label, behind) = rest.split_once("=\"").ok_or(format!("no label: {line}"))?;
            let end = closing(behind).ok_or(format!("an open text: {line}"))?;
            if !letters(label) {
                return Err(format!("no label: {line}"));
            }
            rest = behind[end + 1..].strip_prefix(',').unwrap_or(&behind[end + 1..]);
        }
    }
    Ok((name.to_owned(), value))
}

/// Where the text ends: the first quote that no backslash escapes.
fn closing(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' if !escaped => return Some(at),
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    None
}

#[test]
fn c8_c11_every_run_counts_once_and_a_healthy_one_moves_no_other_counter() {
    let trail = Trail::new();
    let ask = || parse(&metrics_of(trail.path(), SystemClock::new().wall_ns()).unwrap().to_string()).unwrap();
    run(&trail.recorder, &["reserve", "close"]);
    let healthy = ask();
    assert_eq!(healthy.get("rac_reconciliation_total{status=\"COMPLETE\"}"), Some(&1.0));
    let sick = |name: &&String| name.contains("_actions_total") || name.contains("status=\"INCOMPLETE\"");
    assert_eq!(healthy.keys().filter(sick).collect::<Vec<_>>(), Vec::<&String>::new());
    assert_eq!(healthy["rac_stale_runs_total"], 0.0);
    run(&trail.recorder, &["close", "surprise"]);
    run(&trail.recorder, &["reserve", "close", "close"]);
    run(&trail.recorder, &["reserve"]);
    let all = ask();
    let expected = [
        ("rac_reconciliation_total{status=\"COMPLETE\"}", 1.0),
        ("rac_reconciliation_total{status=\"INCOMPLETE\"}", 1.0),
        ("rac_reconciliation_total{status=\"DUPLICATE\"}", 1.0),
        ("rac_reconciliation_total{status=\"STALE\"}", 1.0),
        ("rac_missing_actions_total{domain=\"orders\",action=\"reserve\"}", 1.0),
        ("rac_missing_actions_total{domain=\"orders\",action=\"close\"}", 1.0),
        ("rac_drift_actions_total{domain=\"orders\",action=\"surprise\"}", 1.0),
        ("rac_stale_runs_total", 1.0),
        ("rac_reconciliation_duration_seconds_count", 4.0),
        ("audit_open_states", 0.0),
        ("audit_oldest_open_seconds", 0.0),
        ("audit_append_failures_total", 0.0),
        ("audit_degraded_gaps_total", 0.0),
    ];
    for (name, value) in expected {
        assert_eq!(all.get(name), Some(&value), "{name} in {all:#?}");
    }
    assert!(all.keys().any(|name| name.starts_with("rac_duplicate_actions_total{")));
}

#[test]
fn a_trail_whose_process_is_gone_gives_the_same_numbers() {
    let mut trail = Trail::new();
    run(&trail.recorder, &["close"]);
    let ask = |path| parse(&metrics_of(path, i64::MAX).unwrap().to_string()).unwrap();
    let before = ask(trail.path());
    trail.restart();
    let mut after = ask(trail.path());
    let duration = "rac_reconciliation_duration_seconds_sum";
    after.insert(duration.to_owned(), before[duration]);
    assert_eq!(before, after);
}

#[audited(node = "slow")]
fn slow(path: &Path, now_ns: i64) -> Result<String, Error> {
    Ok(metrics_of(path, now_ns)?.to_string())
}

#[test]
fn open_work_is_a_level_with_an_age() {
    let (trail, clock) = Trail::with_clock();
    let later = clock.wall_ns() + 3_000_000_000;
    let during = trail.recorder.scope(|| slow(&trail.path(), later)).unwrap();
    let during = parse(&during).unwrap();
    assert_eq!((during["audit_open_states"], during["audit_oldest_open_seconds"]), (1.0, 3.0));
    let behind = parse(&metrics_of(trail.path(), later).unwrap().to_string()).unwrap();
    assert_eq!((behind["audit_open_states"], behind["audit_oldest_open_seconds"]), (0.0, 0.0));
}

#[test]
fn what_is_no_text_of_the_format_is_refused_by_the_reader_of_this_test() {
    let metric = |labels| Metric {
        name: "rac_x_total",
        form: "counter",
        help: "A count.",
        samples: vec![Sample { suffix: "", labels, value: 1.5 }],
    };
    let odd = vec![("domain", "a\"b\\c\nd".to_owned())];
    let text = Metrics(vec![metric(odd)]).to_string();
    assert_eq!(text.lines().count(), 3, "a line break in a label is escaped: {text}");
    assert_eq!(parse(&text).unwrap().len(), 1);
    for broken in [
        "# TYPE a counter\na 1",
        "# HELP a b\n# TYPE a histogramme\na 1",
        "# HELP a b\n# TYPE a counter\nb 1",
        "# HELP a b\n# TYPE a counter\na one",
        "# HELP a b\n# TYPE a counter\na{x=\"y} 1",
        "# HELP a b\n# TYPE a counter\na 1\na 2",
    ] {
        assert!(parse(broken).is_err(), "{broken}");
    }
}

#[test]
fn every_standing_that_counts_by_action_has_one_metric() {
    let names = |text: &str| text.lines().filter(|line| line.starts_with("# TYPE")).count();
    let trail = Trail::new();
    let text = metrics_of(trail.path(), 0).unwrap().to_string();
    assert_eq!(names(&text), 14, "{text}");
    for standing in [Standing::Missing, Standing::Drift, Standing::Late, Standing::Duplicate, Standing::Failed] {
        let name = format!("# TYPE rac_{}_actions_total counter", standing.name().to_lowercase());
        assert!(text.contains(&name), "{name}");
    }
}
