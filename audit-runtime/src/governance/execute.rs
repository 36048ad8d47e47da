//! Checks, PENDING, body, terminal. Nothing is caught broadly and renamed: each refusal has its own code, an error keeps
//! its type, a panic goes on with its payload.

use super::action::{Action, BlockCode, Executor, FailureCode, Lookup, Order, admit};
use super::authorization::Authorization;
use super::payload::{Payload, is_too_big};
use super::text;
use crate::context::AuditContext;
use crate::error::{Code, Error};
use crate::model::cbor::Value;
use crate::model::digest::{Scope, Slot, catching, digest_of};
use crate::model::{BodyWriter, Exit, Id, Key, Kind, Status};
use crate::recorder::Recorder;
use crate::recorder::attempt::Attempt;
use serde::Serialize;
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

/// An attempt that is PENDING, with what its terminal needs. Dropped unended it is FAILED (EXECUTOR_CANCELLED).
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) recorder: Recorder,
    attempt: Option<Attempt>,
    action: String,
    pub(super) correlation: Box<super::Correlation>,
    id: Id,
}

/// What a body left behind.
pub(super) struct Failure<'a> {
    pub(super) code: FailureCode,
    pub(super) exit: Exit,
    pub(super) error: &'a str,
    pub(super) error_type: Option<&'a str>,
    pub(super) still_running: bool,
}

impl Begun {
    pub(super) fn id(&self) -> Id {
        self.id
    }

    pub(super) fn context(&self) -> AuditContext {
        let run = self.attempt.as_ref().map_or(crate::model::RunId::NONE, |attempt| attempt.run);
        AuditContext::inside(&self.recorder, run, self.id)
    }

    pub(super) fn body(&self) -> BodyWriter {
        let mut body = BodyWriter::new();
        body.text(Key::Action, &self.action);
        self.correlation.write(&mut body);
        body
    }

    pub(super) fn succeed<R: Serialize>(mut self, output: &R) -> Result<(), Error> {
        let digest = match catching(|| digest_of(Scope::Output, output)) {
            Ok(digest) => digest,
            Err((refusal, _)) => {
                let detail = refusal.to_string();
                self.fail(&Failure {
                    code: FailureCode::OutputNotDigestible,
                    exit: Exit::Errored,
                    error: &detail,
                    error_type: None,
                    still_running: false,
                })?;
                return Err(Error::new(Code::OutputNotDigestible, "digesting the output of an action").detail(detail));
            }
        };
        let mut body = self.body();
        body.slot(Key::OutputDigest, &Slot::from(digest));
        match self.attempt.take() {
            Some(attempt) => self.recorder.end_attempt(attempt, (Status::Success, Exit::Returned), &body.finish()),
            None => Ok(()),
        }
    }

    pub(super) fn fail(mut self, failure: &Failure<'_>) -> Result<(), Error> {
        let body = self.failure_body(failure);
        match self.attempt.take() {
            Some(attempt) => self.recorder.end_attempt(attempt, (Status::Failed, failure.exit), &body),
            None => Ok(()),
        }
    }

    fn failure_body(&self, failure: &Failure<'_>) -> Vec<u8> {
        let mut body = self.body();
        body.text(Key::ErrorCode, failure.code.code())
            .text(Key::Error, &text::message(failure.error))
            .maybe(Key::ErrorType, failure.error_type);
        if failure.still_running {
            body.yes(Key::StillRunning);
        }
        body.finish()
    }

    /// Runs the body in the attempt's context and ends the attempt by what it does.
    fn run<R: Serialize, E: Display>(self, body: impl FnOnce() -> Result<R, E>) -> Result<R, ActionError<E>> {
        let id = self.id;
        let context = self.context();
        match catch_unwind(AssertUnwindSafe(|| context.run(body))) {
            Ok(Ok(output)) => {
                self.succeed(&output)?;
                Ok(output)
            }
            Ok(Err(error)) => {
                self.fail(&errored(&error, &shown(&error)))?;
                Err(ActionError::Failed { attempt: id, error })
            }
            Err(panic) => {
                // Whether or not the terminal could be written, the panic goes on; a failure is in the poison slot.
                drop(self.fail(&panicked(&text::of_panic(&*panic))));
                resume_unwind(panic)
            }
        }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if let Some(attempt) = self.attempt.take() {
            let failure = Failure {
                code: FailureCode::ExecutorCancelled,
                exit: Exit::Cancelled,
                error: "dropped before its end",
                error_type: None,
                still_running: false,
            };
            self.recorder.drop_attempt(&attempt, &self.failure_body(&failure));
        }
    }
}

/// The text of an error; a panic in its `Display` becomes part of it.
pub(super) fn shown(error: &dyn Display) -> String {
    catch_unwind(AssertUnwindSafe(|| error.to_string())).unwrap_or_else(|_| "(its Display panicked)".to_owned())
}

pub(super) fn errored<'a, E>(_: &E, text: &'a str) -> Failure<'a> {
    Failure {
        code: FailureCode::ExecutorException,
        exit: Exit::Errored,
        error: text,
        error_type: Some(std::any::type_name::<E>()),
        still_running: false,
    }
}

pub(super) fn panicked(text: &str) -> Failure<'_> {
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
        self.begin(lookup, order, payload, None)?.run(|| body(payload))
    }

    /// As [`execute`](Self::execute), for an action of several steps: each step is an attempt of its own, whose parent is
    /// the action.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    pub fn execute_steps<T, R, E>(
        self,
        lookup: &(impl Lookup + ?Sized),
        order: &Order<'_>,
        payload: &T,
        body: impl FnOnce(&T, &mut Steps) -> Result<R, E>,
    ) -> Result<R, ActionError<E>>
    where
        T: Serialize + ?Sized,
        R: Serialize,
        E: Display,
    {
        let run = self.run;
        let begun = self.begin(lookup, order, payload, None)?;
        let mut steps = Steps {
            recorder: begun.recorder.clone(),
            correlation: begun.correlation.clone(),
            parent: begun.id,
            run,
            version: order.version.to_owned(),
            executor: (order.executor.to_owned(), order.executor_version.to_owned()),
            next: 0,
        };
        begun.run(|| body(payload, &mut steps))
    }

    /// Everything up to PENDING on the device.
    pub(super) fn begin<T: Serialize + ?Sized, E>(
        self,
        lookup: &(impl Lookup + ?Sized),
        order: &Order<'_>,
        payload: &T,
        timeout: Option<Duration>,
    ) -> Result<Begun, ActionError<E>> {
        let (action, executor) = match self.check(lookup, order, payload) {
            Ok(admitted) => admitted,
            Err((code, detail)) => return Err(ActionError::Blocked(self.block(order, code, &detail)?)),
        };
        let mut body = BodyWriter::new();
        body.text(Key::Action, order.action)
            .text(Key::ActionVersion, order.version)
            .text(Key::ExecutorId, &text::name(order.executor))
            .text(Key::ExecutorVersion, &text::name(order.executor_version))
            .slot(Key::InputDigest, &Slot::from(self.input.clone()))
            .value(Key::Capabilities, &text::texts(executor.capabilities()))
            .value(Key::Limits, &limits(&action));
        if let Some(timeout) = timeout {
            body.uint(Key::TimeoutMs, u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
        }
        self.correlation.write(&mut body);
        let attempt = self.recorder.begin_attempt((self.run, self.decision), 0, &body.finish())?;
        let id = attempt.id;
        let action = order.action.to_owned();
        Ok(Begun { recorder: self.recorder, attempt: Some(attempt), action, correlation: self.correlation, id })
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
        let seen = Payload::of(payload).map_err(|refusal| {
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

    fn block(&self, order: &Order<'_>, code: BlockCode, detail: &str) -> Result<Blocked, Error> {
        let detail = text::message(detail);
        let mut header = self.recorder.header(Kind::ActionBlocked);
        header.status = Status::Blocked;
        header.run = self.run;
        header.parent = self.decision;
        let mut body = BodyWriter::new();
        body.text(Key::Action, &text::name(order.action))
            .text(Key::ErrorCode, code.code())
            .text(Key::Error, &detail)
            .maybe(Key::ActionVersion, text::label(order.version).as_deref())
            .maybe(Key::ExecutorId, text::label(order.executor).as_deref())
            .maybe(Key::ExecutorVersion, text::label(order.executor_version).as_deref())
            .slot(Key::InputDigest, &Slot::from(self.input.clone()));
        self.correlation.write(&mut body);
        let id = self.recorder.point_on_disk(header, &body.finish())?;
        Ok(Blocked { id, code, detail })
    }
}

fn limits(action: &Action) -> Value {
    let limits = action.payload_limits();
    let pairs = [("bytes", limits.bytes), ("depth", limits.depth), ("list", limits.list)];
    Value::Map(pairs.into_iter().map(|(name, limit)| text::pair(name, Value::Uint(limit as u64))).collect())
}

/// The steps of a composite action.
#[derive(Debug)]
pub struct Steps {
    recorder: Recorder,
    correlation: Box<super::Correlation>,
    parent: Id,
    run: crate::model::RunId,
    version: String,
    executor: (String, String),
    next: u64,
}

impl Steps {
    /// One step: PENDING on the device, its body, its terminal on the device.
    ///
    /// # Errors
    /// As [`Authorization::execute`]; a step is never blocked.
    pub fn step<T, R, E>(
        &mut self,
        name: &str,
        input: &T,
        body: impl FnOnce(&T) -> Result<R, E>,
    ) -> Result<R, ActionError<E>>
    where
        T: Serialize + ?Sized,
        R: Serialize,
        E: Display,
    {
        let action = text::name(name);
        let slot = match Payload::of(input) {
            Ok(payload) => Slot::from(payload.digest),
            Err(refusal) => {
                let what = format!("digesting the input of step {action}");
                return Err(ActionError::Audit(Error::new(Code::NotDigestible, what).detail(refusal.to_string())));
            }
        };
        let mut record = BodyWriter::new();
        record
            .text(Key::Action, &action)
            .text(Key::ActionVersion, &self.version)
            .text(Key::ExecutorId, &text::name(&self.executor.0))
            .text(Key::ExecutorVersion, &text::name(&self.executor.1))
            .slot(Key::InputDigest, &slot)
            .uint(Key::Step, self.next);
        self.correlation.write(&mut record);
        let attempt = self.recorder.begin_attempt((self.run, self.parent), 0, &record.finish())?;
        self.next += 1;
        let id = attempt.id;
        let (recorder, correlation) = (self.recorder.clone(), self.correlation.clone());
        Begun { recorder, attempt: Some(attempt), action, correlation, id }.run(|| body(input))
    }
}
