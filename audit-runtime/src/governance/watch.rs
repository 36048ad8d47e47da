//! Deadlines, watched while the program lives. One thread of a recorder sleeps until the next deadline of what its runs
//! expect, on the recorder's monotonic clock, and lives only while something is expected. A deadline that passes is
//! compared with the trail, so that an acknowledgement of another process counts, and is told once: a CONTRACT_ALERT
//! record, then the metric, then the user's hook.
//!
//! ```text
//! declared ──→ due ──acknowledged, contract closed──→ gone
//!               └──deadline passes──→ the trail is asked ──missing or failed──→ CONTRACT_ALERT ──→ metric ──→ hook
//! heartbeat older than two intervals ──patrol──→ NOTE missed_reconciliation ──→ hook ──→ another thread takes over
//! ```

use super::meter;
use super::text::label;
use crate::contract::{Report, Standing, Subject};
use crate::model::{BodyWriter, Id, Key, Kind, RunId};
use crate::recorder::due::{Due, DueKey, Dues, Watched};
use crate::recorder::{Core, Recorder, Severity};
use crate::seeded;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// What the user's hook is told of. The record stands on the device by then.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Alert {
    /// A deadline has passed without a success.
    Overdue {
        /// The CONTRACT_ALERT record.
        record: Id,
        /// The run that declared it.
        run: RunId,
        /// Which action.
        subject: Subject,
        /// Where the expectation stands: MISSING or FAILED; INCONCLUSIVE when the trail could not be read.
        standing: Standing,
        /// `file:line` of the declaration, where it is known.
        place: Option<String>,
    },
    /// Whoever watches the deadlines gave no sign of life for two intervals. Another thread has taken over.
    MissedReconciliation {
        /// The NOTE record.
        record: Id,
        /// How long nothing was heard.
        silent: Duration,
        /// How many expectations nobody watched meanwhile.
        open: usize,
    },
}

/// The user's hook.
#[derive(Clone)]
pub(crate) struct Hook(pub(crate) Arc<dyn Fn(&Alert) + Send + Sync>);

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

/// What one recorder's watcher knows.
pub(crate) struct Watch {
    core: Weak<Core>,
    dues: Arc<Dues>,
    every: Duration,
    hook: Option<Hook>,
    /// Held while one deadline is told, so that a thread that takes over tells none a second time.
    telling: Mutex<()>,
}

/// Lets the recorder's deadlines be watched until it is closed.
pub(crate) fn attach(recorder: &Recorder, every: Duration, hook: Option<Hook>) -> Arc<Watch> {
    let (core, dues) = (Arc::downgrade(&recorder.0), Arc::clone(&recorder.0.dues));
    let watch = Arc::new(Watch { core, dues, every, hook, telling: Mutex::new(()) });
    let (wakes, stops) = (Arc::downgrade(&watch), Arc::clone(&watch));
    // Only the first watcher of a recorder is ever set: there is one.
    drop(recorder.0.dues.wake.set(Box::new(move || wakes.upgrade().iter().for_each(|watch| watch.wake()))));
    recorder.when_closed(move || stops.stop());
    watch
}

/// The kind of the note that says that nobody watched.
pub(crate) const MISSED: &str = "missed_reconciliation";

impl Watch {
    fn wake(self: &Arc<Self>) {
        let mut state = self.dues.state.lock();
        if state.running {
            self.dues.bell.notify_one();
        } else if !state.due.is_empty() {
            self.start(&mut state);
        }
    }

    /// Looks whether the watcher lives, from a thread that is not its own. One that gave no sign of life for two intervals
    /// is told of once, and another thread takes over.
    pub(crate) fn look_after(self: &Arc<Self>, recorder: &Recorder) {
        let (silent, open) = {
            let mut state = self.dues.state.lock();
            let silent = state.beat.map_or(Duration::ZERO, |beat| beat.elapsed());
            if !state.running || silent <= 2 * self.every || seeded::is("watcher_death_unnoticed") {
                return;
            }
            let open = state.due.len();
            if open > 0 {
                self.start(&mut state);
            } else {
                state.running = false;
            }
            (silent, open)
        };
        let fields = [("silent_ms", silent.as_millis().to_string()), ("open_expectations", open.to_string())];
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        // A note that cannot be written is in the poison slot; the hook has no record to name then.
        let noted = recorder.note_at((RunId::NONE, Id::NONE), MISSED, Severity::Critical, &fields);
        meter::watcher_missed();
        if let Ok(record) = noted {
            self.call(recorder, &Alert::MissedReconciliation { record, silent, open });
        }
    }

    /// Starts a thread; whoever watched before finds that its shift is over.
    fn start(self: &Arc<Self>, state: &mut Watched) {
        state.shift += 1;
        state.running = true;
        state.beat = Some(Instant::now());
        let (watch, shift) = (Arc::clone(self), state.shift);
        // A thread that cannot be started has no heartbeat: the patrol tells of it and tries again.
        drop(std::thread::Builder::new().name("audit-watch".to_owned()).spawn(move || watch.walk(shift)));
    }

    fn stop(&self) {
        let mut state = self.dues.state.lock();
        state.due.clear();
        state.running = false;
        state.shift += 1;
        self.dues.bell.notify_all();
    }

    fn recorder(&self) -> Option<Recorder> {
        let recorder = Recorder(self.core.upgrade()?);
        recorder.health().healthy.then_some(recorder)
    }

    fn walk(&self, shift: u64) {
        loop {
            let mut state = self.dues.state.lock();
            if state.shift != shift {
                return;
            }
            state.beat = Some(Instant::now());
            // Nothing is expected any more, or the recorder is gone: the next declaration starts another thread.
            let recorder = self.recorder().filter(|_| !state.due.is_empty());
            let Some(recorder) = recorder else {
                state.running = false;
                return;
            };
            if seeded::is("watcher_dies") || seeded::is("watcher_death_unnoticed") {
                return;
            }
            let now = recorder.clock().mono_ns();
            let first = state.due.keys().next().map_or(u64::MAX, |(at, _)| *at);
            if first >= now {
                drop(recorder);
                // A clock that a test moves is looked at each interval, and so is the recorder's end.
                self.dues
                    .bell
                    .wait_for(&mut state, Duration::from_nanos((first - now).saturating_add(1)).min(self.every));
                continue;
            }
            let passed: Vec<(DueKey, Due)> =
                state.due.range(..(now, 0)).map(|(key, due)| (*key, due.clone())).collect();
            drop(state);
            self.tell(&recorder, &passed);
        }
    }

    /// Compares what has passed with the trail, run by run, and tells what is amiss.
    fn tell(&self, recorder: &Recorder, passed: &[(DueKey, Due)]) {
        let mut reports: BTreeMap<RunId, Option<Report>> = BTreeMap::new();
        for (key, due) in passed {
            let alert = {
                let _one_at_a_time = self.telling.lock();
                if !self.dues.state.lock().due.contains_key(key) {
                    continue;
                }
                let report = reports.entry(due.run).or_insert_with(|| recorder.reconcile(due.run).ok());
                let alert =
                    amiss(report.as_mut(), due).and_then(|(standing, place)| record(recorder, due, standing, place));
                self.dues.state.lock().due.remove(key);
                alert
            };
            if let Some(alert) = alert {
                self.call(recorder, &alert);
            }
        }
    }

    /// Calls the hook. One that panics is counted and does no harm; one that never returns is a watcher that is dead.
    fn call(&self, recorder: &Recorder, alert: &Alert) {
        let Some(Hook(hook)) = &self.hook else { return };
        if catch_unwind(AssertUnwindSafe(|| hook(alert))).is_err() {
            recorder.count_observer_drops(1);
        }
    }
}

/// Where the expectation stands in the trail, if that calls for an alert; each finding answers for one expectation.
fn amiss(report: Option<&mut Report>, due: &Due) -> Option<(Standing, Option<String>)> {
    let Some(report) = report else { return Some((Standing::Inconclusive, None)) };
    // Records of another machine that cannot be had now do not make an alert go away.
    let doubt = report.doubt.is_some();
    let at = report.findings.iter().position(|finding| {
        let open = matches!(finding.standing, Standing::Missing | Standing::Failed)
            || doubt && finding.standing == Standing::Inconclusive;
        open && finding.subject.as_ref() == Some(&due.subject)
    })?;
    let finding = report.findings.remove(at);
    Some((finding.standing, finding.place))
}

fn record(recorder: &Recorder, due: &Due, standing: Standing, place: Option<String>) -> Option<Alert> {
    let mut header = recorder.header(Kind::ContractAlert);
    header.run = due.run;
    header.attempt = due.subject.attempt;
    let mut body = BodyWriter::new();
    let reason = match standing {
        Standing::Failed => format!("failed, and did not succeed within {:?}", due.within),
        Standing::Inconclusive => format!("{:?} have passed, and not every record of the run can be read", due.within),
        _ => format!("not acknowledged within {:?}", due.within),
    };
    body.text(Key::Domain, &due.subject.domain).text(Key::Action, &due.subject.action);
    body.text(Key::Standing, standing.name()).text(Key::Reason, &reason);
    body.maybe(Key::Instance, label(&due.subject.instance).as_deref()).maybe(Key::DeclaredAt, place.as_deref());
    // What cannot be written poisons the recorder: its next caller learns of it.
    let record = recorder.point_on_disk(header, &body.finish()).ok()?;
    meter::overdue(&due.subject, standing);
    Some(Alert::Overdue { record, run: due.run, subject: due.subject.clone(), standing, place })
}
