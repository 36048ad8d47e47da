//! Actions and executors: what is known of them before anything runs, and the codes of each refusal.

use super::payload::Limits;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

macro_rules! codes {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $code:literal),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum $name { $($(#[$vmeta])* $variant),* }

        impl $name {
            /// Every code.
            pub const ALL: &'static [$name] = &[$($name::$variant),*];

            /// As it stands in records.
            #[must_use]
            pub const fn code(self) -> &'static str { match self { $($name::$variant => $code),* } }
        }

        const _: () = assert!(super::reason::distinct(&[$($code),*]), "one code, one meaning");

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.pad(self.code()) }
        }
    };
}

codes! {
    /// Why an action that was allowed did not begin.
    BlockCode {
        /// The action's name is blank, too long or not printable.
        ActionMalformed = "ACTION_MALFORMED",
        /// The version is absent or no semantic version.
        ActionVersionInvalid = "ACTION_VERSION_INVALID",
        /// The profile that allowed it does not allow this action.
        ProfileActionMismatch = "PROFILE_ACTION_MISMATCH",
        /// The look-up of action or executor failed; nothing is known.
        ActionLookupFailed = "ACTION_LOOKUP_FAILED",
        /// Nobody has declared this action in this version.
        UnknownAction = "UNKNOWN_ACTION",
        /// Nobody has declared this executor.
        ExecutorNotFound = "EXECUTOR_NOT_FOUND",
        /// The executor has another version.
        ExecutorVersionMismatch = "EXECUTOR_VERSION_MISMATCH",
        /// The executor lacks something that the action needs.
        CapabilityMismatch = "CAPABILITY_MISMATCH",
        /// The payload goes beyond a limit of the action.
        LimitExceeded = "LIMIT_EXCEEDED",
        /// The payload has no JSON form.
        NonJsonPayload = "NON_JSON_PAYLOAD",
        /// The payload is not the one that was allowed.
        InputDigestMismatch = "INPUT_DIGEST_MISMATCH",
        /// The authorization is older than it may be.
        AuthorizationExpired = "AUTHORIZATION_EXPIRED",
    }
}

codes! {
    /// Why an action that had begun did not succeed.
    FailureCode {
        /// The executor returned an error or panicked; its type is kept.
        ExecutorException = "EXECUTOR_EXCEPTION",
        /// The executor's time ran out.
        ExecutorTimeout = "EXECUTOR_TIMEOUT",
        /// Whoever executed went away before the end.
        ExecutorCancelled = "EXECUTOR_CANCELLED",
        /// It ran, but what it returned has no canonical form.
        OutputNotDigestible = "OUTPUT_NOT_DIGESTIBLE",
    }
}

/// An action as it is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    name: String,
    version: String,
    needs: BTreeSet<String>,
    limits: Limits,
}

impl Action {
    /// An action of this version, with the default limits.
    #[must_use]
    pub fn new(name: &str, version: &str) -> Action {
        let (name, version) = (name.to_owned(), version.to_owned());
        Action { name, version, needs: BTreeSet::new(), limits: Limits::default() }
    }

    /// Its executor must be able to do this.
    #[must_use]
    pub fn needs(mut self, capability: &str) -> Action {
        self.needs.insert(capability.to_owned());
        self
    }

    /// Limits of its payload.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Action {
        self.limits = limits;
        self
    }

    pub(super) fn payload_limits(&self) -> &Limits {
        &self.limits
    }
}

/// Who executes actions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executor {
    id: String,
    version: String,
    provides: BTreeSet<String>,
}

impl Executor {
    /// An executor of this version.
    #[must_use]
    pub fn new(id: &str, version: &str) -> Executor {
        Executor { id: id.to_owned(), version: version.to_owned(), provides: BTreeSet::new() }
    }

    /// It is able to do this.
    #[must_use]
    pub fn provides(mut self, capability: &str) -> Executor {
        self.provides.insert(capability.to_owned());
        self
    }

    pub(super) fn names(&self) -> (&str, &str) {
        (&self.id, &self.version)
    }

    pub(super) fn capabilities(&self) -> &BTreeSet<String> {
        &self.provides
    }
}

/// Where actions and executors are looked up. A look-up that fails is not the same as one that finds nothing.
pub trait Lookup {
    /// The action of this name.
    ///
    /// # Errors
    /// Why nothing is known.
    fn action(&self, name: &str) -> Result<Option<Action>, String>;

    /// The executor of this id.
    ///
    /// # Errors
    /// Why nothing is known.
    fn executor(&self, id: &str) -> Result<Option<Executor>, String>;
}

/// Actions and executors of this program.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    actions: BTreeMap<String, Action>,
    executors: BTreeMap<String, Executor>,
}

impl Catalog {
    /// An empty one.
    #[must_use]
    pub fn new() -> Catalog {
        Catalog::default()
    }

    /// Adds an action.
    #[must_use]
    pub fn action(mut self, action: Action) -> Catalog {
        self.actions.insert(action.name.clone(), action);
        self
    }

    /// Adds an executor.
    #[must_use]
    pub fn executor(mut self, executor: Executor) -> Catalog {
        self.executors.insert(executor.id.clone(), executor);
        self
    }
}

impl Lookup for Catalog {
    fn action(&self, name: &str) -> Result<Option<Action>, String> {
        Ok(self.actions.get(name).cloned())
    }

    fn executor(&self, id: &str) -> Result<Option<Executor>, String> {
        Ok(self.executors.get(id).cloned())
    }
}

/// What is to be executed, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order<'a> {
    /// Name of the action.
    pub action: &'a str,
    /// Its version, a semantic version.
    pub version: &'a str,
    /// Id of the executor.
    pub executor: &'a str,
    /// The executor's version.
    pub executor_version: &'a str,
}

/// Looks up and compares everything that is known before the payload is seen.
pub(super) fn admit(
    order: &Order<'_>,
    allowed: &BTreeSet<String>,
    lookup: &(impl Lookup + ?Sized),
) -> Result<(Action, Executor), (BlockCode, String)> {
    let no = |code, detail: &str| Err((code, detail.to_owned()));
    let printable = |text: &str| text.chars().all(|c| !c.is_control());
    if order.action.trim().is_empty() || order.action.len() > 128 || !printable(order.action) {
        return no(BlockCode::ActionMalformed, "an action has a name of 1 to 128 printable bytes");
    }
    if !is_semver(order.version) {
        return no(BlockCode::ActionVersionInvalid, "an action has a semantic version, for example 1.4.0");
    }
    if !allowed.contains(order.action) {
        return no(BlockCode::ProfileActionMismatch, "the profile does not allow this action");
    }
    let failed = |why: String| (BlockCode::ActionLookupFailed, why);
    let Some(action) = lookup.action(order.action).map_err(failed)? else {
        return no(BlockCode::UnknownAction, "nobody has declared this action");
    };
    if action.version != order.version {
        let detail = format!("{} is declared as {}, not as {}", order.action, action.version, order.version);
        return Err((BlockCode::UnknownAction, detail));
    }
    let Some(executor) = lookup.executor(order.executor).map_err(failed)? else {
        return no(BlockCode::ExecutorNotFound, "nobody has declared this executor");
    };
    if executor.version != order.executor_version {
        let detail = format!("{} is at {}, not at {}", order.executor, executor.version, order.executor_version);
        return Err((BlockCode::ExecutorVersionMismatch, detail));
    }
    let missing: Vec<&str> = action.needs.difference(&executor.provides).map(String::as_str).collect();
    if !missing.is_empty() {
        return Err((BlockCode::CapabilityMismatch, format!("{} lacks {}", order.executor, missing.join(", "))));
    }
    Ok((action, executor))
}

/// Whether a text is a semantic version (semver.org, 2.0.0).
#[must_use]
pub fn is_semver(text: &str) -> bool {
    let (rest, build) = text.split_once('+').map_or((text, None), |(rest, build)| (rest, Some(build)));
    let (core, pre) = rest.split_once('-').map_or((rest, None), |(core, pre)| (core, Some(pre)));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let number = |part: &str| digits(part) && (part == "0" || !part.starts_with('0'));
    let word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let core_fits = core.split('.').count() == 3 && core.split('.').all(number);
    let pre_fits = pre.is_none_or(|pre| pre.split('.').all(|part| word(part) && (!digits(part) || number(part))));
    let build_fits = build.is_none_or(|build| build.split('.').all(word));
    core_fits && pre_fits && build_fits && text.len() <= 128
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a19_versions_are_semantic_versions() {
        for good in ["0.0.0", "1.4.0", "1.0.0-alpha.1", "1.0.0-0a", "2.0.0+20130313144700", "1.0.0--", "1.2.3-x.7+b"] {
            assert!(is_semver(good), "{good}");
        }
        for bad in ["", "1", "1.2", "1.2.3.4", "01.2.3", "1.2.x", "v1.2.3", "1.2.3-", "1.2.3+", "1.2.3-01", "1.2.3-é"]
        {
            assert!(!is_semver(bad), "{bad}");
        }
    }
}
