//! Where a plan may ask for a fault: each moment of an audited call. Two keys keep it out of production: the feature
//! `testkit`, which only the testkit sets, and a plan, which only a lab's recorder carries. Nothing here reads an
//! environment variable. In a build without the feature the plan is a type without a value and the question is a
//! constant "go on".

use crate::error::{Code, Error};
use crate::model::Id;
use crate::site::Site;

/// A moment of an audited call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Phase {
    /// Nothing is recorded yet.
    BeforeBegin,
    /// The opening is acknowledged, the body has not begun.
    AfterBegin,
    /// The first thing that the body itself does.
    Entered,
    /// Before the await with this ordinal in the body.
    BeforeAwait(u16),
    /// Behind it: its effect is done, its value not yet seen.
    AfterAwait(u16),
    /// At the `?` with this ordinal in the body.
    Question(u16),
    /// The body has ended, its terminal is not written.
    BeforeComplete,
    /// The terminal is acknowledged, the caller has not seen the value.
    AfterComplete,
}

/// What the code at a moment does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// Nothing else.
    Go,
    /// It returns an error in place of its value.
    Fail,
    /// It never comes back: whoever drives the future drops it.
    Cancel,
    /// The journal does not take the record.
    Refuse,
}

/// A moment, as a plan is told of it.
#[derive(Clone, Copy, Debug)]
pub struct Hit {
    /// Where.
    pub site: &'static Site,
    /// When.
    pub phase: Phase,
    /// The node state, if it is open.
    pub state: Id,
    /// An error can take the place of the value.
    pub can_fail: bool,
    /// The code is a future that can be dropped here.
    pub can_cancel: bool,
    /// A record is about to be written.
    pub can_refuse: bool,
}

impl Hit {
    /// A moment at which nothing but a panic, a delay or death is possible.
    pub(crate) fn new(site: &'static Site, phase: Phase, state: Id) -> Hit {
        Hit { site, phase, state, can_fail: false, can_cancel: false, can_refuse: false }
    }

    /// The source line: of the await, of the `?`, else of the function.
    #[must_use]
    pub fn line(&self) -> u32 {
        let lines = match self.phase {
            Phase::BeforeAwait(n) | Phase::AfterAwait(n) => self.site.options.inside.awaits.get(usize::from(n)),
            Phase::Question(n) => self.site.options.inside.questions.get(usize::from(n)),
            Phase::BeforeBegin | Phase::AfterBegin | Phase::Entered | Phase::BeforeComplete | Phase::AfterComplete => {
                None
            }
        };
        lines.copied().filter(|line| *line > 0).unwrap_or(self.site.line)
    }
}

/// The error that stands for the failure of whatever is at this moment.
#[cold]
pub(crate) fn injected(hit: &Hit) -> Error {
    Error::new(Code::Injected, format!("{:?} of {}", hit.phase, hit.site.node_name()))
}

/// Whether values of this type can be an error; told by name, because a body may be generic.
pub(crate) fn is_result<R>() -> bool {
    cfg!(feature = "testkit") && std::any::type_name::<R>().starts_with("core::result::Result<")
}

#[cfg(not(feature = "testkit"))]
mod off {
    use super::{Answer, Hit};

    /// There are no plans in this build.
    #[derive(Clone, Debug, Default)]
    pub(crate) struct Planned;

    impl Planned {
        #[inline(always)]
        pub(crate) fn is_some(&self) -> bool {
            false
        }

        #[inline(always)]
        pub(crate) fn ask(&self, _: impl FnOnce() -> Hit) -> Answer {
            Answer::Go
        }
    }

    /// Nobody asks.
    #[inline(always)]
    pub(crate) fn orphaned(_: &'static crate::site::Site) {}
}

#[cfg(feature = "testkit")]
mod on {
    use super::{Answer, Hit};
    use crate::site::Site;
    use parking_lot::Mutex;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    /// What a lab wants to happen, asked at every moment. It may panic, sleep or end the process by itself.
    pub trait Plan: Send + Sync {
        /// What happens at this moment.
        fn at(&self, hit: &Hit) -> Answer;
    }

    /// Whether this process ever had a plan.
    static PLANNED: AtomicBool = AtomicBool::new(false);

    /// Whether a plan can be there at all. Until this process has had one, a moment costs this load and nothing else.
    #[inline]
    pub(crate) fn is_armed() -> bool {
        // Whoever comes to a recorder with a plan has seen what happened before it was made.
        PLANNED.load(Ordering::Relaxed)
    }

    /// The plan of a recorder, if it belongs to a lab.
    #[derive(Clone, Default)]
    pub(crate) struct Planned(Option<Arc<dyn Plan>>);

    impl Planned {
        pub(crate) fn of(plan: Arc<dyn Plan>) -> Planned {
            PLANNED.store(true, Ordering::SeqCst);
            Planned(Some(plan))
        }

        #[inline]
        pub(crate) fn is_some(&self) -> bool {
            self.0.is_some()
        }

        #[inline]
        pub(crate) fn ask(&self, hit: impl FnOnce() -> Hit) -> Answer {
            match &self.0 {
                None => Answer::Go,
                Some(plan) => plan.at(&hit()),
            }
        }
    }

    impl std::fmt::Debug for Planned {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(if self.0.is_some() { "a lab's plan" } else { "no plan" })
        }
    }

    static WATCHED: AtomicUsize = AtomicUsize::new(0);
    static ORPHANS: Mutex<Vec<Orphan>> = Mutex::new(Vec::new());

    /// An audited call that had no recorder at all while labs were open.
    #[derive(Clone, Debug)]
    pub struct Orphan {
        /// Where.
        pub site: &'static Site,
        /// The thread's name; empty where it has none.
        pub thread: String,
    }

    /// Notes audited calls without a recorder as long as it lives.
    #[derive(Debug)]
    pub struct Watch {
        from: usize,
    }

    impl Watch {
        /// Begins to watch.
        #[must_use]
        pub fn begin() -> Watch {
            let orphans = ORPHANS.lock();
            WATCHED.fetch_add(1, Ordering::SeqCst);
            Watch { from: orphans.len() }
        }

        /// What was noted since.
        #[must_use]
        pub fn seen(&self) -> Vec<Orphan> {
            ORPHANS.lock()[self.from..].to_vec()
        }
    }

    impl Drop for Watch {
        fn drop(&mut self) {
            let mut orphans = ORPHANS.lock();
            if WATCHED.fetch_sub(1, Ordering::SeqCst) == 1 {
                orphans.clear();
            }
        }
    }

    #[cold]
    pub(crate) fn orphaned(site: &'static Site) {
        if WATCHED.load(Ordering::SeqCst) > 0 {
            let thread = std::thread::current().name().unwrap_or_default().to_owned();
            ORPHANS.lock().push(Orphan { site, thread });
        }
    }
}

#[cfg(not(feature = "testkit"))]
pub(crate) use off::{Planned, orphaned};
#[cfg(feature = "testkit")]
pub use on::{Orphan, Plan, Watch};
#[cfg(feature = "testkit")]
pub(crate) use on::{Planned, is_armed, orphaned};
