//! Guards taken by hand, for work that is no function: `recorder.enter("node")`, then `complete` or `fail`.

use std::fmt::Display;

use super::end::{End, text_of};
use crate::context::{self, AuditContext};
use crate::error::Error;
use crate::model::Id;
use crate::model::digest::Slot;
use crate::recorder::{OpenState, Opened, Recorder};

/// An open node state. It ends by [`complete`](Guard::complete) or [`fail`](Guard::fail); dropped, it is
/// `FAILED(cancelled)` with reason `dropped`.
///
/// ```no_run
/// # fn main() -> Result<(), audit_runtime::Error> {
/// let recorder = audit_runtime::open("./audit-trail")?;
/// let guard = recorder.enter("import")?;
/// let rows = guard.context().run(|| 27_004);
/// if rows > 0 { guard.complete()? } else { guard.fail("no rows")? }
/// # Ok(()) }
/// ```
#[must_use = "a guard that is dropped is recorded as FAILED(cancelled): end it with `complete()` or `fail(..)`"]
#[derive(Debug)]
pub struct Guard {
    open: Option<(Recorder, Opened)>,
}

impl Recorder {
    /// Opens a node state by hand. Audited calls made in its [`context`](Guard::context) have it as their parent.
    ///
    /// # Errors
    /// Refused when the opening cannot be recorded.
    pub fn enter(&self, node: &str) -> Result<Guard, Error> {
        use crate::error::Code;
        if node.trim().is_empty() {
            return Err(Error::new(Code::MissingField, "entering a node by hand").detail("the node's name"));
        }
        let place = context::place(self.number(), &context::ambient());
        let (opened, pending) = self.open_state(&OpenState {
            site: None,
            node: Some(node),
            run: place.run,
            parent: place.parent,
            attempt: 0,
            input: &Slot::NOT_REQUESTED,
            recorded: None,
            unattributed: place.unattributed,
            detached: !place.parent.is_none(),
            durability: None,
            external: false,
            token: None,
            resume: None,
        })?;
        self.wait(pending)?;
        Ok(Guard { open: Some((self.clone(), opened)) })
    }
}

impl Guard {
    /// The node state's id.
    #[must_use]
    pub fn id(&self) -> Id {
        self.open.as_ref().map_or(Id::NONE, |(_, opened)| opened.id)
    }

    /// The context in which work belongs to this node state.
    pub fn context(&self) -> AuditContext {
        match &self.open {
            Some((recorder, opened)) => AuditContext::inside(recorder, opened.run, opened.id),
            None => context::audit_context(),
        }
    }

    /// The work was handed over and its answer is to come: DEFERRED. It still ends by `complete` or `fail`.
    ///
    /// # Errors
    /// Refused when that cannot be recorded, or when the entry is deferred already.
    pub fn defer(&mut self, reason: &str) -> Result<(), Error> {
        match &self.open {
            Some((recorder, opened)) => {
                let reason = crate::model::scrub::scrub_error_text(reason);
                recorder.wait(recorder.defer_state(opened, Some(&reason))?)
            }
            None => Ok(()),
        }
    }

    /// The work succeeded.
    ///
    /// # Errors
    /// In doubt: the terminal could not be recorded.
    pub fn complete(self) -> Result<(), Error> {
        self.end(&End::returned())
    }

    /// The work failed; the error's text is kept, scrubbed and cut.
    ///
    /// # Errors
    /// In doubt: the terminal could not be recorded.
    pub fn fail(self, error: impl Display) -> Result<(), Error> {
        let mut end = End::returned();
        end.errored(Some(text_of(&error)), std::any::type_name_of_val(&error), None);
        self.end(&end)
    }

    fn end(mut self, end: &End) -> Result<(), Error> {
        match self.open.take() {
            Some((recorder, opened)) => recorder.wait(recorder.close_state(&opened, &end.close())?),
            None => Ok(()),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some((recorder, opened)) = self.open.take() {
            // The failure, if any, is in the recorder's poison slot.
            drop(recorder.close_dropped(&opened, &End::cancelled("dropped").close()));
        }
    }
}
