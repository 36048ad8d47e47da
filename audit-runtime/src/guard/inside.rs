//! Moments inside an audited body: each `.await` and each `?`. Expansions ask here only in builds of the testkit; the
//! expression stands where it stood, so its temporaries live as long and its type is the same.

use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::context;
use crate::error::Error;
use crate::fault::{Answer, Hit, Phase, is_armed};
use crate::site::Site;

/// Asks the plan of the recorder that is current, about the node state that is current.
#[inline]
fn ask(site: &'static Site, phase: Phase, shape: fn(&mut Hit)) -> Answer {
    if is_armed() { ask_armed(site, phase, shape) } else { Answer::Go }
}

#[cold]
fn ask_armed(site: &'static Site, phase: Phase, shape: fn(&mut Hit)) -> Answer {
    let ambient = context::ambient();
    let Some(recorder) = &ambient.recorder else { return Answer::Go };
    recorder.0.planned.ask(|| {
        let mut hit = Hit::new(site, phase, ambient.state);
        shape(&mut hit);
        hit
    })
}

/// The body runs.
#[inline]
pub fn entered(site: &'static Site) {
    ask(site, Phase::Entered, |_| {});
}

/// An awaited expression, with a moment before and a moment behind it.
#[inline]
pub fn step<F: IntoFuture>(site: &'static Site, nth: u16, awaited: F) -> Step<F::IntoFuture> {
    Step { awaited: Some(awaited.into_future()), site, nth, at: At::Before }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Before,
    Under,
    /// A lab's plan: it never comes back.
    Held,
}

pin_project! {
    /// See [`step`].
    #[must_use = "futures do nothing unless polled"]
    pub struct Step<F> {
        #[pin]
        awaited: Option<F>,
        site: &'static Site,
        nth: u16,
        at: At,
    }
}

impl<F: Future> Future for Step<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        // One look for both moments: the plan that a call meets was there before it began.
        let armed = is_armed();
        let cut = |phase| armed && ask_armed(this.site, phase, |hit| hit.can_cancel = true) == Answer::Cancel;
        if armed && *this.at == At::Before {
            *this.at = if cut(Phase::BeforeAwait(*this.nth)) { At::Held } else { At::Under };
        }
        if *this.at == At::Held {
            return Poll::Pending;
        }
        let Some(awaited) = this.awaited.as_mut().as_pin_mut() else { return Poll::Pending };
        let Poll::Ready(out) = awaited.poll(cx) else { return Poll::Pending };
        // As `.await` does: what was awaited is gone before its value is used.
        this.awaited.set(None);
        if cut(Phase::AfterAwait(*this.nth)) {
            *this.at = At::Held;
            return Poll::Pending;
        }
        Poll::Ready(out)
    }
}

/// Asks what happens at a `?`; true when an error takes the place of the value.
#[inline]
pub fn questioned(site: &'static Site, nth: u16, can_fail: bool) -> bool {
    let shape: fn(&mut Hit) = if can_fail { |hit| hit.can_fail = true } else { |_| {} };
    ask(site, Phase::Question(nth), shape) == Answer::Fail
}

/// The error that a test puts there.
#[cold]
fn asked_for() -> Error {
    Error::new(crate::error::Code::Injected, "at a `?` of an audited body")
}

/// The operand of a `?`, by its type.
pub struct Tried<'a, V>(PhantomData<&'a V>);

/// The operand's type, without touching the operand.
pub fn tried<V>(_: &V) -> Tried<'_, V> {
    Tried(PhantomData)
}

/// Errors that a test can make. Implement it for an error type that is neither made from [`Error`] nor from
/// [`std::io::Error`].
pub trait Injectable {
    /// An error of this type.
    fn injected() -> Self;
}

macro_rules! injectable {
    ($($ty:ty = $make:expr),* $(,)?) => { $(impl Injectable for $ty {
        fn injected() -> Self { $make }
    })* };
}

injectable! {
    String = asked_for().to_string(),
    std::fmt::Error = std::fmt::Error,
    std::num::ParseIntError = ParseIntErrorOf::made(),
    std::num::ParseFloatError = ParseFloatErrorOf::made(),
    std::sync::mpsc::RecvError = std::sync::mpsc::RecvError,
    std::time::SystemTimeError = SystemTimeErrorOf::made(),
    () = (),
}

impl Injectable for &str {
    fn injected() -> Self {
        "a test asked for this failure"
    }
}

struct ParseIntErrorOf;
impl ParseIntErrorOf {
    fn made() -> std::num::ParseIntError {
        match "".parse::<u8>() {
            Err(error) => error,
            Ok(_) => unreachable!("an empty text is no number"),
        }
    }
}

struct ParseFloatErrorOf;
impl ParseFloatErrorOf {
    fn made() -> std::num::ParseFloatError {
        match "".parse::<f32>() {
            Err(error) => error,
            Ok(_) => unreachable!("an empty text is no number"),
        }
    }
}

struct SystemTimeErrorOf;
impl SystemTimeErrorOf {
    fn made() -> std::time::SystemTimeError {
        let later = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1);
        match std::time::UNIX_EPOCH.duration_since(later) {
            Err(error) => error,
            Ok(_) => unreachable!("time does not run backwards here"),
        }
    }
}

/// A way to make the failing value of an operand; `None` is blind.
pub type Maker<V> = Option<fn() -> V>;

/// Options fail by being empty.
pub trait FailsEmpty<V> {
    /// How.
    fn maker(&self) -> Maker<V>;
}

/// Results whose error a test knows to make.
pub trait FailsAsTold<V> {
    /// How.
    fn maker(&self) -> Maker<V>;
}

/// Results whose error can carry an audit error.
pub trait FailsByAudit<V> {
    /// How.
    fn maker(&self) -> Maker<V>;
}

/// Results whose error can carry an io error.
pub trait FailsByIo<V> {
    /// How.
    fn maker(&self) -> Maker<V>;
}

/// Results of serde's formats.
pub trait FailsByForm<V> {
    /// How.
    fn maker(&self) -> Maker<V>;
}

/// Everything else.
pub trait FailsNot<V> {
    /// Never.
    fn maker(&self) -> Maker<V>;
}

impl<T> FailsEmpty<Option<T>> for &&&&&Tried<'_, Option<T>> {
    fn maker(&self) -> Maker<Option<T>> {
        Some(|| None)
    }
}

impl<T, E: Injectable> FailsAsTold<Result<T, E>> for &&&&Tried<'_, Result<T, E>> {
    fn maker(&self) -> Maker<Result<T, E>> {
        Some(|| Err(E::injected()))
    }
}

impl<T, E: From<Error>> FailsByAudit<Result<T, E>> for &&&Tried<'_, Result<T, E>> {
    fn maker(&self) -> Maker<Result<T, E>> {
        Some(|| Err(E::from(asked_for())))
    }
}

impl<T, E: From<std::io::Error>> FailsByIo<Result<T, E>> for &&Tried<'_, Result<T, E>> {
    fn maker(&self) -> Maker<Result<T, E>> {
        Some(|| Err(E::from(std::io::Error::other(asked_for()))))
    }
}

impl<T, E: serde::de::Error> FailsByForm<Result<T, E>> for &Tried<'_, Result<T, E>> {
    fn maker(&self) -> Maker<Result<T, E>> {
        Some(|| Err(E::custom(asked_for())))
    }
}

impl<V> FailsNot<V> for Tried<'_, V> {
    fn maker(&self) -> Maker<V> {
        None
    }
}
