//! Work inside a lab: the scenario's future, tasks, blocking work and threads, all recorded in the lab.

use crate::lab::hang::watch;
use crate::lab::room::{Inside, Lab};
use crate::lab::script::Script;
use audit_runtime::audit_context;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

impl Lab {
    /// Runs a future to its end on a tokio runtime whose workers all belong to this lab. With one thread, which is the
    /// default, timers fire as soon as nothing else is left to do. `None` when the plan dropped the future, or its time was
    /// up.
    ///
    /// # Panics
    /// When tokio cannot make a runtime.
    pub fn block_on<F: Future>(&self, work: F) -> Option<F::Output> {
        let mut builder = match self.0.threads {
            0 => {
                let mut builder = tokio::runtime::Builder::new_current_thread();
                builder.start_paused(true);
                builder
            }
            n => {
                let mut builder = tokio::runtime::Builder::new_multi_thread();
                builder.worker_threads(n);
                builder
            }
        };
        let (recorder, started, stopped) =
            (self.recorder().clone(), Arc::clone(&self.0.running), Arc::clone(&self.0.running));
        builder.enable_time().on_thread_start(move || {
            // A worker belongs to its lab until it ends.
            std::mem::forget(Inside::enter());
            started.fetch_add(1, Ordering::SeqCst);
            recorder.adopt_thread();
        });
        builder.on_thread_stop(move || {
            stopped.fetch_sub(1, Ordering::SeqCst);
        });
        let runtime = builder.build().unwrap_or_else(|error| panic!("tokio makes no runtime: {error}"));
        // The runtime is gone before this returns: what it dropped has its end in the trail. Blocking work that does not
        // come to its end is left behind, and told of.
        self.scope(|| {
            let playing = watch(&self.0.script, &self.0.owner, self.0.patience, true);
            let out = runtime.block_on(Cut { work: Box::pin(work), script: &self.0.script });
            drop(playing);
            runtime.shutdown_timeout(self.0.patience);
            out
        })
    }

    /// Runs a scenario that is no future; one that does not come to its end is told of.
    pub(crate) fn play<R>(&self, work: impl FnOnce() -> R) -> R {
        let _playing = watch(&self.0.script, &self.0.owner, self.0.patience, false);
        self.scope(work)
    }

    /// Spawns a task of the scenario; its parent is whoever spawns it.
    pub fn spawn<F>(&self, work: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        tokio::spawn(audit_context().wrap_future(work))
    }

    /// Runs blocking work on a thread of the runtime; its parent is whoever asks for it.
    pub fn spawn_blocking<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> tokio::task::JoinHandle<R> {
        tokio::task::spawn_blocking(audit_context().wrap(work))
    }

    /// Starts a thread that belongs to this lab.
    pub fn thread<R: Send + 'static>(&self, work: impl FnOnce() -> R + Send + 'static) -> std::thread::JoinHandle<R> {
        let context = Inside::is_here().then(audit_context);
        let recorder = self.recorder().clone();
        let running = Running::begin(&self.0.running);
        std::thread::spawn(move || {
            let (_inside, _running) = (Inside::enter(), running);
            recorder.adopt_thread();
            match context {
                Some(context) => context.run(work),
                None => work(),
            }
        })
    }
}

/// A thread of a lab, as long as it runs.
struct Running(Arc<AtomicUsize>);

impl Running {
    fn begin(running: &Arc<AtomicUsize>) -> Running {
        running.fetch_add(1, Ordering::SeqCst);
        Running(Arc::clone(running))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The scenario's future: dropped between two polls where the plan says so.
struct Cut<'a, F> {
    work: Pin<Box<F>>,
    script: &'a Script,
}

impl<F: Future> Future for Cut<'_, F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        if self.script.before_poll(cx.waker()) {
            return Poll::Ready(None);
        }
        match self.work.as_mut().poll(cx) {
            Poll::Ready(out) => Poll::Ready(Some(out)),
            Poll::Pending if self.script.after_poll() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}
