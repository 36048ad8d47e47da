//! Composite actions: each step is an attempt of its own, whose parent is the action.

use super::action::{Lookup, Order};
use super::authorization::Authorization;
use super::correlation::Correlation;
use super::execute::{ActionError, Begun};
use super::payload::Payload;
use super::text;
use crate::error::{Code, Error};
use crate::model::digest::Slot;
use crate::model::{BodyWriter, Id, Key, RunId};
use crate::recorder::Recorder;
use serde::Serialize;
use std::fmt::Display;
use std::future::Future;

impl Authorization {
    /// As [`execute`](Self::execute), for an action of several steps.
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
        let begun = self.start(lookup, order, payload, None).begin()?;
        let mut steps = Steps::of(&begun, order);
        begun.run(|| body(payload, &mut steps))
    }

    /// As [`execute_steps`](Self::execute_steps), for a body that is a future.
    ///
    /// # Errors
    /// As [`execute_async`](Self::execute_async).
    pub async fn execute_steps_async<T, R, E, F>(
        self,
        lookup: &(impl Lookup + ?Sized),
        order: &Order<'_>,
        payload: &T,
        body: impl FnOnce(Steps) -> F,
    ) -> Result<R, ActionError<E>>
    where
        T: Serialize + ?Sized,
        R: Serialize,
        E: Display,
        F: Future<Output = Result<R, E>>,
    {
        let begun = self.start(lookup, order, payload, None).begin_later().await?;
        let steps = Steps::of(&begun, order);
        begun.run_later(async move { body(steps).await }).await
    }
}

/// The steps of a composite action.
#[derive(Debug)]
pub struct Steps {
    recorder: Recorder,
    correlation: Box<Correlation>,
    parent: Id,
    run: RunId,
    version: String,
    executor: (String, String),
    next: u64,
}

impl Steps {
    fn of(begun: &Begun, order: &Order<'_>) -> Steps {
        Steps {
            recorder: begun.recorder.clone(),
            correlation: begun.correlation.clone(),
            parent: begun.id(),
            run: begun.run,
            version: order.version.to_owned(),
            executor: (order.executor.to_owned(), order.executor_version.to_owned()),
            next: 0,
        }
    }

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
        let record = self.record(&action, input)?;
        let attempt = self.recorder.begin_attempt((self.run, self.parent), (0, &action), &record)?;
        self.next += 1;
        Begun::step(&self.recorder, &self.correlation, attempt, action).run(|| body(input))
    }

    /// As [`step`](Self::step), for a body that is a future.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub async fn step_later<T, R, E>(
        &mut self,
        name: &str,
        input: &T,
        body: impl Future<Output = Result<R, E>>,
    ) -> Result<R, ActionError<E>>
    where
        T: Serialize + ?Sized,
        R: Serialize,
        E: Display,
    {
        let action = text::name(name);
        let record = self.record(&action, input)?;
        let (attempt, promised) = self.recorder.append_attempt((self.run, self.parent), (0, &action), record)?;
        self.next += 1;
        let begun = Begun::step(&self.recorder, &self.correlation, attempt, action);
        begun.admitted(promised).await?.run_later(body).await
    }

    fn record<T: Serialize + ?Sized>(&self, action: &str, input: &T) -> Result<Vec<u8>, Error> {
        let slot = match Payload::of(&self.recorder, input) {
            Ok(payload) => Slot::from(payload.digest),
            Err(refusal) => {
                let what = format!("digesting the input of step {action}");
                return Err(Error::new(Code::NotDigestible, what).detail(refusal.to_string()));
            }
        };
        let mut record = BodyWriter::new();
        record
            .text(Key::Action, action)
            .text(Key::ActionVersion, &self.version)
            .text(Key::ExecutorId, &text::name(&self.executor.0))
            .text(Key::ExecutorVersion, &text::name(&self.executor.1))
            .slot(Key::InputDigest, &slot)
            .uint(Key::Step, self.next);
        self.correlation.write(&mut record);
        Ok(record.finish())
    }
}
