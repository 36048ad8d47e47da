//! The plan of a lab: it counts every moment, and does at an armed one what was asked.

use crate::case::{Case, Kind, phase_text};
use crate::lab::room::die;
use crate::sites::site_name;
use audit_runtime::clock::ManualClock;
use audit_runtime::fault::{Answer, Hit, Phase, Plan};
use parking_lot::{Condvar, Mutex};
use std::collections::HashMap;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// How an injected panic begins; the testkit keeps its text off the screen.
pub(crate) const INJECTED: &str = "the testkit panics at ";

/// A moment that was reached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) hit: Hit,
    pub(crate) nth: u32,
}

impl Seen {
    pub(crate) fn case(&self, kind: Kind) -> Case {
        Case { place: site_name(self.hit.site), nth: self.nth, phase: phase_text(self.hit.phase), kind }
    }
}

/// A fault that happened.
#[derive(Clone, Debug)]
pub(crate) struct Fired {
    pub(crate) case: Case,
    /// Where, unless it was no site.
    pub(crate) at: Option<Hit>,
}

struct Armed {
    case: Case,
    hold: Option<Arc<Gate>>,
    /// It came to its moment.
    met: bool,
    /// It happened there.
    fired: bool,
}

/// Whether this fault is one of those that can happen at this moment.
pub(crate) fn can_happen(kind: Kind, hit: &Hit) -> bool {
    match kind {
        Kind::Panic | Kind::Delay | Kind::Kill => true,
        Kind::Error => hit.can_fail,
        Kind::Cancel => hit.can_cancel,
        Kind::RefusedBegin => hit.can_refuse && hit.phase == Phase::BeforeBegin,
        Kind::FailedClose => hit.can_refuse && hit.phase == Phase::BeforeComplete,
        Kind::FailsOnce
        | Kind::FailsForEver
        | Kind::Full
        | Kind::Slow
        | Kind::KeptButAnswerLost
        | Kind::PowerCut
        | Kind::TornTail
        | Kind::ShortWrite => false,
    }
}

/// Where the wall clock goes in a delay, in turn: an hour back, an hour on, a millisecond back.
const JUMPS: [i64; 3] = [-3_600_000_000_000, 3_600_000_000_000, -1_000_000];

impl Armed {
    fn fire(&mut self) -> Case {
        self.fired = true;
        self.case.clone()
    }
}

#[derive(Default)]
struct State {
    counts: HashMap<(usize, Phase), u32>,
    seen: Vec<Seen>,
    armed: Vec<Armed>,
    fired: Vec<Fired>,
    polls: u32,
    cut: bool,
    hung: bool,
    waker: Option<Waker>,
}

impl State {
    /// How often the scenario came to where a case is.
    fn came(&self, case: &Case) -> String {
        if case.place == "poll" {
            return format!("the scenario suspended {} times", self.polls);
        }
        let here = |seen: &&Seen| phase_text(seen.hit.phase) == case.phase && site_name(seen.hit.site) == case.place;
        let came = self.seen.iter().filter(here).count();
        format!("the scenario came to `{}` of {} {came} times", case.phase, case.place)
    }
}

/// Called at every moment, before what is armed there happens.
pub(crate) type OnHit = Box<dyn Fn(&Seen) + Send + Sync>;

/// See the module.
pub(crate) struct Script {
    state: Mutex<State>,
    clock: Arc<ManualClock>,
    on_hit: Option<OnHit>,
    /// Where a kill says where it struck.
    last_words: Option<PathBuf>,
}

impl Script {
    pub(crate) fn new(clock: Arc<ManualClock>, on_hit: Option<OnHit>, last_words: Option<PathBuf>) -> Script {
        Script { state: Mutex::default(), clock, on_hit, last_words }
    }

    pub(crate) fn arm(&self, case: Case) {
        self.state.lock().armed.push(Armed { case, hold: None, met: false, fired: false });
    }

    pub(crate) fn hold(&self, case: Case) -> Hold {
        let gate = Arc::new(Gate::default());
        let hold = Some(Arc::clone(&gate));
        self.state.lock().armed.push(Armed { case: case.clone(), hold, met: false, fired: false });
        Hold { gate, case }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.lock().seen.clone()
    }

    pub(crate) fn fired(&self) -> Vec<Fired> {
        self.state.lock().fired.clone()
    }

    /// What was armed and never happened, as texts.
    pub(crate) fn inert(&self) -> Vec<String> {
        let state = self.state.lock();
        let idle = state.armed.iter().filter(|armed| !armed.fired);
        idle.map(|armed| match (armed.met, &armed.hold) {
            (true, _) => format!("INERT: {} was armed, and cannot happen at this moment", armed.case),
            (false, None) => {
                format!("INERT: {} was armed, and its moment never came: {}", armed.case, state.came(&armed.case))
            }
            (false, Some(_)) => {
                format!("INERT: {} was to be held, and its moment never came: {}", armed.case, state.came(&armed.case))
            }
        })
        .collect()
    }

    /// Why a case that was armed has not happened, and what to do.
    pub(crate) fn why_inert(&self, case: &Case) -> String {
        const CURE: &str = "it must come there each time: no time, chance or leftovers of earlier runs may decide; or leave \
                            it out by `.sites(..)` or `.phases(..)`";
        let state = self.state.lock();
        if state.armed.iter().any(|armed| armed.case == *case && armed.met) {
            return format!("`{}` cannot happen at this moment", case.kind.text());
        }
        format!("{}; {CURE}", state.came(case))
    }

    /// What was armed.
    pub(super) fn armed(&self) -> Vec<String> {
        self.state.lock().armed.iter().map(|armed| armed.case.to_string()).collect()
    }

    /// Whether the scenario was dropped because its time was up.
    pub(crate) fn hung(&self) -> bool {
        self.state.lock().hung
    }

    /// The scenario's time is up: its future is dropped as soon as its runtime comes to it.
    pub(super) fn give_up(&self) {
        self.state.lock().hung = true;
        self.cut();
    }

    pub(crate) fn polls(&self) -> u32 {
        self.state.lock().polls
    }

    /// The scenario's future is about to be polled; true when it must be dropped instead.
    pub(crate) fn before_poll(&self, waker: &Waker) -> bool {
        let mut state = self.state.lock();
        if !state.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            state.waker = Some(waker.clone());
        }
        state.cut
    }

    /// It has to come back later; true when it must be dropped.
    pub(crate) fn after_poll(&self) -> bool {
        let mut state = self.state.lock();
        state.polls += 1;
        let nth = state.polls;
        let armed = state.armed.iter_mut().find(|armed| armed.case.place == "poll" && armed.case.nth == nth);
        if let Some(case) = armed.map(Armed::fire) {
            state.fired.push(Fired { case, at: None });
            state.cut = true;
        }
        state.cut
    }

    fn cut(&self) {
        let waker = {
            let mut state = self.state.lock();
            state.cut = true;
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Plan for Script {
    fn at(&self, hit: &Hit) -> Answer {
        let (seen, armed, jump) = {
            let mut state = self.state.lock();
            let nth = state.counts.entry((std::ptr::from_ref(hit.site) as usize, hit.phase)).or_default();
            *nth += 1;
            let seen = Seen { hit: *hit, nth: *nth };
            state.seen.push(seen);
            let name = site_name(hit.site);
            let phase = phase_text(hit.phase);
            let here = |case: &Case| case.nth == seen.nth && case.phase == phase && case.place == name;
            let armed = state.armed.iter_mut().find(|armed| here(&armed.case));
            let armed = armed.and_then(|armed| {
                armed.met = true;
                can_happen(armed.case.kind, hit).then(|| (armed.fire(), armed.hold.clone()))
            });
            if let Some((case, _)) = &armed {
                state.fired.push(Fired { case: case.clone(), at: Some(*hit) });
            }
            (seen, armed, JUMPS[state.seen.len() % JUMPS.len()])
        };
        if let Some(on_hit) = &self.on_hit {
            on_hit(&seen);
        }
        let Some((case, hold)) = armed else { return Answer::Go };
        if let Some(gate) = hold {
            gate.stop(&case);
            return Answer::Go;
        }
        match case.kind {
            Kind::Panic => std::panic::panic_any(format!("{INJECTED}{case}")),
            Kind::Kill => {
                if let Some(file) = &self.last_words {
                    // Without its last words a kill counts as one that never struck.
                    drop(std::fs::write(file, format!("{:#}", hit.state)));
                }
                die()
            }
            Kind::Error => Answer::Fail,
            Kind::RefusedBegin | Kind::FailedClose => Answer::Refuse,
            Kind::Cancel => {
                self.cut();
                Answer::Cancel
            }
            Kind::Delay => {
                use audit_runtime::clock::Clock as _;
                self.clock.advance(1_000_000_000);
                self.clock.step_wall(jump);
                debug_assert!(self.clock.mono_ns() > 0);
                Answer::Go
            }
            Kind::FailsOnce
            | Kind::FailsForEver
            | Kind::Full
            | Kind::Slow
            | Kind::KeptButAnswerLost
            | Kind::PowerCut
            | Kind::TornTail
            | Kind::ShortWrite => Answer::Go,
        }
    }
}

#[derive(Default)]
struct Gate {
    state: Mutex<GateState>,
    changed: Condvar,
}

#[derive(Default)]
struct GateState {
    reached: bool,
    open: bool,
    waker: Option<Waker>,
}

/// The longest that code is held before the test is told that nobody lets go.
const PATIENCE: Duration = Duration::from_secs(10);

impl Gate {
    fn stop(&self, case: &Case) {
        let mut state = self.state.lock();
        state.reached = true;
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
        self.changed.notify_all();
        while !state.open {
            if self.changed.wait_for(&mut state, PATIENCE).timed_out() && !state.open {
                drop(state);
                panic!(
                    "held at {case} and nobody let go; code that is held needs a thread of its own: `threads = 2`, `lab.spawn_blocking` or `lab.thread`"
                );
            }
        }
    }
}

/// Code that will be held at a moment. Awaited, or [`reached`](Hold::reached), it tells that the code stands there; dropped,
/// it lets the code go on.
pub struct Hold {
    gate: Arc<Gate>,
    case: Case,
}

impl Hold {
    /// Blocks until the code stands at the moment.
    ///
    /// # Panics
    /// When it does not get there in ten seconds.
    #[track_caller]
    pub fn reached(&self) {
        let mut state = self.gate.state.lock();
        while !state.reached {
            assert!(
                !self.gate.changed.wait_for(&mut state, PATIENCE).timed_out(),
                "nothing came to the moment that is held: {}",
                self.case
            );
        }
    }

    /// Waits until the code stands at the moment.
    pub async fn is_reached(&self) {
        Reached(&self.gate).await;
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.gate.state.lock().open = true;
        self.gate.changed.notify_all();
    }
}

struct Reached<'a>(&'a Gate);

impl Future for Reached<'_> {
    type Output = ();
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.state.lock();
        if state.reached {
            return Poll::Ready(());
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}
