//! Checks, PENDING, body, terminal. Nothing is caught broadly and renamed: each refusal has its own code, an error keeps
//! its type, a panic goes on with its payload.
//!
//! ```text
//! Authorization ──start: checks, digests──→ Started ──begin──→ PENDING on the device ──→ Begun ──run──→ terminal
//!                                              └ BLOCKED on the device ──→ Stopped
//! ```
//! `begin` and `run` wait on the thread, `begin_later` and `run_later` in a task; the records are the same.

use super::action::{Action, BlockCode, Executor, FailureCode, Lookup, Order, admit};
use super::authorization::Authorization;
use super::correlation::Correlation;
use super::links;
use super::payload::{Payload, is_too_big, output_digest};
use super::text;
use crate::context::AuditContext;
use crate::error::{Code, Error};
use crate::model::cbor::Value;
use crate::model::digest::Slot;
use crate::model::{BodyWriter, Exit, Id, Key, Kind, RunId, Status};
use crate::recorder::Recorder;
use crate::recorder::attempt::Attempt;
use crate::recorder::pledge::Beside;
use crate::seeded;
use crate::site::Site;
use serde::Serialize;
use std::any::Any;
use std::fmt::{self, Display};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

/// An action that did not begin; its record is on the device.
#[derive(Clone, Debug)]
pub struct Blocked {
    /// Its record.
    pub id: Id,
    /// Why.
    pub code: BlockCode,
    /// In words.
    pub detail: String,
}

/// Why an action brought no result.
#[derive(Debug)]
pub enum ActionError<E> {
    /// A check refused it; the body was not entered.
    Blocked(Blocked),
    /// The body returned this very error.
    Failed {
        /// The attempt's record.
        attempt: Id,
        /// The error.
        error: E,
    },
    /// Its time ran out; the worker may still be running.
    TimedOut {
        /// The attempt's record.
        attempt: Id,
        /// The time that it had.
        after: Duration,
    },
    /// The audit itself failed: refused, or in doubt.
    Audit(Error),
}

impl<E: Display> Display for ActionError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ActionError::Blocked(blocked) => {
                write!(f, "blocked by {}: {}: {}", blocked.id, blocked.code, blocked.detail)
            }
            ActionError::Failed { attempt, error } => write!(f, "action {attempt} failed: {error}"),
            ActionError::TimedOut { attempt, after } => write!(f, "action {attempt} ran out of its {after:?}"),
            ActionError::Audit(error) => Display::fmt(error, f),
        }
    }
}

impl<E: fmt::Debug + Display> std::error::Error for ActionError<E> {}

impl<E> From<Error> for ActionError<E> {
    fn from(error: Error) -> Self {
        ActionError::Audit(error)
    }
}

/// Why a body was not entered.
#[doc(hidden)]
#[derive(Debug)]
pub enum Stopped {
    /// A check refused it.
    Blocked(Blocked),
    /// The audit itself failed.
    Audit(Error),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Stopped::Audit(error)
    }
}

impl<E> From<Stopped> for ActionError<E> {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Blocked(blocked) => ActionError::Blocked(blocked),
            Stopped::Audit(error) => ActionError::Audit(error),
        }
    }
}

/// An action whose checks are done. Nothing is written yet.
#[doc(hidden)]
#[derive(Debug)]
#[must_use = "nothing has begun"]
pub struct Started {
    recorder: Recorder,
    run: RunId,
    decision: Id,
    site: Option<&'static Site>,
    action: String,
    correlation: Box<Correlation>,
    answer: Answer,
}

#[derive(Debug)]
enum Answer {
    /// The body of PENDING.
    Admitted(Vec<u8>),
    /// The body of BLOCKED, and why.
    Blocked(Vec<u8>, BlockCode, String),
}

/// An attempt that is PENDING, with what its terminal needs. Dropped unended it is FAILED (EXECUTOR_CANCELLED).
#[doc(hidden)]
#[derive(Debug)]
#[must_use = "an attempt that is dropped is FAILED"]
pub struct Begun {
    pub(super) recorder: Recorder,
    attempt: Option<Attempt>,
    action: String,
    pub(super) correlation: Box<Correlation>,
    id: Id,
    pub(super) run: RunId,
}

/// What a body left behind: its result, or its panic.
pub(super) type Left<R, E> = Result<Result<R, E>, Box<dyn Any + Send>>;

/// A terminal that is about to be written.
pub(super) struct Terminal {
    status: Status,
    exit: Exit,
    body: Vec<u8>,
    /// The body ran, but its success cannot be stated.
    in_doubt: Option<Error>,
}

/// What a body left behind that did not succeed.
pub(super) struct Failure<'a> {
    pub(super) code: FailureCode,
    pub(super) exit: Exit,
    pub(super) error: &'a str,
    pub(super) error_type: Option<&'a str>,
    pub(super) still_running: bool,
}

impl Started {
    /// Writes PENDING and waits until it is on the device; for a refused action the same with BLOCKED.
    ///
    /// # Errors
    /// Why the body must not run.
    pub fn begin(self) -> Result<Begun, Stopped> {
        match &self.answer {
            Answer::Admitted(body) => {
                let site = self.site_number()?;
                let attempt = self.recorder.begin_attempt((self.run, self.decision), (site, &self.action), body)?;
                Ok(self.begun(attempt))
            }
            Answer::Blocked(body, ..) => {
                let id = self.recorder.keep(self.recorder.promise(self.blocked_header()?, body.clone())?)?;
                Err(self.blocked(id))
            }
        }
    }

    /// As [`begin`](Self::begin), for tasks. Dropped while it waits, the attempt is FAILED and its body was not entered.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub async fn begin_later(self) -> Result<Begun, Stopped> {
        let body = match &self.answer {
            Answer::Blocked(body, ..) => {
                let promised = self.recorder.promise(self.blocked_header()?, body.clone())?;
                let id = self.recorder.keep_later(promised).await?;
                return Err(self.blocked(id));
            }
            Answer::Admitted(body) => body.clone(),
        };
        let site = self.site_number()?;
        let (attempt, promised) =
            self.recorder.append_attempt((self.run, self.decision), (site, &self.action), body)?;
        Ok(self.begun(attempt).admitted(promised).await?)
    }

    fn site_number(&self) -> Result<u32, Error> {
        self.site.map_or(Ok(0), |site| self.recorder.site_number(site))
    }

    fn begun(self, attempt: Attempt) -> Begun {
        let id = attempt.id;
        links::open(id);
        let Started { recorder, run, action, correlation, .. } = self;
        Begun { recorder, attempt: Some(attempt), action, correlation, id, run }
    }

    fn blocked_header(&self) -> Result<crate::model::record::Header, Error> {
        let mut header = self.recorder.header(Kind::ActionBlocked);
        header.status = Status::Blocked;
        (header.run, header.parent, header.site) = (self.run, self.decision, self.site_number()?);
        Ok(header)
    }

    fn blocked(self, id: Id) -> Stopped {
        match self.answer {
            Answer::Blocked(_, code, detail) => Stopped::Blocked(Blocked { id, code, detail }),
            Answer::Admitted(_) => Stopped::Audit(Error::new(Code::InDoubt, "blocking an action that was admitted")),
        }
    }
}

impl Begun {
    /// A step of a composite action.
    pub(super) fn step(recorder: &Recorder, correlation: &Correlation, attempt: Attempt, action: String) -> Begun {
        let (id, run) = (attempt.id, attempt.run);
        links::open(id);
        let correlation = Box::new(correlation.clone());
        Begun { recorder: recorder.clone(), attempt: Some(attempt), action, correlation, id, run }
    }

    /// Waits in a task until PENDING is on the device; where it cannot be, the attempt is withdrawn.
    pub(super) async fn admitted(mut self, promised: Beside) -> Result<Begun, Error> {
        if let Err(failure) = self.recorder.keep_attempt(promised).await {
            self.attempt = None;
            return Err(failure);
        }
        Ok(self)
    }

    /// The attempt's record.
    #[must_use]
    pub fn id(&self) -> Id {
        self.id
    }

    pub(super) fn action(&self) -> &str {
        &self.action
    }

    pub(super) fn context(&self) -> AuditContext {
        AuditContext::inside(&self.recorder, self.run, self.id)
    }

    fn body(&self) -> BodyWriter {
        let mut body = BodyWriter::new();
        body.text(Key::Action, &self.action);
        links::taken(self.id, &self.correlation).write(&mut body);
        body
    }

    /// The terminal that what a body left behind calls for.
    pub(super) fn judge<R: Serialize, E: Display>(&self, left: &Left<R, E>) -> Terminal {
        match left {
            Ok(Ok(output)) => match output_digest(&self.recorder, output) {
                Ok(digest) => {
                    let mut body = self.body();
                    body.slot(Key::OutputDigest, &Slot::from(digest));
                    let (status, exit) = (Status::Success, Exit::Returned);
                    Terminal { status, exit, body: body.finish(), in_doubt: None }
                }
                Err(refusal) => {
                    let detail = refusal.to_string();
                    let error = Error::new(Code::OutputNotDigestible, "digesting the output of an action");
                    let code = FailureCode::OutputNotDigestible;
                    let (exit, error_type, still_running) = (Exit::Errored, None, false);
                    let failure = Failure { code, exit, error: &detail, error_type, still_running };
                    Terminal { in_doubt: Some(error.detail(detail.clone())), ..self.failed(&failure) }
                }
            },
            Ok(Err(error)) => self.failed(&errored(error, &shown(error))),
            Err(panic) => self.failed(&panicked(&text::of_panic(&**panic))),
        }
    }

    /// A terminal of an attempt that did not succeed.
    pub(super) fn failed(&self, failure: &Failure<'_>) -> Terminal {
        let mut body = self.body();
        body.text(Key::ErrorCode, failure.code.code())
            .text(Key::Error, &text::message(failure.error))
            .maybe(Key::ErrorType, failure.error_type);
        if failure.still_running {
            body.yes(Key::StillRunning);
        }
        Terminal { status: Status::Failed, exit: failure.exit, body: body.finish(), in_doubt: None }
    }

    /// Writes the terminal and waits until it is on the device.
    pub(super) fn end(mut self, terminal: Terminal) -> Result<(), Error> {
        let Some(attempt) = self.attempt.take() else { return Ok(()) };
        self.recorder.end_attempt(attempt, (terminal.status, terminal.exit), terminal.body)?;
        terminal.in_doubt.map_or(Ok(()), Err)
    }

    /// As [`end`](Self::end), for tasks. Dropped while it waits, the terminal that is on its way stands.
    pub(super) async fn end_later(mut self, terminal: Terminal) -> Result<(), Error> {
        let Some(attempt) = self.attempt.take() else { return Ok(()) };
        self.recorder.end_attempt_later(attempt, (terminal.status, terminal.exit), terminal.body).await?;
        terminal.in_doubt.map_or(Ok(()), Err)
    }

    /// Runs the body in the attempt's context and ends the attempt by what it does.
    ///
    /// # Errors
    /// What the body returned, or why its end could not be recorded.
    pub fn run<R: Serialize, E: Display>(self, body: impl FnOnce() -> Result<R, E>) -> Result<R, ActionError<E>> {
        let mut begun = self;
        if seeded::is("success_before_effect") {
            begun.told_early();
        }
        let context = begun.context();
        let left = catch_unwind(AssertUnwindSafe(|| context.run(body)));
        begun.finish(left)
    }

    /// For a planted bug: the success that nobody has seen yet.
    fn told_early(&mut self) {
        let mut body = self.body();
        body.slot(Key::OutputDigest, &Slot::NOT_REQUESTED);
        if let Some(attempt) = self.attempt.take() {
            drop(self.recorder.end_attempt(attempt, (Status::Success, Exit::Returned), body.finish()));
        }
    }

    /// Ends the attempt and hands on what the body left behind.
    pub(super) fn finish<R: Serialize, E: Display>(self, left: Left<R, E>) -> Result<R, ActionError<E>> {
        let (id, terminal) = (self.id, self.judge(&left));
        let ended = self.end(terminal);
        given(id, left, ended)
    }
}

/// What the caller gets behind the terminal. A panic goes on whether or not its terminal could be written: a failure is in
/// the poison slot.
pub(super) fn given<R, E>(attempt: Id, left: Left<R, E>, ended: Result<(), Error>) -> Result<R, ActionError<E>> {
    match (left, ended) {
        (Err(panic), _) => resume_unwind(panic),
        (Ok(_), Err(error)) => Err(ActionError::Audit(error)),
        (Ok(Ok(output)), Ok(())) => Ok(output),
        (Ok(Err(error)), Ok(())) => Err(ActionError::Failed { attempt, error }),
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if let Some(attempt) = self.attempt.take() {
            let terminal = self.failed(&Failure {
                code: FailureCode::ExecutorCancelled,
                exit: Exit::Cancelled,
                error: "dropped before its end",
                error_type: None,
                still_running: false,
            });
            self.recorder.drop_attempt(&attempt, &terminal.body);
        }
        links::close(self.id);
    }
}

/// The text of an error; a panic in its `Display` becomes part of it.
pub(super) fn shown(error: &dyn Display) -> String {
    catch_unwind(AssertUnwindSafe(|| error.to_string())).unwrap_or_else(|_| "(its Display panicked)".to_owned())
}

fn errored<'a, E>(_: &E, text: &'a str) -> Failure<'a> {
    Failure {
        code: FailureCode::ExecutorException,
        exit: Exit::Errored,
        error: text,
        error_type: Some(std::any::type_name::<E>()),
        still_running: false,
    }
}

fn panicked(text: &str) -> Failure<'_> {
    Failure {
        code: FailureCode::ExecutorException,
        exit: Exit::Panicked,
        error: text,
        error_type: Some("panic"),
        still_running: false,
    }
}

impl Authorization {
    /// Executes an action on this thread: every check first, then PENDING on the device, then the body, then its terminal
    /// on the device. A panic of the body is recorded and goes on.
    ///
    /// # Errors
    /// [`ActionError`]: blocked before the body, failed in it, or the audit itself failed.
    pub fn execute<T, R, E>(
        self,
        lookup: &(impl Lookup + ?Sized),
        order: &Order<'_>,
        payload: &T,
        body: impl FnOnce(&T) -> Result<R, E>,
    ) -> Result<R, ActionError<E>>
    where
        T: Serialize + ?Sized,
        R: Serialize,
        E: Display,
    {
        self.start(lookup, order, payload, None).begin()?.run(|| body(payload))
    }

    /// Everything that is known before anything is written.
    pub(super) fn start<T: Serialize + ?Sized>(
        self,
        lookup: &(impl Lookup + ?Sized),
        order: &Order<'_>,
        payload: &T,
        timeout: Option<Duration>,
    ) -> Started {
        let answer = match self.check(lookup, order, payload) {
            Ok(admitted) => Answer::Admitted(self.pending_body(order, &admitted, timeout)),
            Err((code, detail)) => {
                let detail = text::message(&detail);
                Answer::Blocked(self.blocked_body(order, code, &detail), code, detail)
            }
        };
        let Authorization { recorder, run, decision, correlation, .. } = self;
        Started { recorder, run, decision, site: None, action: order.action.to_owned(), correlation, answer }
    }

    fn pending_body(&self, order: &Order<'_>, admitted: &(Action, Executor), timeout: Option<Duration>) -> Vec<u8> {
        let (action, executor) = admitted;
        let mut body = BodyWriter::new();
        body.text(Key::Action, order.action)
            .text(Key::ActionVersion, order.version)
            .text(Key::ExecutorId, &text::name(order.executor))
            .text(Key::ExecutorVersion, &text::name(order.executor_version))
            .slot(Key::InputDigest, &Slot::from(self.input.clone()))
            .value(Key::Capabilities, &text::texts(executor.capabilities()))
            .value(Key::Limits, &limits(action));
        if let Some(timeout) = timeout {
            body.uint(Key::TimeoutMs, u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
        }
        self.correlation.write(&mut body);
        body.finish()
    }

    fn blocked_body(&self, order: &Order<'_>, code: BlockCode, detail: &str) -> Vec<u8> {
        let mut body = BodyWriter::new();
        body.text(Key::Action, &text::name(order.action))
            .text(Key::ErrorCode, code.code())
            .text(Key::Error, detail)
            .maybe(Key::ActionVersion, text::label(order.version).as_deref())
            .maybe(Key::ExecutorId, text::label(order.executor).as_deref())
            .maybe(Key::ExecutorVersion, text::label(order.executor_version).as_deref())
            .slot(Key::InputDigest, &Slot::from(self.input.clone()));
        self.correlation.write(&mut body);
        body.finish()
    }

    fn check<T: Serialize + ?Sized>(
        &self,
        lookup: &(impl Lookup + ?Sized),
        order: &Order<'_>,
        payload: &T,
    ) -> Result<(Action, Executor), (BlockCode, String)> {
        let (action, executor) = admit(order, &self.actions, lookup)?;
        if self.expires_ns.is_some_and(|expires| self.recorder.clock().mono_ns() > expires) {
            return Err((BlockCode::AuthorizationExpired, "it was allowed too long ago".to_owned()));
        }
        let seen = Payload::of(&self.recorder, payload).map_err(|refusal| {
            let code = if is_too_big(&refusal) { BlockCode::LimitExceeded } else { BlockCode::NonJsonPayload };
            (code, refusal.to_string())
        })?;
        if seen.digest != self.input {
            return Err((BlockCode::InputDigestMismatch, "the payload is not the one that was allowed".to_owned()));
        }
        match seen.beyond(action.payload_limits()) {
            Some(beyond) => Err((BlockCode::LimitExceeded, beyond)),
            None => Ok((action, executor)),
        }
    }
}

impl Started {
    /// The annotated function that is about to run.
    pub(super) fn at(mut self, site: &'static Site) -> Started {
        self.site = Some(site);
        self
    }
}

fn limits(action: &Action) -> Value {
    let limits = action.payload_limits();
    let pairs = [("bytes", limits.bytes), ("depth", limits.depth), ("list", limits.list)];
    Value::Map(pairs.into_iter().map(|(name, limit)| text::pair(name, Value::Uint(limit as u64))).collect())
}
