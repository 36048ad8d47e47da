//! What `#[gate]` and `#[action]` expand to: the recorder that is current, and an action as its annotation declares it.

use super::action::{Action, Catalog, Executor, Lookup, Order};
use super::authorization::Authorization;
use super::execute::{ActionError, Started};
use super::payload::Limits;
use crate::context;
use crate::error::{Code, Error};
use crate::recorder::Recorder;
use crate::site::Site;
use serde::Serialize;
use std::time::Duration;

/// The recorder that is current here: nothing is decided that could not be recorded.
///
/// # Errors
/// `AUD0109` where there is none.
pub fn recorder(site: &'static Site) -> Result<Recorder, Error> {
    context::current_recorder()
        .ok_or_else(|| Error::new(Code::NotInstalled, format!("asking gate {}", site.node_name())))
}

/// An action as its annotation declares it.
pub struct Deed<'a> {
    site: &'static Site,
    name: &'static str,
    version: &'static str,
    needs: &'static [&'static str],
    limits: Limits,
    executor: &'a Executor,
    timeout: Option<Duration>,
}

impl<'a> Deed<'a> {
    /// An action of this name and version.
    #[must_use]
    pub fn new(
        site: &'static Site,
        (name, version): (&'static str, &'static str),
        needs: &'static [&'static str],
        limits: Limits,
        executor: &'a Executor,
    ) -> Deed<'a> {
        Deed { site, name, version, needs, limits, executor, timeout: None }
    }

    /// For at most this long.
    #[must_use]
    pub fn within(mut self, timeout: Duration) -> Deed<'a> {
        self.timeout = Some(timeout);
        self
    }

    /// Checks an authorization against what is declared here.
    pub fn start<T: Serialize + ?Sized>(self, authorization: Authorization, payload: &T) -> Started {
        let action = self.needs.iter().fold(Action::new(self.name, self.version), |action, need| action.needs(need));
        let catalog = Catalog::new().action(action.limits(self.limits)).executor(self.executor.clone());
        self.start_with(authorization, payload, &catalog)
    }

    /// Checks it against what a look-up knows.
    pub fn start_with<T: Serialize + ?Sized>(
        self,
        authorization: Authorization,
        payload: &T,
        lookup: &(impl Lookup + ?Sized),
    ) -> Started {
        let (executor, executor_version) = self.executor.names();
        let order = Order { action: self.name, version: self.version, executor, executor_version };
        authorization.start(lookup, &order, payload, self.timeout).at(self.site)
    }
}

/// What an annotated action returns: its own result, or why there is none.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no result of an action",
    label = "an action returns `Result<R, E>`",
    note = "an action can fail: it is blocked, its body returns an error, or the audit refuses"
)]
pub trait Done {
    /// What the caller gets.
    type Told;
}

impl<R, E> Done for Result<R, E> {
    type Told = Result<R, ActionError<E>>;
}
