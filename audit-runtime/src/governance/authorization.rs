//! The only way into an action.

use super::correlation::Correlation;
use crate::model::digest::Digest;
use crate::model::{Id, RunId};
use crate::recorder::Recorder;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What ALLOW yields: one execution, of the payload that was allowed, within its time. It is consumed by
/// [`execute`](Authorization::execute) and its kin; nobody can make, copy or use it twice.
///
/// ```compile_fail,E0382
/// # use audit_runtime::governance::{Authorization, Catalog, Order};
/// fn twice(authorization: Authorization, catalog: &Catalog, order: Order<'_>) {
///     let first = authorization.execute(catalog, &order, &1, |n| Ok::<_, std::io::Error>(*n));
///     let second = authorization.execute(catalog, &order, &1, |n| Ok::<_, std::io::Error>(*n));
/// }
/// ```
/// ```compile_fail,E0451
/// # use audit_runtime::governance::{Authorization, Correlation};
/// fn by_hand(other: Authorization) -> Authorization {
///     Authorization { expires_ns: None, ..other }
/// }
/// ```
#[derive(Debug)]
#[must_use = "an authorization that is dropped executes nothing"]
pub struct Authorization {
    pub(super) recorder: Recorder,
    pub(super) decision: Id,
    pub(super) run: RunId,
    pub(super) input: Digest,
    pub(super) profile: Arc<str>,
    pub(super) actions: Arc<BTreeSet<String>>,
    pub(super) correlation: Box<Correlation>,
    pub(super) expires_ns: Option<u64>,
}

impl Authorization {
    /// The decision that allowed it.
    #[must_use]
    pub fn decision(&self) -> Id {
        self.decision
    }

    /// The run that it belongs to.
    #[must_use]
    pub fn run(&self) -> RunId {
        self.run
    }

    /// The digest of the payload that was allowed.
    #[must_use]
    pub fn input(&self) -> &Digest {
        &self.input
    }

    /// The profile by which it was allowed.
    #[must_use]
    pub fn profile(&self) -> &str {
        &self.profile
    }

    /// What joins it to everything else: the trace for the response, above all.
    #[must_use]
    pub fn correlation(&self) -> &Correlation {
        &self.correlation
    }
}
