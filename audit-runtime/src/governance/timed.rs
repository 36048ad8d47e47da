//! Execution with a time-out. The worker runs on a thread of its own; whoever takes the attempt first ends it, so there is
//! one terminal whatever the race, and a worker that comes too late leaves a record that says so.

use super::action::{FailureCode, Lookup, Order};
use super::authorization::Authorization;
use super::correlation::Correlation;
use super::execute::{ActionError, Begun, Failure, Left, shown};
use super::payload::output_digest;
use super::text;
use crate::error::{Code, Error};
use crate::model::digest::Slot;
use crate::model::record::Header;
use crate::model::{BodyWriter, Exit, Id, Key, Kind, RunId};
use crate::recorder::Recorder;
use parking_lot::Mutex;
use serde::Serialize;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

impl Authorization {
    /// As [`execute`](Self::execute), on a thread of its own and for at most this long. When the time runs out the attempt
    /// is FAILED with EXECUTOR_TIMEOUT and `still_running`; what the worker does later is a LATE_COMPLETION record.
    ///
    /// # Errors
    /// As [`execute`](Self::execute), and [`ActionError::TimedOut`].
    pub fn execute_within<T, R, E>(
        self,
        timeout: Duration,
        lookup: &(impl Lookup + ?Sized),
        order: &Order<'_>,
        payload: T,
        body: impl FnOnce(T) -> Result<R, E> + Send + 'static,
    ) -> Result<R, ActionError<E>>
    where
        T: Serialize + Send + 'static,
        R: Serialize + Send + 'static,
        E: Display + Send + 'static,
    {
        self.start(lookup, order, &payload, Some(timeout)).begin()?.run_within(timeout, move || body(payload))
    }
}

impl Begun {
    /// As [`run`](Self::run), on a thread of its own and for at most this long.
    ///
    /// # Errors
    /// As [`run`](Self::run), and [`ActionError::TimedOut`].
    pub fn run_within<R, E>(
        self,
        timeout: Duration,
        body: impl FnOnce() -> Result<R, E> + Send + 'static,
    ) -> Result<R, ActionError<E>>
    where
        R: Serialize + Send + 'static,
        E: Display + Send + 'static,
    {
        let (id, context, late) = (self.id(), self.context(), Late::of(&self));
        let seat = Arc::new(Mutex::new(Some(self)));
        let (worker_seat, (send, receive)) = (Arc::clone(&seat), sync_channel(1));
        let work = move || {
            let left: Left<R, E> = catch_unwind(AssertUnwindSafe(|| context.run(body)));
            let begun = worker_seat.lock().take();
            match begun {
                // The caller waits: it ends the attempt, and hears of the result behind the terminal.
                Some(begun) => drop(send.send((begun, left))),
                None => late.record(&left),
            }
        };
        if let Err(cause) = std::thread::Builder::new().name("audit-action".to_owned()).spawn(work) {
            // The attempt went with the closure: dropped, it is FAILED (EXECUTOR_CANCELLED).
            return Err(Error::io(Code::StorageFailed, "starting an action's thread", cause).into());
        }
        let told = match receive.recv_timeout(timeout) {
            Err(RecvTimeoutError::Timeout) => match seat.lock().take() {
                Some(begun) => {
                    let terminal = begun.failed(&Failure {
                        code: FailureCode::ExecutorTimeout,
                        exit: Exit::Errored,
                        error: &format!("still running after {timeout:?}"),
                        error_type: None,
                        still_running: true,
                    });
                    begun.end(terminal)?;
                    return Err(ActionError::TimedOut { attempt: id, after: timeout });
                }
                // The worker was faster by a hair: its result is on the way.
                None => receive.recv().ok(),
            },
            told => told.ok(),
        };
        match told {
            Some((begun, left)) => begun.finish(left),
            None => Err(Error::new(Code::InDoubt, format!("waiting for action {id}")).into()),
        }
    }
}

/// What a worker needs to say that it came too late.
pub(super) struct Late {
    recorder: Recorder,
    run: RunId,
    attempt: Id,
    action: String,
    of: Box<Correlation>,
}

impl Late {
    pub(super) fn of(begun: &Begun) -> Late {
        let (recorder, action, of) = (begun.recorder.clone(), begun.action().to_owned(), begun.correlation.clone());
        Late { recorder, run: begun.run, attempt: begun.id(), action, of }
    }

    /// Nobody waits for this any more; a failure is in the poison slot.
    fn record<R: Serialize, E: Display>(&self, left: &Left<R, E>) {
        let (header, body) = self.told(left);
        drop(self.recorder.point_on_disk(header, &body));
    }

    /// As [`record`](Self::record), for tasks.
    pub(super) async fn record_later<R: Serialize, E: Display>(self, left: Left<R, E>) {
        let (header, body) = self.told(&left);
        if let Ok(promised) = self.recorder.promise(header, body) {
            drop(self.recorder.keep_later(promised).await);
        }
    }

    fn told<R: Serialize, E: Display>(&self, left: &Left<R, E>) -> (Header, Vec<u8>) {
        let mut header = self.recorder.header(Kind::LateCompletion);
        header.run = self.run;
        header.subject = self.attempt;
        let mut body = BodyWriter::new();
        body.text(Key::Action, &self.action);
        match left {
            Ok(Ok(output)) => {
                let digest = output_digest(&self.recorder, output);
                body.text(Key::Outcome, "success")
                    .slot(Key::OutputDigest, &digest.map_or_else(|r| Slot::from(Err(r)), Slot::from));
            }
            Ok(Err(error)) => {
                body.text(Key::Outcome, "failure")
                    .text(Key::Error, &text::message(&shown(error)))
                    .text(Key::ErrorType, std::any::type_name::<E>());
            }
            Err(panic) => {
                body.text(Key::Outcome, "panic").text(Key::Error, &text::of_panic(&**panic));
            }
        }
        self.of.write_short(&mut body);
        (header, body.finish())
    }
}
