//! The policy that a gate applies. Its fingerprint is computed from what is applied, so that it cannot be blank, stale or
//! borrowed from a catalogue.

use super::text::name;
use crate::error::{Code, Error};
use crate::model::digest::{Digest, Scope, digest_of};
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A policy with the actions that it may allow. Immutable: who changes a policy makes another profile, and each decision
/// names the one that it was made by.
///
/// The fingerprint is the SHA-256 of the canonical JSON of `{"actions": […], "id": …, "policy": …}`.
#[derive(Debug)]
pub struct Profile<P> {
    id: Arc<str>,
    policy: P,
    actions: Arc<BTreeSet<String>>,
    fingerprint: Digest,
}

#[derive(Serialize)]
struct Printed<'a, P> {
    id: &'a str,
    policy: &'a P,
    actions: &'a BTreeSet<String>,
}

impl<P: Serialize> Profile<P> {
    /// A profile of this policy, for these actions.
    ///
    /// # Errors
    /// `AUD0402` for a blank id; `AUD0501` for a policy that has no canonical form.
    pub fn new<'a>(id: &str, policy: P, actions: impl IntoIterator<Item = &'a str>) -> Result<Profile<P>, Error> {
        if id.trim().is_empty() {
            return Err(Error::new(Code::MissingField, "making a profile").detail("its id"));
        }
        let id = name(id);
        let actions: BTreeSet<String> = actions.into_iter().map(str::to_owned).collect();
        let fingerprint = digest_of(Scope::Config, &Printed { id: &id, policy: &policy, actions: &actions })
            .map_err(|why| Error::new(Code::NotDigestible, "fingerprinting a policy").detail(why.to_string()))?;
        Ok(Profile { id: id.into(), policy, actions: Arc::new(actions), fingerprint })
    }
}

impl<P> Profile<P> {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &P {
        &self.policy
    }

    /// The digest of what is applied.
    #[must_use]
    pub fn fingerprint(&self) -> &Digest {
        &self.fingerprint
    }

    pub(super) fn shared(&self) -> (Arc<str>, Arc<BTreeSet<String>>) {
        (Arc::clone(&self.id), Arc::clone(&self.actions))
    }
}
