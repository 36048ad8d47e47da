//! The feature `metrics` counts live what the trail holds, and changes nothing of what is recorded.

use super::trail::Trail;
use audit_runtime::contract::{Contract, Expectation, Outcome, ResultId, Subject};
use std::time::Duration;

fn of(action: &str) -> Subject {
    Subject::new("orders", action)
}

/// A run that misses one action of its contract, does one that nobody declared, and closes.
fn script(trail: &Trail) {
    let within = |action| Expectation::within(of(action), Duration::from_secs(60));
    let run = trail.recorder.begin_run("order").expect("a run");
    let contract = Contract::draft("order").expect(within("reserve")).finalised_by(within("close"));
    trail.recorder.declare_with(run.id(), &contract, true).expect("a contract");
    for action in ["surprise", "close"] {
        let result = ResultId::new("r-1").expect("a result");
        trail.recorder.acknowledge(run.id(), &of(action), &Outcome::Success { result }).expect("an acknowledgement");
    }
    trail.recorder.close_contract(run.id()).expect("a verdict");
    run.finish().expect("an end");
}

/// Compiled with the feature and without it: the records are the same.
#[test]
fn no_feature_changes_what_is_recorded() {
    let trail = Trail::new();
    script(&trail);
    let kinds: Vec<&str> = trail.records().iter().map(|told| told.record.header.kind.name()).collect();
    let expected = [
        "STREAM_OPENED",
        "RUN_STARTED",
        "CONTRACT_DECLARED",
        "CONTRACT_ACK",
        "CONTRACT_ACK",
        "CONTRACT_CLOSED",
        "RUN_ENDED",
    ];
    assert_eq!(kinds, expected);
}

#[cfg(feature = "metrics")]
mod counted {
    use super::{Trail, script};
    use audit_runtime::governance::metrics_of;
    use metrics::{Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    type Counts = Arc<Mutex<BTreeMap<String, u64>>>;

    /// A metrics recorder that keeps what it is told.
    #[derive(Default)]
    struct Kept(Counts);

    struct One(Counts, String);

    impl CounterFn for One {
        fn increment(&self, value: u64) {
            *self.0.lock().expect("counts").entry(self.1.clone()).or_default() += value;
        }

        fn absolute(&self, _value: u64) {}
    }

    impl Recorder for Kept {
        fn describe_counter(&self, _key: KeyName, _unit: Option<Unit>, _description: SharedString) {}

        fn describe_gauge(&self, _key: KeyName, _unit: Option<Unit>, _description: SharedString) {}

        fn describe_histogram(&self, _key: KeyName, _unit: Option<Unit>, _description: SharedString) {}

        fn register_counter(&self, key: &Key, _metadata: &Metadata<'_>) -> Counter {
            let labels: Vec<String> =
                key.labels().map(|label| format!("{}=\"{}\"", label.key(), label.value())).collect();
            let name = match labels.is_empty() {
                true => key.name().to_owned(),
                false => format!("{}{{{}}}", key.name(), labels.join(",")),
            };
            Counter::from_arc(Arc::new(One(Arc::clone(&self.0), name)))
        }

        fn register_gauge(&self, _key: &Key, _metadata: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }

        fn register_histogram(&self, _key: &Key, _metadata: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    #[test]
    fn what_is_counted_live_is_what_the_trail_says() {
        let (trail, kept) = (Trail::new(), Kept::default());
        metrics::with_local_recorder(&kept, || script(&trail));
        let live = kept.0.lock().expect("counts").clone();
        assert_eq!(live.len(), 3, "{live:?}");
        let text = metrics_of(trail.path(), 0).expect("the trail").to_string();
        for (name, value) in &live {
            assert!(text.lines().any(|line| line == format!("{name} {value}")), "{name} {value} is not in\n{text}");
        }
    }
}
