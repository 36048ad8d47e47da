//! Execution with a time-out. The worker runs on a thread of its own; whoever takes the attempt first ends it, so there is
//! one terminal whatever the race, and a worker that comes too late leaves a record that says so.

use super::action::{FailureCode, Lookup, Order};
use super::authorization::Authorization;
use super::execute::{ActionError, Begun, Failure, errored, panicked, shown};
use super::text;
use crate::error::{Code, Error};
use crate::model::digest::{Scope, Slot, catching, digest_of};
use crate::model::{BodyWriter, Exit, Id, Key, Kind, RunId};
use crate::recorder::Recorder;
use parking_lot::Mutex;
use serde::Serialize;
use std::any::Any;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

type Ended<R, E> = Result<Result<R, E>, Box<dyn Any + Send>>;

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
        let run = self.run;
        let begun = self.begin(lookup, order, &payload, Some(timeout))?;
        let (id, context, recorder) = (begun.id(), begun.context(), begun.recorder.clone());
        let late = Late { recorder, run, attempt: id, action: order.action.to_owned(), of: begun.correlation.clone() };
        let seat = Arc::new(Mutex::new(Some(begun)));
        let (worker_seat, (send, receive)) = (Arc::clone(&seat), sync_channel(1));
        let work = move || {
            let ended: Ended<R, E> = catch_unwind(AssertUnwindSafe(|| context.run(|| body(payload))));
            let begun = worker_seat.lock().take();
            match begun {
                // The caller waits: it ends the attempt, and hears of the result behind the terminal.
                Some(begun) => drop(send.send((begun, ended))),
                None => late.record(&ended),
            }
        };
        if let Err(cause) = std::thread::Builder::new().name("audit-action".to_owned()).spawn(work) {
            // The attempt went with the closure: dropped, it is FAILED (EXECUTOR_CANCELLED).
            return Err(Error::io(Code::StorageFailed, "starting an action's thread", cause).into());
        }
        let told = match receive.recv_timeout(timeout) {
            Err(RecvTimeoutError::Timeout) => match seat.lock().take() {
                Some(begun) => {
                    begun.fail(&Failure {
                        code: FailureCode::ExecutorTimeout,
                        exit: Exit::Errored,
                        error: &format!("still running after {timeout:?}"),
                        error_type: None,
                        still_running: true,
                    })?;
                    return Err(ActionError::TimedOut { attempt: id, after: timeout });
                }
                // The worker was faster by a hair: its result is on the way.
                None => receive.recv().ok(),
            },
            told => told.ok(),
        };
        match told {
            Some((begun, ended)) => finish(begun, ended),
            None => Err(Error::new(Code::InDoubt, format!("waiting for action {id}")).into()),
        }
    }
}

fn finish<R: Serialize, E: Display>(begun: Begun, ended: Ended<R, E>) -> Result<R, ActionError<E>> {
    let attempt = begun.id();
    match ended {
        Ok(Ok(output)) => {
            begun.succeed(&output)?;
            Ok(output)
        }
        Ok(Err(error)) => {
            begun.fail(&errored(&error, &shown(&error)))?;
            Err(ActionError::Failed { attempt, error })
        }
        Err(panic) => {
            // Whether or not the terminal could be written, the panic goes on; a failure is in the poison slot.
            drop(begun.fail(&panicked(&text::of_panic(&*panic))));
            resume_unwind(panic)
        }
    }
}

/// What a worker needs to say that it came too late.
struct Late {
    recorder: Recorder,
    run: RunId,
    attempt: Id,
    action: String,
    of: Box<super::Correlation>,
}

impl Late {
    fn record<R: Serialize, E: Display>(&self, ended: &Ended<R, E>) {
        let mut header = self.recorder.header(Kind::LateCompletion);
        header.run = self.run;
        header.subject = self.attempt;
        let mut body = BodyWriter::new();
        body.text(Key::Action, &self.action);
        match ended {
            Ok(Ok(output)) => {
                let digest = catching(|| digest_of(Scope::Output, output)).map_err(|(refusal, _)| refusal);
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
        // Nobody waits for this any more; a failure is in the poison slot.
        drop(self.recorder.point_on_disk(header, &body.finish()));
    }
}
