//! Scopes: a recorder, or one of its runs, for a closure or a future instead of the whole process. Tests run in
//! parallel that way, each with a trail of its own.

use std::future::Future;

use super::hook;
use crate::context::{AuditContext, InContext};
use crate::model::RunId;
use crate::recorder::{Recorder, Run, RunHandle};

impl Recorder {
    /// Runs a closure with this recorder: audited calls inside it are recorded here, whatever is installed.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), audit_runtime::Error> {
    /// let recorder = audit_runtime::open("./audit-trail")?;
    /// let sum = recorder.scope(|| 1 + 1);
    /// # Ok(()) }
    /// ```
    pub fn scope<R>(&self, work: impl FnOnce() -> R) -> R {
        hook::install_once();
        AuditContext::of(self, RunId::NONE).run(work)
    }

    /// As [`scope`](Recorder::scope), for a future, on whatever thread it is polled.
    pub fn scope_async<F: Future>(&self, work: F) -> InContext<F> {
        hook::install_once();
        AuditContext::of(self, RunId::NONE).wrap_future(work)
    }
}

#[cfg(feature = "testkit")]
impl Recorder {
    /// Makes this recorder current on this thread until the thread ends: a lab's worker threads belong to their lab.
    #[doc(hidden)]
    pub fn adopt_thread(&self) {
        crate::context::adopt(self);
    }
}

impl RunHandle {
    /// Runs a closure in this run.
    pub fn scope<R>(&self, work: impl FnOnce() -> R) -> R {
        hook::install_once();
        AuditContext::of(self.recorder(), self.id()).run(work)
    }

    /// As [`scope`](RunHandle::scope), for a future.
    pub fn scope_async<F: Future>(&self, work: F) -> InContext<F> {
        hook::install_once();
        AuditContext::of(self.recorder(), self.id()).wrap_future(work)
    }
}

impl Run {
    /// Runs a closure in this run.
    pub fn scope<R>(&self, work: impl FnOnce() -> R) -> R {
        self.handle().scope(work)
    }

    /// As [`scope`](Run::scope), for a future.
    pub fn scope_async<F: Future>(&self, work: F) -> InContext<F> {
        self.handle().scope_async(work)
    }
}
