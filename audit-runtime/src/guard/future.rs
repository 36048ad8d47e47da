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

use super::call::begin;
use super::end::End;
use super::entry::{self, Asked};
use super::hook;
use super::inputs::Inputs;
use crate::context::{self, Ambient, Restore};
use crate::error::Error;
use crate::recorder::{Opened, Pending, Recorder};
use crate::site::Site;

pin_project! {
    /// A future that leaves one opening record when it is first polled, and exactly one terminal.
    #[must_use = "futures do nothing unless polled: `.await` it"]
    pub struct Audited<F: Future, H> {
        #[pin]
        body: Option<F>,
        // Behind `body`: what the body still holds ends before the entry does.
        state: State,
        // The body's value while it waits for the terminal's acknowledgement.
        out: H,
        judge: fn(&F::Output, &mut End),
        refuse: fn(Error) -> F::Output,
    }

    impl<F: Future, H> PinnedDrop for Audited<F, H> {
        // What the body ends while it is dropped has this entry as its parent.
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _restore = this.state.current().map(Restore::after);
            this.body.set(None);
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
    inputs: Option<Box<Inputs>>,
    body: F,
    judge: fn(&R, &mut End),
    refuse: fn(Error) -> R,
    out: H,
) -> Audited<F, H> {
    Audited { body: Some(body), state: State { site, stage: Stage::Unpolled(inputs) }, out, judge, refuse }
}

/// A future that a function makes: the entry begins with the function and ends with the future.
#[inline]
pub fn made<R, F: Future<Output = R>, M: FnOnce() -> F, H: Hold<R>>(
    site: &'static Site,
    inputs: Option<Box<Inputs>>,
    make: M,
    judge: fn(&R, &mut End),
    refuse: fn(Error) -> R,
    out: H,
) -> Audited<F, H> {
    let (body, stage) = match begin(site, inputs) {
        Err(error) => (None, Stage::Refused(error)),
        Ok(entry) => {
            let body = make();
            let stage = match entry.hand_over() {
                None => Stage::Off,
                Some((recorder, opened)) => {
                    Stage::Running(Box::new(Live { recorder, opened, pending: None, polled: false }))
                }
            };
            (Some(body), stage)
        }
    };
    Audited { body, state: State { site, stage }, out, judge, refuse }
}

/// The part of an audited future that does not depend on its body.
struct State {
    site: &'static Site,
    stage: Stage,
}

enum Stage {
    Unpolled(Option<Box<Inputs>>),
    Opening(Box<Live>),
    Running(Box<Live>),
    Closing(Box<Live>, Option<Error>),
    Refused(Error),
    Off,
    Done,
}

struct Live {
    recorder: Recorder,
    opened: Opened,
    pending: Option<Pending>,
    /// A poll of the body is under way.
    polled: bool,
}

impl Live {
    fn ambient(&self) -> Ambient {
        Ambient { recorder: Some(self.recorder.clone()), run: self.opened.run, state: self.opened.id }
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
    /// What is current inside the body.
    fn current(&self) -> Option<Ambient> {
        match &self.stage {
            Stage::Running(live) => Some(live.ambient()),
            Stage::Unpolled(_)
            | Stage::Opening(_)
            | Stage::Closing(..)
            | Stage::Refused(_)
            | Stage::Off
            | Stage::Done => None,
        }
    }

    /// Up to the body.
    fn before(&mut self, cx: &mut Context<'_>) -> Step {
        loop {
            match std::mem::replace(&mut self.stage, Stage::Done) {
                Stage::Unpolled(inputs) => {
                    if context::is_off() {
                        context::count(self.site);
                        self.stage = Stage::Off;
                        return Step::Run;
                    }
                    match entry::ask(self.site, inputs) {
                        Err(error) => return Step::Refuse(error),
                        Ok(Asked::Unaudited) => self.stage = Stage::Off,
                        Ok(Asked::Opened(opening)) => {
                            let entry::Opening { recorder, opened, pending } = opening;
                            self.stage = Stage::Opening(Box::new(Live {
                                recorder,
                                opened,
                                pending: Some(pending),
                                polled: false,
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
                Stage::Running(mut live) => {
                    live.polled = true;
                    hook::opened(&live.recorder, &live.opened);
                    self.stage = Stage::Running(live);
                    return Step::Run;
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
                    Poll::Ready(written) => return self.judged(&live.recorder, written.err().or(late)),
                },
                Stage::Refused(error) => return Step::Refuse(error),
                Stage::Done => panic!("an audited future was polled after it had ended"),
            }
        }
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
            Err(error) => self.judged(&live.recorder, Some(error)),
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
        self.judged(&live.recorder, written.err().or_else(|| end.in_doubt()))
    }

    fn judged(&self, recorder: &Recorder, error: Option<Error>) -> Step {
        match error.and_then(|error| entry::answer_late(self.site, recorder, error)) {
            Some(error) => Step::Refuse(error),
            None => Step::Give,
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        let (live, end) = match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Opening(live) => (live, End::cancelled("dropped before the body was entered")),
            Stage::Running(live) if live.polled => (live, End::panicked()),
            Stage::Running(live) => (live, End::cancelled("dropped")),
            Stage::Unpolled(_) | Stage::Closing(..) | Stage::Refused(_) | Stage::Off | Stage::Done => return,
        };
        hook::closed(&live.opened);
        if crate::seeded::is("terminal_lost_on_drop") {
            return;
        }
        // The failure, if any, is in the recorder's poison slot; a dropped future ends quietly.
        drop(live.recorder.close_dropped(&live.opened, &end.close()));
    }
}

impl<F: Future, H: Hold<F::Output>> Future for Audited<F, H> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let mut step = this.state.before(cx);
        if let (Step::Run, Some(body)) = (&step, this.body.as_mut().as_pin_mut()) {
            let restore = this.state.current().map(Restore::after);
            let Poll::Ready(out) = body.poll(cx) else {
                this.state.suspended();
                return Poll::Pending;
            };
            this.body.set(None);
            if !this.state.is_open() {
                return Poll::Ready(out);
            }
            let mut end = End::returned();
            (this.judge)(&out, &mut end);
            if !H::WAITS {
                return Poll::Ready(match this.state.end_in_place(end) {
                    Step::Refuse(error) => (this.refuse)(error),
                    Step::Wait | Step::Run | Step::Give => out,
                });
            }
            this.out.put(out);
            step = this.state.end(end, cx);
            drop(restore);
        }
        match step {
            Step::Wait => Poll::Pending,
            Step::Refuse(error) => {
                this.body.set(None);
                Poll::Ready((this.refuse)(error))
            }
            Step::Give | Step::Run => match this.out.take() {
                Some(out) => Poll::Ready(out),
                None => panic!("an audited future was polled after it had ended"),
            },
        }
    }
}
