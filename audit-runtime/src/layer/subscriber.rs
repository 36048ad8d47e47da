//! The layer itself: opened, attached to a subscriber, asked for its options.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::{Interest, Subscriber};
use tracing::{Dispatch, Event, Metadata};
use tracing_subscriber::layer::{Context, Layer};

use super::acks;
use super::evidence::Evidence;
use super::mirror::{Home, Mirror};
use crate::context;
use crate::error::Error;
use crate::recorder::{self, Observer, Recorder};
use crate::session::{self, Installed};

/// Events that are kept for one node state; the rest of them is counted.
const KEPT_EVENTS: u32 = 32;

/// A layer that mirrors audited calls as spans and keeps ordinary events inside them as evidence.
///
/// ```no_run
/// # fn main() -> Result<(), audit_runtime::Error> {
/// use audit_runtime::AuditLayer;
/// use tracing_subscriber::prelude::*;
///
/// let layer = AuditLayer::open("./audit-trail")?.print_summary(true);
/// let guard = layer.guard();
/// tracing_subscriber::registry().with(layer).init();
/// guard.close()
/// # }
/// ```
#[must_use = "a layer does nothing until a subscriber has it: `tracing_subscriber::registry().with(layer)`"]
pub struct AuditLayer {
    recorder: Recorder,
    installed: Mutex<Option<Installed>>,
    least: LevelFilter,
    kept_events: u32,
    print_summary: bool,
    evidence: Arc<Evidence>,
    home: Arc<Home>,
    observer: Option<Arc<dyn Observer>>,
}

impl AuditLayer {
    /// Opens the trail in this directory and installs its recorder for the whole process. The stream is closed when the
    /// layer is dropped, which a global subscriber never is: take the [`guard`](AuditLayer::guard) there.
    ///
    /// # Errors
    /// As [`Builder::open`](crate::Builder::open), and `AUD0108` when another recorder is installed.
    pub fn open(path: impl AsRef<Path>) -> Result<AuditLayer, Error> {
        let recorder = session::open(path)?;
        let installed = recorder.install()?;
        let mut layer = AuditLayer::of(&recorder);
        layer.installed = Mutex::new(Some(installed));
        Ok(layer)
    }

    fn of(recorder: &Recorder) -> AuditLayer {
        AuditLayer {
            recorder: recorder.clone(),
            installed: Mutex::new(None),
            least: LevelFilter::INFO,
            kept_events: KEPT_EVENTS,
            print_summary: false,
            evidence: Arc::default(),
            home: Arc::default(),
            observer: None,
        }
    }

    /// The recorder that the layer follows.
    #[must_use]
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Takes the closing of the stream out of the layer: the stream is then closed when the guard is closed or dropped.
    pub fn guard(&self) -> LayerGuard {
        LayerGuard(self.installed.lock().take())
    }

    /// Whether each run's summary is printed to stderr when it ends; default false. It comes from memory.
    pub fn print_summary(mut self, print: bool) -> AuditLayer {
        self.print_summary = print;
        self
    }

    /// Events of this level and above are kept as evidence; default INFO. `LevelFilter::OFF` keeps none.
    pub fn evidence_level(mut self, least: LevelFilter) -> AuditLayer {
        self.least = least;
        self
    }

    /// How many events are kept for one node state, default 32; how many more there were is one more record at its end.
    pub fn evidence_limit(mut self, events: u32) -> AuditLayer {
        self.kept_events = events;
        self
    }
}

impl std::fmt::Debug for AuditLayer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuditLayer").field("recorder", &self.recorder).finish_non_exhaustive()
    }
}

impl Recorder {
    /// A layer that follows this recorder. It installs nothing and closes nothing.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), audit_runtime::Error> {
    /// use tracing_subscriber::prelude::*;
    ///
    /// let recorder = audit_runtime::Builder::new("./audit-trail").actor("nightly import").open()?;
    /// let installed = recorder.install()?;
    /// tracing_subscriber::registry().with(recorder.layer()).init();
    /// installed.close()
    /// # }
    /// ```
    pub fn layer(&self) -> AuditLayer {
        AuditLayer::of(self)
    }
}

impl<S: Subscriber> Layer<S> for AuditLayer {
    fn on_layer(&mut self, _subscriber: &mut S) {
        let mirror = Mirror::new(&self.recorder, &self.home, &self.evidence, self.kept_events, self.print_summary);
        let observer: Arc<dyn Observer> = Arc::new(mirror);
        self.recorder.observe(Arc::clone(&observer));
        self.observer = Some(observer);
    }

    fn on_register_dispatch(&self, home: &Dispatch) {
        self.home.settle(home);
    }

    // The answer for an acknowledgement is not to be kept: the layer has to be asked each time, so that it can count.
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if acks::is_ack(metadata) { Interest::sometimes() } else { Interest::always() }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _context: Context<'_, S>) -> bool {
        if acks::is_ack(metadata) && !recorder::is_telling() {
            acks::asked(&self.recorder);
        }
        true
    }

    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        if acks::is_ack(event.metadata()) && !recorder::is_telling() && acks::take(&self.recorder, event) {
            return;
        }
        // What observers do, our mirror included, is no part of the program that is audited.
        if *event.metadata().level() > self.least || recorder::is_telling() {
            return;
        }
        let ambient = context::ambient();
        let ours = ambient.recorder.filter(|recorder| recorder.number() == self.recorder.number());
        if let (Some(recorder), Some(state)) = (ours, ambient.state.some()) {
            self.evidence.keep(&recorder, ambient.run, state, event, self.kept_events);
        }
    }
}

impl Drop for AuditLayer {
    fn drop(&mut self) {
        if let Some(observer) = self.observer.take() {
            self.recorder.unobserve(&observer);
        }
    }
}

/// Closes the stream of a layer that was opened by [`AuditLayer::open`], whether its subscriber is ever dropped or not.
#[derive(Debug)]
#[must_use = "dropping this at once would close the stream: bind it for as long as the program runs"]
pub struct LayerGuard(Option<Installed>);

impl LayerGuard {
    /// Closes the stream now and says how that went. Nothing to close, nothing to say: the layer of a recorder that is
    /// installed by hand leaves the closing to that hand.
    ///
    /// # Errors
    /// As [`Installed::close`].
    pub fn close(self) -> Result<(), Error> {
        self.0.map_or(Ok(()), Installed::close)
    }
}
