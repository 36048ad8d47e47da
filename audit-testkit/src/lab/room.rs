//! The lab itself: opened in a fresh directory, closed and checked when its test ends.

use crate::case::{Case, Kind, phase_text};
use crate::coverage;
use crate::lab::script::{Hold, INJECTED, OnHit, Script};
use crate::lab::told::Told;
use crate::promises;
use crate::sites::{resolve, site_name};
use crate::story::Story;
use audit_runtime::clock::ManualClock;
use audit_runtime::fault::{Phase, Watch};
use audit_runtime::journal::{Layout, Storage};
use audit_runtime::trail::{Known, invariants};
use audit_runtime::{Builder, Durability, Recorder};
use parking_lot::Mutex;
use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Once};
use std::time::Duration;

/// 2026-01-01T00:00:00Z: where every lab's clock stands when it opens.
const START_NS: i64 = 1_767_225_600_000_000_000;

thread_local! {
    /// Labs that this thread is inside of.
    static INSIDE: Cell<u32> = const { Cell::new(0) };
    /// Whether panics of this thread stay off the screen.
    static HUSHED: Cell<bool> = const { Cell::new(false) };
}

/// File of a mortal lab: what its recorder had acknowledged.
pub(crate) const ACKNOWLEDGED: &str = "acknowledged";
/// File of a mortal lab: the node state that was open where the kill struck.
pub(crate) const STRUCK: &str = "struck";

/// One test's own trail, clock, plan and threads. Clones are the same lab.
///
/// ```no_run
/// use audit_testkit::Lab;
/// let lab = Lab::new();
/// lab.scope(|| { /* audited calls are recorded in this lab */ });
/// lab.finish();
/// ```
#[derive(Clone)]
pub struct Lab(pub(super) Arc<Room>);

pub(super) struct Room {
    /// Removed with the lab, unless the directory was given.
    _home: Option<tempfile::TempDir>,
    dir: PathBuf,
    trail: PathBuf,
    recorder: Recorder,
    pub(super) script: Arc<Script>,
    clock: Arc<ManualClock>,
    told: Arc<Told>,
    watch: Mutex<Option<Watch>>,
    pub(super) threads: usize,
    pub(super) patience: Duration,
    /// Threads that this lab has started and that have not ended.
    pub(super) running: Arc<AtomicUsize>,
    /// The thread that opened it: under a test harness it is called as its test.
    pub(super) owner: String,
    /// Somebody has looked at what it came to.
    closed: AtomicBool,
}

/// How long a lab that was opened by hand waits for work that does not end.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a lab is opened with.
#[derive(Default)]
pub(crate) struct Setup {
    /// A directory that somebody else keeps.
    pub(crate) dir: Option<PathBuf>,
    /// What is acknowledged, and where a kill struck, is kept in files of that directory.
    pub(crate) mortal: bool,
    pub(crate) storage: Option<Arc<dyn Storage>>,
    pub(crate) on_hit: Option<OnHit>,
    /// Worker threads; 0 is one thread whose timers fire at once.
    pub(crate) threads: usize,
    pub(crate) durability: Option<Durability>,
    /// How long it waits for work that does not end.
    pub(crate) patience: Option<Duration>,
}

/// A temporary directory, in memory where the system has such a place.
pub(crate) fn fast_dir() -> std::io::Result<tempfile::TempDir> {
    tempfile::Builder::new().prefix("audit-lab-").tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())
}

/// Ends this process as `kill -9` does.
pub(crate) fn die() -> ! {
    loop {
        // The signal needs no return; should it ever fail, an abort is the next best death.
        if rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).is_err() {
            std::process::abort();
        }
    }
}

/// Keeps all panics of this thread off the screen while `work` runs: what a scenario does by itself was shown by its first
/// run, and is done again for each of hundreds of faults.
pub(crate) fn hushed<R>(work: impl FnOnce() -> R) -> R {
    struct Unhush;
    impl Drop for Unhush {
        fn drop(&mut self) {
            HUSHED.set(false);
        }
    }
    HUSHED.set(true);
    let _unhush = Unhush;
    work()
}

/// Keeps injected panics, and refusals by panic, off the screen: a matrix makes hundreds of them.
fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let text = info.payload().downcast_ref::<String>();
            let planned = text.is_some_and(|text| text.starts_with(INJECTED));
            let refusal =
                INSIDE.try_with(Cell::get).is_ok_and(|n| n > 0) && info.payload().is::<audit_runtime::Error>();
            let hushed = HUSHED.try_with(Cell::get).unwrap_or(false);
            if !planned && !refusal && !hushed {
                before(info);
            }
        }));
    });
}

impl Lab {
    /// A lab in a fresh directory.
    ///
    /// # Panics
    /// Inside another lab: they do not nest. Where no trail can be opened.
    #[must_use]
    #[track_caller]
    #[expect(clippy::new_without_default, reason = "opening a trail is no default value")]
    pub fn new() -> Lab {
        match Lab::open(Setup::default()) {
            Ok(lab) => lab,
            Err(error) => panic!("the lab cannot be opened: {error}"),
        }
    }

    #[track_caller]
    pub(crate) fn open(setup: Setup) -> Result<Lab, String> {
        assert!(
            INSIDE.get() == 0,
            "a lab, or a matrix, was opened inside a lab: they do not nest; use the lab that the test was given, or open this one in a test of its own"
        );
        quiet_panics();
        let home = match &setup.dir {
            Some(_) => None,
            None => Some(fast_dir().map_err(|error| format!("making a directory: {error}"))?),
        };
        let dir = setup.dir.or_else(|| home.as_ref().map(|home| home.path().to_owned())).unwrap_or_default();
        let trail = dir.join("trail");
        let clock = Arc::new(ManualClock::at(START_NS));
        let last_words = setup.mortal.then(|| dir.join(STRUCK));
        let script = Arc::new(Script::new(Arc::clone(&clock), setup.on_hit, last_words));
        let told = match setup.mortal {
            false => Told::default(),
            true => Told::into_file(&dir.join(ACKNOWLEDGED)).map_err(|error| error.to_string())?,
        };
        let told = Arc::new(told);
        let mut builder = plain(&trail).clock(Arc::clone(&clock) as _).plan(Arc::clone(&script) as _);
        if let Some(storage) = setup.storage {
            builder = builder.storage(storage);
        }
        if let Some(durability) = setup.durability {
            builder = builder.durability(durability);
        }
        let recorder = builder.open().map_err(|error| error.to_string())?;
        recorder.observe(Arc::clone(&told) as _);
        let watch = Mutex::new(Some(Watch::begin()));
        Ok(Lab(Arc::new(Room {
            _home: home,
            dir,
            trail,
            recorder,
            script,
            clock,
            told,
            watch,
            threads: setup.threads,
            patience: setup.patience.unwrap_or(PATIENCE),
            running: Arc::default(),
            owner: std::thread::current().name().unwrap_or_default().to_owned(),
            closed: AtomicBool::new(false),
        })))
    }

    /// The lab's recorder.
    #[must_use]
    pub fn recorder(&self) -> &Recorder {
        &self.0.recorder
    }

    /// A directory that goes with the lab; its trail is the folder `trail` in it.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.0.dir
    }

    /// The trail's directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.trail
    }

    /// The lab's clock; it moves only when told to.
    #[must_use]
    pub fn clock(&self) -> &ManualClock {
        &self.0.clock
    }

    /// The trail as it stands on disk now.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    #[track_caller]
    pub fn trail(&self) -> Story {
        match Story::read(&self.0.trail) {
            Ok(story) => story,
            Err(error) => panic!("the lab's trail cannot be read: {error}"),
        }
    }

    /// Arms one fault: at this site, `path#nth` or its first visit, at this moment.
    ///
    /// # Panics
    /// When no such site is linked in; near names are told.
    #[track_caller]
    pub fn inject(&self, site: &str, phase: Phase, kind: Kind) {
        self.0.script.arm(named(site, phase, kind));
    }

    /// Stops the code at a moment until the [`Hold`] is dropped.
    ///
    /// # Panics
    /// As [`inject`](Lab::inject).
    #[track_caller]
    pub fn hold(&self, site: &str, phase: Phase) -> Hold {
        self.0.script.hold(named(site, phase, Kind::Delay))
    }

    /// Runs a closure in this lab.
    pub fn scope<R>(&self, work: impl FnOnce() -> R) -> R {
        let _inside = Inside::enter();
        self.0.recorder.scope(work)
    }

    pub(crate) fn script(&self) -> &Script {
        &self.0.script
    }

    pub(crate) fn told(&self) -> &Told {
        &self.0.told
    }

    /// Audited calls that were made in no lab while this one was open, as texts.
    pub(crate) fn orphans(&self) -> Vec<String> {
        self.0.orphans()
    }

    /// What a run without faults must not leave: faults that a test armed and that never happened, threads that run on, a
    /// scenario that did not end.
    pub(crate) fn unfinished(&self) -> Vec<String> {
        self.0.unfinished()
    }

    /// As [`orphans`](Lab::orphans), and watches no longer.
    pub(crate) fn watched(&self) -> Vec<String> {
        let orphans = self.orphans();
        drop(self.0.watch.lock().take());
        orphans
    }

    /// Whether anything is left for a recovery: entries that are open, a recorder that failed.
    pub(crate) fn close(&self) -> bool {
        self.0.close()
    }

    /// Closes the lab without a look at what it left: for a test that breaks its trail on purpose and says itself what must
    /// become of it.
    pub fn give_up(self) {
        self.0.close();
    }

    /// Closes the lab and checks what must hold of every trail, that no work went astray, and that every fault that was
    /// armed has happened. A lab that is dropped without it is checked as well.
    ///
    /// # Panics
    /// With each broken promise.
    #[track_caller]
    pub fn finish(self) {
        self.0.finish();
    }
}

impl Room {
    /// Whether a stray call on this thread is this lab's affair. The tests beside it have threads that are called by their
    /// paths, and their own labs.
    fn concerns(&self, thread: &str) -> bool {
        let of_another_test = thread.contains("::") && !self.owner.is_empty() && thread != self.owner;
        !of_another_test
    }

    fn orphans(&self) -> Vec<String> {
        let seen = self.watch.lock().as_ref().map(Watch::seen).unwrap_or_default();
        let thread = |name: &str| {
            if name.is_empty() { "a thread without a name".to_owned() } else { format!("thread `{name}`") }
        };
        let ours = seen.iter().filter(|orphan| self.concerns(&orphan.thread));
        ours.map(|orphan| {
            format!(
                "I10 {} ran on {} in no lab: start threads with `lab.thread`, tasks inside `lab.block_on`, and carry contexts with `audit_context()`",
                site_name(orphan.site),
                thread(&orphan.thread)
            )
        })
        .collect()
    }

    fn unfinished(&self) -> Vec<String> {
        let mut left = self.script.inert();
        if self.script.hung() {
            left.push(format!("the scenario hung: no end within {:?}", self.patience));
        }
        match self.running.load(Ordering::SeqCst) {
            0 => {}
            1 => left.push("a thread of this lab still runs when its test has ended: join it".to_owned()),
            n => left.push(format!("{n} threads of this lab still run when its test has ended: join them")),
        }
        left
    }

    fn close(&self) -> bool {
        self.closed.store(true, Ordering::SeqCst);
        let leaked = !self.recorder.leaked().is_empty();
        let failed = self.recorder.close().is_err();
        leaked || failed
    }

    #[track_caller]
    fn finish(&self) {
        let leaked = self.recorder.leaked();
        let mut broken = self.orphans();
        broken.extend(self.unfinished());
        broken.extend(leaked.iter().map(|entry| format!("I1 {entry} is still open when its test has ended")));
        if self.close() {
            broken.extend(self.recorder.health().poison.map(|poison| format!("the recorder failed: {poison}")));
        }
        let known = Known { acknowledged: self.told.all(), roots: true };
        match invariants(&Layout::at(&self.trail), &known) {
            Ok(census) => broken.extend(census.findings.iter().map(ToString::to_string)),
            Err(error) => broken.push(error.to_string()),
        }
        if let Ok(story) = Story::read(&self.trail) {
            let seen = self.script.seen();
            broken.extend(promises::kept(&seen, &story));
            let _ends = coverage::lab(&coverage::this_test(), &seen, &story, &self.script.fired());
        }
        assert!(broken.is_empty(), "the lab's trail is not sound:\n  {}", broken.join("\n  "));
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // Who panics has told already that something is wrong.
        if !self.closed.load(Ordering::SeqCst) && !std::thread::panicking() {
            self.finish();
        }
    }
}

/// A trail without anything that works behind the test's back.
pub(crate) fn plain(trail: &Path) -> Builder {
    const DAY: Duration = Duration::from_secs(86_400);
    Builder::new(trail)
        .actor("a lab")
        .project(false)
        .patrol(DAY)
        .sync_interval(DAY)
        .ack_timeout(Duration::from_secs(5))
        .segments(64 * 1024, 1 << 20)
}

/// The case that a test wrote down by hand.
#[track_caller]
fn named(site: &str, phase: Phase, kind: Kind) -> Case {
    let (name, nth) = match site.rsplit_once('#') {
        Some((name, nth)) => (name, nth.parse().unwrap_or(0)),
        None => (site, 1),
    };
    assert!(nth > 0, "`{site}`: visits are counted from 1, as in `charge#2`");
    match resolve(name) {
        Ok(place) => Case { place, nth, phase: phase_text(phase), kind },
        Err(why) => panic!("{why}"),
    }
}

/// This thread is inside a lab.
pub(super) struct Inside;

impl Inside {
    /// Whether this thread is inside a lab.
    pub(super) fn is_here() -> bool {
        INSIDE.get() > 0
    }

    pub(super) fn enter() -> Inside {
        INSIDE.set(INSIDE.get() + 1);
        Inside
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.set(INSIDE.get() - 1);
    }
}
