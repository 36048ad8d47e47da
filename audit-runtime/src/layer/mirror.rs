//! Acknowledged records as spans and events of the subscriber that holds the layer, whatever subscriber the thread that
//! wrote them has. Nested use cannot happen: the recorder tells nobody of what is recorded while somebody is told.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tracing::dispatcher::{self, Dispatch, WeakDispatch};
use tracing::field::{Empty, Value, display};
use tracing::span;
use tracing::{Level, Metadata, event, info_span};

use super::evidence::Evidence;
use crate::model::{Header, Id, Key, Kind, Record};
use crate::recorder::{Observer, Recorder, RunSummary, Seen};

/// Target of everything that is mirrored.
pub(super) const TARGET: &str = "audited";
/// Spans that may be open at one time; entries above are not mirrored, and counted.
const OPEN_SPANS: usize = 1 << 16;

/// The subscriber that the layer belongs to; held weakly, because it holds us.
#[derive(Default)]
pub(super) struct Home(OnceLock<WeakDispatch>);

impl Home {
    pub(super) fn settle(&self, home: &Dispatch) {
        let _first = self.0.set(home.downgrade());
    }

    /// The subscriber; the thread's own where the layer was never told (some wrappers of layers forget to).
    fn dispatch(&self) -> Option<Dispatch> {
        match self.0.get() {
            Some(home) => home.upgrade(),
            None => Some(dispatcher::get_default(Dispatch::clone)),
        }
    }
}

/// A span that was opened for a record.
#[derive(Clone)]
struct Mirrored {
    span: span::Id,
    metadata: &'static Metadata<'static>,
    run: Id,
}

pub(super) struct Mirror {
    recorder: Recorder,
    home: Arc<Home>,
    evidence: Arc<Evidence>,
    kept_events: u32,
    print_summary: bool,
    /// Ids, not spans: a span would hold its subscriber, which holds us.
    open: Mutex<HashMap<Id, Mirrored>>,
    drops: AtomicU64,
}

impl Mirror {
    pub(super) fn new(
        recorder: &Recorder,
        home: &Arc<Home>,
        evidence: &Arc<Evidence>,
        kept_events: u32,
        print_summary: bool,
    ) -> Mirror {
        Mirror {
            recorder: recorder.clone(),
            home: Arc::clone(home),
            evidence: Arc::clone(evidence),
            kept_events,
            print_summary,
            open: Mutex::default(),
            drops: AtomicU64::new(0),
        }
    }

    fn node(&self, header: &Header, body: &[u8]) -> String {
        if header.site > 0 {
            return self.recorder.site_name(header.site);
        }
        decoded(header, body).and_then(|record| record.body.text(Key::Node).map(str::to_owned)).unwrap_or_default()
    }

    /// The span of the caller: the parent's, the run's, or what the subscriber has current.
    fn parent(&self, home: &Dispatch, header: &Header) -> Option<span::Id> {
        let open = self.open.lock();
        let mirrored = open.get(&header.parent).or_else(|| open.get(&header.run.0)).map(|m| m.span.clone());
        drop(open);
        mirrored.or_else(|| home.current_span().id().cloned())
    }

    fn opened(&self, home: &Dispatch, seen: Seen<'_>) {
        if self.open.lock().len() >= OPEN_SPANS {
            self.drops.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let header = seen.header;
        let parent = self.parent(home, header);
        let id = format!("{:#}", seen.id);
        let span = match header.kind {
            Kind::RunStarted => info_span!(
                target: TARGET, parent: parent, "run",
                audit.id = id, audit.name = display(Name(header, seen.body)), audit.status = Empty,
                audit.duration_ns = Empty,
            ),
            _ => info_span!(
                target: TARGET, parent: parent, "call",
                audit.id = id, audit.node = self.node(header, seen.body), audit.run = text(header.run.0),
                audit.parent = text(header.parent), audit.attempt = header.attempt, audit.status = Empty,
                audit.exit = Empty, audit.duration_ns = Empty, audit.error = Empty,
            ),
        };
        if let (Some(id), Some(metadata)) = (span.id(), span.metadata()) {
            let mirrored = Mirrored { span: home.clone_span(&id), metadata, run: header.run.0 };
            self.open.lock().insert(seen.id, mirrored);
        }
    }

    fn closed(&self, home: &Dispatch, seen: Seen<'_>) {
        let Some(mirrored) = self.open.lock().remove(&seen.header.subject) else { return };
        let header = seen.header;
        let record = decoded(header, seen.body);
        let error = record.as_ref().and_then(|record| record.body.text(Key::Error));
        let fields = mirrored.metadata.fields();
        let (status, exit, duration) = (header.status.name(), header.exit.name(), header.duration_ns);
        let values: [(&str, Option<&dyn Value>); 4] = [
            ("audit.status", Some(&status)),
            ("audit.exit", Some(&exit)),
            ("audit.duration_ns", Some(&duration)),
            ("audit.error", error.as_ref().map(|error| error as &dyn Value)),
        ];
        for (name, value) in values {
            if let (Some(field), Some(value)) = (fields.field(name), value) {
                let values = [(&field, Some(value))];
                home.record(&mirrored.span, &span::Record::new(&fields.value_set(&values)));
            }
        }
        home.try_close(mirrored.span);
    }

    /// Entries of a run that has ended and whose ends nobody waited for.
    fn forget_run(&self, home: &Dispatch, run: Id) {
        let mut open = self.open.lock();
        let left: Vec<_> = open.iter().filter(|(_, m)| m.run == run).map(|(id, m)| (*id, m.clone())).collect();
        for (id, _) in &left {
            open.remove(id);
        }
        drop(open);
        for (_, mirrored) in left {
            home.try_close(mirrored.span);
        }
    }

    fn point(&self, home: &Dispatch, seen: Seen<'_>) {
        let parent = self.parent(home, seen.header);
        let (id, kind) = (format!("{:#}", seen.id), seen.header.kind.name());
        let told = || display(Body(seen.header, seen.body));
        match seen.header.kind {
            Kind::Note => event!(
                target: TARGET, parent: parent, Level::INFO,
                audit.id = id, audit.kind = kind, audit.body = told()
            ),
            _ => event!(
                target: TARGET, parent: parent, Level::WARN,
                audit.id = id, audit.kind = kind, audit.body = told()
            ),
        }
    }

    fn mirror(&self, home: &Dispatch, seen: Seen<'_>) {
        match seen.header.kind {
            Kind::RunStarted | Kind::StateOpened => self.opened(home, seen),
            Kind::StateClosed => self.closed(home, seen),
            Kind::RunEnded => {
                self.closed(home, seen);
                self.forget_run(home, seen.header.subject);
            }
            Kind::Note | Kind::Refusal | Kind::Gap | Kind::Uninstalled => self.point(home, seen),
            _ => {}
        }
    }
}

impl Observer for Mirror {
    fn seen(&self, seen: Seen<'_>) {
        if seen.header.kind == Kind::StateClosed {
            self.evidence.ended(&self.recorder, seen.header.run, seen.header.subject, self.kept_events);
        }
        // A subscriber that is gone needs no mirror.
        if let Some(home) = self.home.dispatch() {
            dispatcher::with_default(&home, || self.mirror(&home, seen));
        }
    }

    fn drops(&self) -> u64 {
        self.drops.load(Ordering::Relaxed)
    }

    fn run_ended(&self, summary: &RunSummary) {
        if self.print_summary {
            // Nobody reads a closed stderr.
            let _printed = write!(std::io::stderr().lock(), "{summary}");
        }
    }
}

fn decoded(header: &Header, body: &[u8]) -> Option<Record> {
    Record::decode(&[&header.encode(), body].concat()).ok()
}

fn text(id: Id) -> Option<String> {
    id.some().map(|id| format!("{id:#}"))
}

/// A run's name.
struct Name<'a>(&'a Header, &'a [u8]);

impl std::fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let record = decoded(self.0, self.1);
        f.write_str(record.as_ref().and_then(|record| record.body.text(Key::Name)).unwrap_or_default())
    }
}

/// The texts and numbers of a record, as `key=value` pairs.
struct Body<'a>(&'a Header, &'a [u8]);

impl std::fmt::Display for Body<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut pairs = String::new();
        for (key, value) in decoded(self.0, self.1).iter().flat_map(|record| &record.body.fields) {
            let between = if pairs.is_empty() { "" } else { " " };
            // Writing to a String does not fail.
            let _written = match (value.as_text(), value.as_uint()) {
                (Some(text), _) => write!(pairs, "{between}{}={text:?}", key.name()),
                (None, Some(n)) => write!(pairs, "{between}{}={n}", key.name()),
                (None, None) => Ok(()),
            };
        }
        f.write_str(&pairs)
    }
}
