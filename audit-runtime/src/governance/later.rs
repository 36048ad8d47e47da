//! Actions whose body is a future. Every record stands on the device before the future that made it is ready; waiting
//! never holds a thread, so that ten thousand executions share the syncs of a few.

use super::action::{FailureCode, Lookup, Order};
use super::alarm::Alarm;
use super::authorization::Authorization;
use super::execute::{ActionError, Begun, Failure, Left, given};
use super::timed::Late;
use crate::context::AuditContext;
use crate::error::Error;
use crate::model::Exit;
use parking_lot::Mutex;
use serde::Serialize;
use std::fmt::Display;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// A future that goes on by itself, for whoever spawns it.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Authorization {
    /// As [`execute`](Self::execute), for a body that is a future: it is first polled when PENDING is on the device, and
    /// this future is ready when the terminal is.
    ///
    /// ```no_run
    /// # use audit_runtime::governance::{Authorization, Catalog, Order, ActionError};
    /// # async fn fetch(n: &u32) -> Result<u32, std::io::Error> { Ok(*n) }
    /// # async fn run(authorization: Authorization, catalog: &Catalog, order: Order<'_>) -> Result<u32, ActionError<std::io::Error>> {
    /// let n = 7;
    /// authorization.execute_async(catalog, &order, &n, fetch(&n)).await
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`execute`](Self::execute). Dropped before its end the attempt is FAILED (EXECUTOR_CANCELLED).
    pub async fn execute_async<T, R, E>(
        self,
        lookup: &(impl Lookup + ?Sized),
        order: &Order<'_>,
        payload: &T,
        body: impl Future<Output = Result<R, E>>,
    ) -> Result<R, ActionError<E>>
    where
        T: Serialize + ?Sized,
        R: Serialize,
        E: Display,
    {
        self.start(lookup, order, payload, None).begin_later().await?.run_later(body).await
    }

    /// As [`execute_async`](Self::execute_async), for at most this long. A body whose time runs out is dropped, and does
    /// nothing more: FAILED with EXECUTOR_TIMEOUT. One that is to go on belongs to
    /// [`execute_spawned`](Self::execute_spawned).
    ///
    /// # Errors
    /// As [`execute_async`](Self::execute_async), and [`ActionError::TimedOut`].
    pub async fn execute_async_within<T, R, E>(
        self,
        timeout: Duration,
        lookup: &(impl Lookup + ?Sized),
        order: &Order<'_>,
        payload: &T,
        body: impl Future<Output = Result<R, E>>,
    ) -> Result<R, ActionError<E>>
    where
        T: Serialize + ?Sized,
        R: Serialize,
        E: Display,
    {
        self.start(lookup, order, payload, Some(timeout)).begin_later().await?.run_later_within(timeout, body).await
    }

    /// As [`execute_async_within`](Self::execute_async_within), with the body as a task of its own (`tokio::spawn`): when
    /// its time runs out the attempt is FAILED with EXECUTOR_TIMEOUT and `still_running`, and what the worker does later is
    /// a LATE_COMPLETION record.
    ///
    /// # Errors
    /// As [`execute_async_within`](Self::execute_async_within).
    pub async fn execute_spawned<T, R, E, H>(
        self,
        timeout: Duration,
        lookup: &(impl Lookup + ?Sized),
        order: &Order<'_>,
        payload: &T,
        (body, spawn): (impl Future<Output = Result<R, E>> + Send + 'static, impl FnOnce(Task) -> H),
    ) -> Result<R, ActionError<E>>
    where
        T: Serialize + ?Sized,
        R: Serialize + Send + 'static,
        E: Display + Send + 'static,
    {
        self.start(lookup, order, payload, Some(timeout)).begin_later().await?.run_spawned(timeout, body, spawn).await
    }
}

/// Runs a future in a context until it is ready or panics.
async fn caught<R, E>(context: AuditContext, body: impl Future<Output = Result<R, E>>) -> Left<R, E> {
    let mut body = pin!(context.wrap_future(body));
    poll_fn(|cx| poll_caught(body.as_mut(), cx)).await
}

fn poll_caught<T>(body: Pin<&mut impl Future<Output = T>>, cx: &mut Context<'_>) -> Poll<std::thread::Result<T>> {
    match catch_unwind(AssertUnwindSafe(|| body.poll(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(out)) => Poll::Ready(Ok(out)),
        Err(panic) => Poll::Ready(Err(panic)),
    }
}

/// The failure of a body whose time ran out.
fn out_of_time(after: &str, still_running: bool) -> Failure<'_> {
    let (code, exit) = (FailureCode::ExecutorTimeout, Exit::Errored);
    Failure { code, exit, error: after, error_type: None, still_running }
}

impl Begun {
    /// Polls the body in the attempt's context and ends the attempt by what it does.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_later<R: Serialize, E: Display>(
        self,
        body: impl Future<Output = Result<R, E>>,
    ) -> Result<R, ActionError<E>> {
        let left = caught(self.context(), body).await;
        self.finish_later(left).await
    }

    async fn finish_later<R: Serialize, E: Display>(self, left: Left<R, E>) -> Result<R, ActionError<E>> {
        let (id, terminal) = (self.id(), self.judge(&left));
        let ended = self.end_later(terminal).await;
        given(id, left, ended)
    }

    /// As [`run_later`](Self::run_later), for at most this long; a body whose time runs out is dropped.
    ///
    /// # Errors
    /// As [`run_later`](Self::run_later), and [`ActionError::TimedOut`].
    pub async fn run_later_within<R: Serialize, E: Display>(
        self,
        timeout: Duration,
        body: impl Future<Output = Result<R, E>>,
    ) -> Result<R, ActionError<E>> {
        let mut alarm = Alarm::after(timeout)?;
        let left = {
            let mut body = pin!(caught(self.context(), body));
            poll_fn(|cx| match body.as_mut().poll(cx) {
                Poll::Ready(left) => Poll::Ready(Some(left)),
                Poll::Pending => alarm.poll(cx).map(|()| None),
            })
            .await
        };
        match left {
            Some(left) => self.finish_later(left).await,
            None => self.give_up(timeout, false).await,
        }
    }

    async fn give_up<R, E>(self, timeout: Duration, still_running: bool) -> Result<R, ActionError<E>> {
        let attempt = self.id();
        let rest = if still_running { "still running" } else { "dropped" };
        let terminal = self.failed(&out_of_time(&format!("{rest} after {timeout:?}"), still_running));
        self.end_later(terminal).await?;
        Err(ActionError::TimedOut { attempt, after: timeout })
    }

    /// As [`run_later_within`](Self::run_later_within), with the body as a task of its own.
    ///
    /// # Errors
    /// As [`run_later_within`](Self::run_later_within).
    pub async fn run_spawned<R, E, H>(
        self,
        timeout: Duration,
        body: impl Future<Output = Result<R, E>> + Send + 'static,
        spawn: impl FnOnce(Task) -> H,
    ) -> Result<R, ActionError<E>>
    where
        R: Serialize + Send + 'static,
        E: Display + Send + 'static,
    {
        let mut alarm = Alarm::after(timeout)?;
        let (context, late, id) = (self.context(), Late::of(&self), self.id());
        let meeting = Arc::new(Mutex::new(Meeting { begun: Some(self), left: None, waiting: None }));
        let worker = Arc::clone(&meeting);
        drop(spawn(Box::pin(async move {
            let left = caught(context, body).await;
            let (unheard, waiting) = worker.lock().hand_in(left);
            // A waker is the runtime's code: it does not run under our lock.
            waiting.into_iter().for_each(Waker::wake);
            if let Some(left) = unheard {
                late.record_later(left).await;
            }
        })));
        // Whoever takes the attempt ends it, so there is one terminal whatever the race.
        let caller = Caller(meeting);
        let taken = poll_fn(|cx| caller.poll(&mut alarm, cx)).await;
        match taken {
            Some((begun, Some(left))) => begun.finish_later(left).await,
            Some((begun, None)) => begun.give_up(timeout, true).await,
            None => Err(Error::new(crate::error::Code::InDoubt, format!("waiting for action {id}")).into()),
        }
    }
}

/// Where the worker and the one who waits for it meet.
struct Meeting<R, E> {
    begun: Option<Begun>,
    left: Option<Left<R, E>>,
    waiting: Option<Waker>,
}

impl<R, E> Meeting<R, E> {
    /// Leaves what the worker has for the one who waits; where nobody does any more, it comes back.
    fn hand_in(&mut self, left: Left<R, E>) -> (Option<Left<R, E>>, Option<Waker>) {
        if self.begun.is_none() {
            return (Some(left), None);
        }
        self.left = Some(left);
        (None, self.waiting.take())
    }
}

/// The one who waits. Dropped, it takes the attempt with it: FAILED, and the worker's end is a late one.
struct Caller<R, E>(Arc<Mutex<Meeting<R, E>>>);

/// The attempt, with what its worker left behind; without it the time has run out.
type Taken<R, E> = Option<(Begun, Option<Left<R, E>>)>;

impl<R, E> Caller<R, E> {
    fn poll(&self, alarm: &mut Alarm, cx: &mut Context<'_>) -> Poll<Taken<R, E>> {
        let mut meeting = self.0.lock();
        let done = meeting.left.is_some() || alarm.poll(cx).is_ready();
        if !done {
            meeting.waiting = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let left = meeting.left.take();
        Poll::Ready(meeting.begun.take().map(|begun| (begun, left)))
    }
}

impl<R, E> Drop for Caller<R, E> {
    fn drop(&mut self) {
        let begun = self.0.lock().begun.take();
        drop(begun);
    }
}
