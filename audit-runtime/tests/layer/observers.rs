//! Whoever watches, and however badly: results and trail are the same, and what the watcher missed is counted.

use super::{program, trail};
use audit_runtime::model::{Header, Kind};
use audit_runtime::recorder::{Observer, Seen};
use audit_runtime::{Recorder, audited};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::fmt::Debug;
use std::io::{BufRead, BufReader};
use std::panic::catch_unwind;
use std::path::Path;
use std::pin::pin;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::task::{Context as Task, Waker};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span;
use tracing::subscriber::{Subscriber, with_default};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry;

#[derive(Debug)]
struct Fault(String);

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<audit_runtime::Error> for Fault {
    fn from(error: audit_runtime::Error) -> Fault {
        Fault(error.to_string())
    }
}

#[audited(node = "returns")]
fn returns(n: u32) -> u32 {
    n + 1
}

#[audited(node = "fails")]
fn fails() -> Result<u32, Fault> {
    Err(Fault("told to fail".to_owned()))
}

#[audited(node = "panics")]
fn panics() -> u32 {
    panic!("told to panic")
}

#[audited(node = "nests")]
fn nests() -> Result<u32, Fault> {
    returns(1);
    drop(catch_unwind(panics));
    fails()
}

#[audited(node = "hangs")]
async fn hangs() {
    std::future::pending::<()>().await;
}

/// The program under test: what its callers saw.
fn work() -> Vec<String> {
    let mut seen: Vec<String> = (0..5).map(|n| returns(n).to_string()).collect();
    seen.push(format!("{:?}", fails()));
    seen.push(format!("{}", catch_unwind(panics).is_err()));
    seen.push(format!("{:?}", nests()));
    let mut hanging = Box::pin(hangs());
    seen.push(format!("{:?}", pin!(&mut hanging).poll(&mut Task::from_waker(Waker::noop()))));
    drop(hanging);
    seen
}

/// A subscriber's layer that panics whenever it is told of something.
struct Panics;

impl<S: Subscriber> Layer<S> for Panics {
    fn on_new_span(&self, _: &span::Attributes<'_>, _: &span::Id, _: Context<'_, S>) {
        panic!("a broken subscriber")
    }
}

/// An exporter with a queue of one place, which nobody empties.
struct Exporter {
    queue: SyncSender<u64>,
    _far_behind: Mutex<Receiver<u64>>,
    dropped: AtomicU64,
}

impl Exporter {
    fn new() -> Exporter {
        let (queue, receiver) = sync_channel(1);
        Exporter { queue, _far_behind: Mutex::new(receiver), dropped: AtomicU64::new(0) }
    }

    fn export(&self, n: u64) {
        if self.queue.try_send(n).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl<S: Subscriber> Layer<S> for Exporter {
    fn on_new_span(&self, _: &span::Attributes<'_>, id: &span::Id, _: Context<'_, S>) {
        self.export(id.into_u64());
    }
}

impl Observer for Exporter {
    fn seen(&self, record: Seen<'_>) {
        self.export(record.id.seq);
    }

    fn drops(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

const WATCHERS: [&str; 6] = ["nobody", "plain", "panics", "full queue", "filter off", "full observer"];

/// Runs this work while somebody watches.
fn watched<R>(watcher: &str, recorder: &Recorder, work: impl FnOnce() -> R) -> R {
    let layers = registry().with(recorder.layer());
    let scoped = || recorder.scope(work);
    match watcher {
        "nobody" => {
            drop(layers);
            scoped()
        }
        "plain" => with_default(layers, scoped),
        "panics" => with_default(layers.with(Panics), scoped),
        "full queue" => with_default(layers.with(Exporter::new()), scoped),
        "filter off" => with_default(layers.with(LevelFilter::OFF), scoped),
        "full observer" => {
            recorder.observe(Arc::new(Exporter::new()));
            scoped()
        }
        other => panic!("no watcher {other}"),
    }
}

#[test]
fn d14_results_and_trail_are_the_same_whoever_watches() {
    let mut all = Vec::new();
    for watcher in WATCHERS {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let trail = dir.path().join("trail");
        let recorder = audit_runtime::open(&trail).expect("a fresh trail opens");
        let results = watched(watcher, &recorder, work);
        let drops = recorder.health().observer_drops;
        recorder.close().expect("a clean close");
        let story = trail::story(&trail);
        println!("{watcher}: {} records in the story, {drops} drops", story.len());
        let told = trail::of_kind(&trail, Kind::StateOpened).len() + trail::of_kind(&trail, Kind::StateClosed).len();
        match watcher {
            // One span for each opening: each of them panicked.
            "panics" => assert_eq!(drops as usize, trail::of_kind(&trail, Kind::StateOpened).len()),
            "full observer" => assert_eq!(drops as usize, told - 1, "all but the one that found a place"),
            _ => assert_eq!(drops, 0, "{watcher}"),
        }
        all.push((results, story));
    }
    assert!(all[0].1.len() >= 24, "{:#?}", all[0].1);
    for (watcher, other) in WATCHERS.iter().zip(&all) {
        assert_eq!(other, &all[0], "{watcher}");
    }
    // The comparison sees a difference where there is one.
    let dir = tempfile::tempdir().expect("a temporary directory");
    let recorder = audit_runtime::open(dir.path().join("trail")).expect("a fresh trail opens");
    recorder.scope(|| (work(), returns(1)));
    assert_ne!(trail::story(&dir.path().join("trail")), all[0].1);
}

#[audited(node = "waits")]
fn waits() {
    println!("ready");
    drop(std::io::stdin().read_line(&mut String::new()));
}

/// The program that is killed. Does nothing in an ordinary test run.
#[test]
fn the_program() {
    let Some((watcher, trail)) = program::told() else { return };
    let recorder = audit_runtime::open(&trail).expect("a fresh trail opens");
    watched(&watcher, &recorder, || {
        work();
        waits();
    });
}

fn killed(watcher: &str, trail: &Path) -> Vec<String> {
    let mut program = program::command("layer::observers::the_program", watcher, trail);
    // Backtraces of a broken subscriber fill a pipe that nobody reads.
    let mut child = program.stderr(Stdio::null()).spawn().expect("it starts");
    let lines = BufReader::new(child.stdout.take().expect("its stdout")).lines();
    let ready = lines.map_while(Result::ok).any(|line| line.contains("ready"));
    assert!(ready, "{watcher} ended early");
    child.kill().expect("SIGKILL");
    child.wait().expect("it is dead");
    trail::story(trail)
}

#[test]
fn d14_a_killed_program_leaves_the_same_trail_whoever_watches() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let stories: Vec<_> = WATCHERS.iter().map(|watcher| killed(watcher, &dir.path().join(watcher))).collect();
    for (watcher, story) in WATCHERS.iter().zip(&stories) {
        assert_eq!(story, &stories[0], "{watcher}");
        assert!(story.last().is_some_and(|line| line.starts_with("STATE_OPENED waits")), "{story:#?}");
    }
}

/// What telemetry claims: ids of spans, and how they ended.
#[derive(Clone, Default)]
struct Claims(Arc<Mutex<HashMap<u64, HashMap<&'static str, String>>>>);

struct Fields<'a>(&'a mut HashMap<&'static str, String>);

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

impl<S: Subscriber> Layer<S> for Claims {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, _: Context<'_, S>) {
        attributes.record(&mut Fields(self.0.lock().entry(id.into_u64()).or_default()));
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, _: Context<'_, S>) {
        values.record(&mut Fields(self.0.lock().entry(id.into_u64()).or_default()));
    }
}

#[test]
fn d14_telemetry_never_claims_more_than_the_trail() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let trail = dir.path().join("trail");
    let recorder = audit_runtime::open(&trail).expect("a fresh trail opens");
    let claims = Claims::default();
    // The work runs on a thread whose own subscriber is another one: the mirror goes to the layer's.
    with_default(registry().with(recorder.layer()).with(claims.clone()), || {
        std::thread::scope(|threads| drop(threads.spawn(|| recorder.scope(work)).join()));
    });
    let mut ends: HashMap<String, Header> = HashMap::new();
    let records = trail::records(&trail);
    for (_, record) in &records {
        if record.header.kind == Kind::StateClosed {
            ends.insert(format!("{:#}", record.header.subject), record.header);
        }
    }
    let claims = claims.0.lock();
    assert_eq!(claims.len(), ends.len(), "one span for each entry");
    assert!(ends.len() > 10);
    for claim in claims.values() {
        let end = ends.get(&claim["audit.id"]).expect("the trail has what telemetry claims");
        assert_eq!(claim["audit.status"], end.status.name());
        assert_eq!(claim["audit.exit"], end.exit.name());
    }
    let failed: Vec<_> = claims.values().filter(|claim| claim["audit.node"] == "fails").collect();
    assert!(failed.iter().all(|claim| claim["audit.error"] == "told to fail"), "{failed:?}");
}
