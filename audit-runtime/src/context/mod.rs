//! What is current: the recorder, the run and the node state that the running code belongs to. Kept per thread for
//! synchronous code and per poll for futures; carried into other tasks and threads by hand.

mod missed;

pub(crate) use missed::{admit, count, passes, still_untold, take_uninstalled, uninstalled_so_far};

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::Once;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::thread::ThreadId;

use parking_lot::RwLock;
use pin_project_lite::pin_project;

use crate::error::{Code, Error};
use crate::model::{Id, RunId};
use crate::recorder::{Opened, Recorder};
use crate::seeded;
use crate::site;

/// What is current on this thread, or during one poll of a future.
#[derive(Clone)]
pub(crate) struct Ambient {
    /// The recorder of the innermost scope; `None` outside every scope and entry.
    pub(crate) recorder: Option<Recorder>,
    /// The run, if one is current.
    pub(crate) run: RunId,
    /// The innermost open node state.
    pub(crate) state: Id,
    /// It was carried here from where the state was opened: what begins here may outlive it.
    pub(crate) carried: bool,
    /// The innermost open node state is a call and no future: a future that is first polled inside it may outlive it.
    pub(crate) call: bool,
}

impl Ambient {
    /// Nothing is current.
    pub(crate) const NOTHING: Ambient =
        Ambient { recorder: None, run: RunId::NONE, state: Id::NONE, carried: false, call: false };

    /// A recorder and nothing else.
    fn of(recorder: &Recorder) -> Ambient {
        Ambient { recorder: Some(recorder.clone()), ..Ambient::NOTHING }
    }

    /// What is current inside the body of an open node state.
    pub(crate) fn inside(recorder: &Recorder, opened: &Opened) -> Ambient {
        Ambient { run: opened.run, state: opened.id, ..Ambient::of(recorder) }
    }
}

thread_local! {
    static CURRENT: RefCell<Ambient> = const { RefCell::new(Ambient::NOTHING) };
}

/// Makes `next` current and gives back what was. A thread that is being torn down has nothing.
pub(crate) fn replace(next: Ambient) -> Ambient {
    CURRENT
        .try_with(|current| match current.try_borrow_mut() {
            Ok(mut current) => std::mem::replace(&mut *current, next),
            Err(_) => Ambient::NOTHING,
        })
        .unwrap_or(Ambient::NOTHING)
}

/// What is current.
pub(crate) fn ambient() -> Ambient {
    CURRENT
        .try_with(|current| current.try_borrow().map_or(Ambient::NOTHING, |current| current.clone()))
        .unwrap_or(Ambient::NOTHING)
}

/// Makes something current until it is dropped.
pub(crate) struct Restore(Option<Ambient>);

impl Restore {
    pub(crate) fn after(next: Ambient) -> Restore {
        Restore(Some(replace(next)))
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        if let Some(before) = self.0.take() {
            drop(replace(before));
        }
    }
}

/// Whether this process ever had a recorder.
static MODE: AtomicU8 = AtomicU8::new(UNKNOWN);
const UNKNOWN: u8 = 0;
const OFF: u8 = 1;
const REQUIRED: u8 = 2;
const ON: u8 = 3;

/// There never was a recorder, and none is required.
pub(crate) fn is_off() -> bool {
    MODE.load(Ordering::Relaxed) == OFF
}

/// From now on entries look for a recorder.
pub(crate) fn wake() {
    static WOKEN: Once = Once::new();
    // Who comes second waits until the first is through: behind this line no site lets an entry of this thread pass.
    WOKEN.call_once(|| {
        MODE.store(ON, Ordering::SeqCst);
        if !seeded::is("sites_keep_passing") {
            site::ask_everywhere();
        }
    });
}

/// Whether `AUDIT_REQUIRED` refuses entries without a recorder.
pub(crate) fn is_required() -> bool {
    static REQUIRE: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    let required = *REQUIRE.get_or_init(crate::config::audit_required);
    let mode = if required { REQUIRED } else { OFF };
    let _first = MODE.compare_exchange(UNKNOWN, mode, Ordering::SeqCst, Ordering::SeqCst);
    required
}

/// The recorder that serves the whole process, and how many guards keep it there.
struct Serving {
    recorder: Recorder,
    guards: usize,
}

static INSTALLED: RwLock<Option<Serving>> = RwLock::new(None);

/// The recorder that serves the whole process.
pub(crate) fn installed() -> Option<Recorder> {
    INSTALLED.read().as_ref().map(|serving| serving.recorder.clone())
}

/// Makes `recorder` serve the whole process, for one guard more.
///
/// # Errors
/// `AUD0108` when another one does.
pub(crate) fn install(recorder: &Recorder) -> Result<(), Error> {
    let mut place = INSTALLED.write();
    match &mut *place {
        Some(other) if other.recorder.number() != recorder.number() => {
            Err(Error::new(Code::AlreadyInstalled, format!("installing the recorder of stream {}", recorder.stream()))
                .detail(format!("stream {} is installed", other.recorder.stream())))
        }
        Some(serving) => {
            serving.guards += 1;
            Ok(())
        }
        None => {
            *place = Some(Serving { recorder: recorder.clone(), guards: 1 });
            wake();
            Ok(())
        }
    }
}

/// One guard less; true when none is left, and the service of `recorder` has ended.
pub(crate) fn release(recorder: &Recorder) -> bool {
    let mut place = INSTALLED.write();
    match &mut *place {
        Some(serving) if serving.recorder.number() == recorder.number() && serving.guards > 1 => {
            serving.guards -= 1;
            false
        }
        _ => {
            drop(place);
            uninstall(recorder);
            true
        }
    }
}

/// Ends the service of `recorder`, if it is the installed one, whoever else has a guard of it.
pub(crate) fn uninstall(recorder: &Recorder) {
    let mut place = INSTALLED.write();
    let gone = place.take_if(|serving| serving.recorder.number() == recorder.number());
    // Dropped behind the lock: it may be the last handle, and closes its stream then.
    drop(place);
    drop(gone);
}

/// The recorder of the innermost scope, else the installed one.
pub(crate) fn current_recorder() -> Option<Recorder> {
    if is_off() {
        return None;
    }
    ambient().recorder.or_else(installed)
}

/// A run that is under way, and the thread that began it.
struct Active {
    recorder: u32,
    run: RunId,
    thread: ThreadId,
}

static RUNS: RwLock<Vec<Active>> = RwLock::new(Vec::new());

/// A run begins: as long as it is the only one of its recorder, entries without a context belong to it.
pub(crate) fn run_begun(recorder: u32, run: RunId) {
    RUNS.write().push(Active { recorder, run, thread: std::thread::current().id() });
}

/// A run ends.
pub(crate) fn run_ended(recorder: u32, run: RunId) {
    RUNS.write().retain(|active| active.recorder != recorder || active.run != run);
}

/// Where an entry belongs: its run, its parent, and whether it lost its context.
pub(crate) struct Place {
    pub(crate) run: RunId,
    pub(crate) parent: Id,
    pub(crate) unattributed: bool,
    /// The parent's context was carried here.
    pub(crate) detached: bool,
}

/// The place of an entry that is made now, with this recorder.
pub(crate) fn place(recorder: u32, ambient: &Ambient) -> Place {
    let mine = ambient.recorder.as_ref().is_some_and(|r| r.number() == recorder);
    if mine && (ambient.run != RunId::NONE || !ambient.state.is_none()) {
        return Place {
            run: ambient.run,
            parent: ambient.state,
            unattributed: false,
            detached: ambient.carried && !ambient.state.is_none(),
        };
    }
    let runs = RUNS.read();
    let mut active = runs.iter().filter(|active| active.recorder == recorder);
    match (active.next(), active.next()) {
        (None, _) => Place { run: RunId::NONE, parent: Id::NONE, unattributed: false, detached: false },
        // The thread that began the only run is where its work starts; any other thread got work from somewhere.
        (Some(only), None) => Place {
            run: only.run,
            parent: Id::NONE,
            unattributed: only.thread != std::thread::current().id(),
            detached: false,
        },
        (Some(_), Some(_)) => Place { run: RunId::NONE, parent: Id::NONE, unattributed: true, detached: false },
    }
}

/// What is current here, to be carried to where the work goes on: another task, thread or pool.
///
/// ```
/// # use audit_runtime::audit_context;
/// let context = audit_context();
/// std::thread::spawn(move || context.run(|| { /* audited calls here have their caller as parent */ })).join().unwrap();
/// ```
#[derive(Clone)]
#[must_use = "a context does nothing until work runs in it"]
pub struct AuditContext(Ambient);

/// Makes a recorder current on this thread for good.
#[cfg(feature = "testkit")]
pub(crate) fn adopt(recorder: &Recorder) {
    wake();
    drop(replace(Ambient::of(recorder)));
}

/// What is current here.
pub fn audit_context() -> AuditContext {
    if seeded::is("context_not_carried") {
        return AuditContext(Ambient::NOTHING);
    }
    AuditContext(Ambient { carried: true, ..ambient() })
}

impl AuditContext {
    /// The context of a scope.
    pub(crate) fn of(recorder: &Recorder, run: RunId) -> AuditContext {
        wake();
        AuditContext(Ambient { run, ..Ambient::of(recorder) })
    }

    /// The context inside an open node state, for work that its guard gives away.
    pub(crate) fn inside(recorder: &Recorder, run: RunId, state: Id) -> AuditContext {
        wake();
        AuditContext(Ambient { run, state, carried: true, ..Ambient::of(recorder) })
    }

    /// Runs a closure in this context.
    pub fn run<R>(&self, work: impl FnOnce() -> R) -> R {
        let _restore = Restore::after(self.0.clone());
        work()
    }

    /// A closure that runs `work` in this context, for `thread::spawn` and `rayon::spawn`.
    pub fn wrap<R>(self, work: impl FnOnce() -> R) -> impl FnOnce() -> R {
        move || self.run(work)
    }

    /// A future that runs in this context, on whatever thread it is polled.
    pub fn wrap_future<F: Future>(self, future: F) -> InContext<F> {
        InContext { future: Some(future), context: self }
    }
}

impl std::fmt::Debug for AuditContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuditContext").field("run", &self.0.run).field("state", &self.0.state).finish()
    }
}

/// Carries the context into `spawn`.
pub trait InAuditContext: Future + Sized {
    /// This future in the context that is current now: `tokio::spawn(work().in_audit_context())`.
    fn in_audit_context(self) -> InContext<Self> {
        audit_context().wrap_future(self)
    }
}

impl<F: Future> InAuditContext for F {}

pin_project! {
    /// A future that runs in a context that was current elsewhere.
    #[must_use = "futures do nothing unless polled"]
    pub struct InContext<F> {
        #[pin]
        future: Option<F>,
        context: AuditContext,
    }

    impl<F> PinnedDrop for InContext<F> {
        // What the future ends while it is dropped is ended in its context.
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _restore = Restore::after(this.context.0.clone());
            this.future.set(None);
        }
    }
}

impl<F: Future> Future for InContext<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let _restore = Restore::after(this.context.0.clone());
        match this.future.as_mut().as_pin_mut() {
            Some(future) => {
                let polled = future.poll(cx);
                if polled.is_ready() {
                    this.future.set(None);
                }
                polled
            }
            None => panic!("a future was polled after it had ended"),
        }
    }
}
