//! A body that is a future.
//!
//! ```text
//! Unpolled ─first poll─→ Opening ─acknowledged─→ Running ─ready─→ Closing ─acknowledged─→ Done
//!    │                     │ dropped: FAILED(cancelled)  │ dropped between polls: FAILED(cancelled)
//!    └ dropped: no record  └ refused: Done               └ dropped inside a poll: FAILED(panicked)
//! ```
//! Dropped in `Closing`, the terminal that is on its way stands. `Off` runs the body without a record.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::call::{begin, can_fail};
use super::end::End;
use super::entry::{self, Asked};
use super::hook;
use super::inputs::Given;
use crate::context::{self, Ambient, Restore};
use crate::error::Error;
use crate::fault::{self, Answer, Hit, Phase};
use crate::model::Id;
use crate::recorder::{Opened, Pending, Recorder};
use crate::seeded;
use crate::site::{Form, Site};

pin_project! {
    /// A future that leaves one opening record when it is first polled, and exactly one terminal.
    #[must_use = "futures do nothing unless polled: `.await` it"]
    pub struct Audited<F: Future, H> {
        #[pin]
        body: Option<F>,
        // Behind `body`: what the body still holds ends before the entry does.
        state: State,
        rest: Rest<F::Output, H>,
    }

    impl<F: Future, H> PinnedDrop for Audited<F, H> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if seeded::is("parent_ends_first") {
                let site = this.state.site;
                drop(std::mem::replace(this.state, State { site, stage: Stage::Done }));
            }
            this.state.abandon(this.body);
        }
    }
}

/// A body that can be dropped where it stands. Whoever drives it needs no more of its type, so that each audited function
/// brings as little code of its own as possible.
trait Drops {
    /// Drops what is still there.
    fn clear(self: Pin<&mut Self>);
}

/// A body that can be polled until it is done.
trait Body<R>: Drops {
    /// Polls it.
    fn step(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R>;
}

impl<F> Drops for Option<F> {
    fn clear(mut self: Pin<&mut Self>) {
        self.set(None);
    }
}

impl<F: Future> Body<F::Output> for Option<F> {
    fn step(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        match self.as_mut().as_pin_mut() {
            Some(body) => body.poll(cx),
            None => polled_again(),
        }
    }
}

/// Where a value waits for the acknowledgement of its terminal.
pub trait Hold<T> {
    /// Whether it can wait at all.
    const WAITS: bool;
    /// Keeps the value.
    fn put(&mut self, out: T);
    /// Gives it back.
    fn take(&mut self) -> Option<T>;
}

/// For values that may cross threads together with the future.
pub struct Held<T>(Option<T>);

impl<T> Held<T> {
    /// Empty.
    pub(crate) const EMPTY: Held<T> = Held(None);
}

impl<T> Hold<T> for Held<T> {
    const WAITS: bool = true;
    fn put(&mut self, out: T) {
        self.0 = Some(out);
    }
    fn take(&mut self) -> Option<T> {
        self.0.take()
    }
}

/// For values that must not cross threads: keeping one would take `Send` from a future that has it. The acknowledgement
/// is then waited for in place.
pub struct Unheld;

impl<T> Hold<T> for Unheld {
    const WAITS: bool = false;
    fn put(&mut self, _: T) {}
    fn take(&mut self) -> Option<T> {
        None
    }
}

/// A future that enters when it is first polled.
#[inline]
pub fn future<R, F: Future<Output = R>, H: Hold<R>>(
    site: &'static Site,
    body: F,
    judge: fn(&R, &mut End),
    refuse: fn(Error) -> R,
    out: H,
    given: Given,
) -> Audited<F, H> {
    let state = State { site, stage: Stage::Unpolled(given) };
    Audited { body: Some(body), state, rest: Rest { out, judge, refuse } }
}

/// A future that a function makes: the entry begins with the function and ends with the future.
#[inline]
pub fn made<R, F: Future<Output = R>, M: FnOnce() -> F, H: Hold<R>>(
    site: &'static Site,
    make: M,
    judge: fn(&R, &mut End),
    refuse: fn(Error) -> R,
    out: H,
    given: Given,
) -> Audited<F, H> {
    let (body, stage) = match begin(site, given) {
        Err(error) => (None, Stage::Refused(error)),
        Ok(entry) => {
            let body = make();
            let stage = match entry.hand_over() {
                None => Stage::Off,
                Some((recorder, opened)) => Stage::Running(Box::new(Live {
                    recorder,
                    opened,
                    pending: None,
                    polled: false,
                    begun: true,
                    held: false,
                })),
            };
            (Some(body), stage)
        }
    };
    Audited { body, state: State { site, stage }, rest: Rest { out, judge, refuse } }
}

/// The part of an audited future that does not depend on its body.
struct State {
    site: &'static Site,
    stage: Stage,
}

enum Stage {
    Unpolled(Given),
    Opening(Box<Live>),
    Running(Box<Live>),
    Closing(Box<Live>, Option<Error>),
    Refused(Error),
    Off,
    Done,
    /// A lab's plan: it never comes back, and whoever drives it drops it.
    Held,
}

struct Live {
    recorder: Recorder,
    opened: Opened,
    pending: Option<Pending>,
    /// A poll of the body is under way.
    polled: bool,
    /// The body has been polled.
    begun: bool,
    /// A lab's plan: it is not polled again.
    held: bool,
}

impl Live {
    fn ambient(&self) -> Ambient {
        Ambient::inside(&self.recorder, &self.opened)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match &mut self.pending {
            Some(pending) => self.recorder.poll(pending, cx),
            None => Poll::Ready(Ok(())),
        }
    }
}

/// What to do next with the body.
enum Step {
    /// Come back later.
    Wait,
    /// Poll the body.
    Run,
    /// Give this to the caller in place of a value.
    Refuse(Error),
    /// The terminal stands: give the value.
    Give,
}

impl State {
    /// Makes the entry current, where there is one, until the answer is dropped.
    fn inside(&self) -> Option<Restore> {
        match &self.stage {
            Stage::Running(live) => Some(Restore::after(live.ambient())),
            Stage::Unpolled(_)
            | Stage::Opening(_)
            | Stage::Closing(..)
            | Stage::Refused(_)
            | Stage::Off
            | Stage::Done
            | Stage::Held => None,
        }
    }

    /// Drops the body before its end. What it ends while it is dropped has this entry as its parent.
    fn abandon(&self, body: Pin<&mut dyn Drops>) {
        let _inside = self.inside();
        body.clear();
    }

    /// Up to the body.
    fn before(&mut self, cx: &mut Context<'_>) -> Step {
        loop {
            match std::mem::replace(&mut self.stage, Stage::Done) {
                Stage::Unpolled(given) => {
                    if context::passes(self.site) {
                        self.stage = Stage::Off;
                        return Step::Run;
                    }
                    match entry::ask(self.site, given, Form::Async) {
                        Err(error) => return Step::Refuse(error),
                        Ok(Asked::Held) => {
                            self.stage = Stage::Held;
                            return Step::Wait;
                        }
                        Ok(Asked::Unaudited) => self.stage = Stage::Off,
                        Ok(Asked::Opened(opening)) => {
                            let entry::Opening { recorder, opened, pending } = opening;
                            self.stage = Stage::Opening(Box::new(Live {
                                recorder,
                                opened,
                                pending: Some(pending),
                                polled: false,
                                begun: false,
                                held: false,
                            }));
                        }
                    }
                }
                Stage::Opening(mut live) => match live.poll(cx) {
                    Poll::Pending => {
                        self.stage = Stage::Opening(live);
                        return Step::Wait;
                    }
                    Poll::Ready(Ok(())) => {
                        live.pending = None;
                        self.stage = Stage::Running(live);
                    }
                    Poll::Ready(Err(error)) => match entry::answer(self.site, Some(&live.recorder), error) {
                        Ok(_) => self.stage = Stage::Off,
                        Err(error) => return Step::Refuse(error),
                    },
                },
                Stage::Running(live) if live.held => {
                    self.stage = Stage::Running(live);
                    return Step::Wait;
                }
                Stage::Running(mut live) => {
                    live.polled = true;
                    hook::opened(&live.recorder, &live.opened);
                    self.stage = Stage::Running(live);
                    return Step::Run;
                }
                Stage::Held => {
                    self.stage = Stage::Held;
                    return Step::Wait;
                }
                Stage::Off => {
                    self.stage = Stage::Off;
                    return Step::Run;
                }
                Stage::Closing(mut live, late) => match live.poll(cx) {
                    Poll::Pending => {
                        self.stage = Stage::Closing(live, late);
                        return Step::Wait;
                    }
                    Poll::Ready(written) => return self.judged(&live, written.err().or(late)),
                },
                Stage::Refused(error) => return Step::Refuse(error),
                Stage::Done => polled_again(),
            }
        }
    }

    /// Asks the plan, where there is one, what happens at this moment of a running body.
    #[inline]
    fn at(&mut self, phase: Phase, can_fail: bool) -> Answer {
        let Stage::Running(live) = &mut self.stage else { return Answer::Go };
        if phase == Phase::AfterBegin && std::mem::replace(&mut live.begun, true) {
            return Answer::Go;
        }
        let answer = live.recorder.0.planned.ask(|| Hit {
            can_fail,
            can_cancel: phase == Phase::AfterBegin,
            can_refuse: phase == Phase::BeforeComplete,
            ..Hit::new(self.site, phase, live.opened.id)
        });
        live.held = answer == Answer::Cancel;
        answer
    }

    /// The body has to come back later.
    fn suspended(&mut self) {
        if let Stage::Running(live) = &mut self.stage {
            live.polled = false;
            hook::closed(&live.opened);
        }
    }

    /// Whether there is an entry to end.
    fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Running(_))
    }

    /// The body has ended.
    fn end(&mut self, mut end: End, cx: &mut Context<'_>) -> Step {
        let Stage::Running(mut live) = std::mem::replace(&mut self.stage, Stage::Done) else { return Step::Give };
        hook::closed(&live.opened);
        match live.recorder.close_state(&live.opened, &end.close()) {
            Err(error) => self.judged(&live, Some(error)),
            Ok(pending) => {
                live.pending = Some(pending);
                self.stage = Stage::Closing(live, end.in_doubt());
                self.before(cx)
            }
        }
    }

    /// As [`end`](State::end), where the value cannot wait elsewhere.
    fn end_in_place(&mut self, mut end: End) -> Step {
        let Stage::Running(live) = std::mem::replace(&mut self.stage, Stage::Done) else { return Step::Give };
        hook::closed(&live.opened);
        let written =
            live.recorder.close_state(&live.opened, &end.close()).and_then(|pending| live.recorder.wait(pending));
        self.judged(&live, written.err().or_else(|| end.in_doubt()))
    }

    fn judged(&mut self, live: &Live, error: Option<Error>) -> Step {
        let recorded = error.is_none();
        if let Some(error) = error.and_then(|error| entry::answer_late(self.site, &live.recorder, error)) {
            return Step::Refuse(error);
        }
        let hit = || Hit { can_cancel: true, ..Hit::new(self.site, Phase::AfterComplete, live.opened.id) };
        if recorded && live.recorder.0.planned.ask(hit) == Answer::Cancel {
            self.stage = Stage::Held;
            return Step::Wait;
        }
        Step::Give
    }
}

impl Drop for State {
    fn drop(&mut self) {
        let (live, end) = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Opening(live) => (live, End::cancelled("dropped before the body was entered")),
            Stage::Running(live) if live.polled || seeded::is("cancel_told_as_panic") => (live, End::panicked()),
            Stage::Running(live) if seeded::is("panic_told_by_the_thread") && std::thread::panicking() => {
                (live, End::panicked())
            }
            Stage::Running(live) => (live, End::cancelled("dropped")),
            Stage::Unpolled(_) | Stage::Closing(..) | Stage::Refused(_) | Stage::Off | Stage::Done | Stage::Held => {
                return;
            }
        };
        hook::closed(&live.opened);
        if seeded::is("terminal_lost_on_drop") {
            return;
        }
        // The failure, if any, is in the recorder's poison slot; a dropped future ends quietly.
        drop(live.recorder.close_dropped(&live.opened, &end.close()));
    }
}

/// The part of an audited future that depends on its output alone: futures of one output share it.
struct Rest<R, H> {
    /// The body's value while it waits for the terminal's acknowledgement.
    out: H,
    judge: fn(&R, &mut End),
    refuse: fn(Error) -> R,
}

impl<R, H: Hold<R>> Rest<R, H> {
    fn poll(&mut self, state: &mut State, body: Pin<&mut dyn Body<R>>, cx: &mut Context<'_>) -> Poll<R> {
        match state.before(cx) {
            Step::Run => {}
            step => {
                if matches!(step, Step::Refuse(_)) {
                    body.clear();
                }
                return self.give(step);
            }
        }
        let inside = state.inside();
        if seeded::is("context_kept_between_polls") {
            std::mem::forget(inside);
            return self.run(state, body, cx);
        }
        self.run(state, body, cx)
    }

    /// Polls the body, and ends the entry when it is done.
    fn run(&mut self, state: &mut State, mut body: Pin<&mut dyn Body<R>>, cx: &mut Context<'_>) -> Poll<R> {
        let site = state.site;
        let mut out = match state.at(Phase::AfterBegin, can_fail::<R>(site)) {
            Answer::Fail => (self.refuse)(fault::injected(&Hit::new(site, Phase::AfterBegin, Id::NONE))),
            Answer::Cancel => {
                state.suspended();
                return Poll::Pending;
            }
            Answer::Go | Answer::Refuse => match body.as_mut().step(cx) {
                Poll::Ready(out) => out,
                Poll::Pending => {
                    state.suspended();
                    return Poll::Pending;
                }
            },
        };
        // What the body still holds ends before the entry does.
        body.clear();
        if !state.is_open() {
            return Poll::Ready(out);
        }
        let answer = state.at(Phase::BeforeComplete, can_fail::<R>(site));
        if answer == Answer::Fail {
            out = (self.refuse)(fault::injected(&Hit::new(site, Phase::BeforeComplete, Id::NONE)));
        }
        let mut end = End::returned();
        (self.judge)(&out, &mut end);
        if answer == Answer::Refuse {
            end.doom();
        }
        if !H::WAITS {
            return match state.end_in_place(end) {
                Step::Refuse(error) => Poll::Ready((self.refuse)(error)),
                Step::Wait => Poll::Pending,
                Step::Run | Step::Give => Poll::Ready(out),
            };
        }
        self.out.put(out);
        let step = state.end(end, cx);
        self.give(step)
    }

    fn give(&mut self, step: Step) -> Poll<R> {
        match step {
            Step::Wait => Poll::Pending,
            Step::Refuse(error) => Poll::Ready((self.refuse)(error)),
            Step::Give | Step::Run => match self.out.take() {
                Some(out) => Poll::Ready(out),
                None => polled_again(),
            },
        }
    }
}

#[cold]
fn polled_again() -> ! {
    panic!("an audited future was polled after it had ended")
}

impl<F: Future, H: Hold<F::Output>> Future for Audited<F, H> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.rest.poll(this.state, this.body, cx)
    }
}
