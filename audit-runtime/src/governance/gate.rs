//! Asks the rules, records the decision, and only then tells it.

use super::authorization::Authorization;
use super::correlation::Correlation;
use super::decision::{Decision, Rules};
use super::payload::{Payload, is_too_big};
use super::profile::Profile;
use super::reason::{GateReason, Reason};
use super::text;
use crate::context;
use crate::error::Error;
use crate::evidence::Evidence;
use crate::model::digest::{CanonicalError, Digest, Slot};
use crate::model::{BodyWriter, Id, Key, Kind, RunId};
use crate::recorder::pledge::Beside;
use crate::recorder::{Recorder, Severity};
use crate::site::Site;
use serde::Serialize;
use std::any::Any;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// A gate that is about to be asked once.
#[derive(Debug)]
#[must_use = "a gate decides nothing until it is asked"]
pub struct Gate<'a, P> {
    recorder: &'a Recorder,
    profile: &'a Profile<P>,
    correlation: Option<Correlation>,
    expires: Option<Duration>,
    site: Option<&'static Site>,
}

/// What a gate decided; its record is on the device.
#[derive(Debug)]
#[must_use = "an authorization that is dropped executes nothing"]
pub enum Ruling {
    /// Go on, once, with this.
    Allowed(Authorization),
    /// Stop, for these reasons.
    Denied(Denial),
}

/// A recorded no.
#[derive(Clone, Debug)]
pub struct Denial {
    /// The decision's record.
    pub id: Id,
    /// Why; at least one.
    pub reasons: Vec<Reason>,
    /// What joins it to everything else.
    pub correlation: Box<Correlation>,
}

impl Display for Denial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "denied by {}", self.id)?;
        self.reasons.iter().take(8).try_for_each(|reason| write!(f, ", {}: {}", reason.code(), reason.message()))
    }
}

impl std::error::Error for Denial {}

/// What rules may answer: a [`Decision`], or a `Result` of one whose error is a DENY with its own code.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no decision",
    label = "a gate answers `Decision`, or `Result<Decision, E>` where `E` derives `Evidence` and has a text",
    note = "yes: `Decision::allow(rules)`; no: `Decision::deny(reason, rules)`, which cannot be without its reason"
)]
pub trait Decides {
    /// The decision.
    fn decision(self) -> Decision;
}

impl Decides for Decision {
    fn decision(self) -> Decision {
        self
    }
}

impl<E: Evidence + Display> Decides for Result<Decision, E> {
    fn decision(self) -> Decision {
        self.unwrap_or_else(|error| {
            let reason = Reason::coded(error.error_code(), &super::execute::shown(&error));
            Decision::failed(reason, std::any::type_name::<E>())
        })
    }
}

impl Recorder {
    /// A gate of this profile.
    pub fn gate<'a, P>(&'a self, profile: &'a Profile<P>) -> Gate<'a, P> {
        Gate { recorder: self, profile, correlation: None, expires: None, site: None }
    }
}

impl<P> Gate<'_, P> {
    /// What the work is joined by; a fresh trace where nothing is said.
    pub fn correlation(mut self, correlation: Correlation) -> Self {
        self.correlation = Some(correlation);
        self
    }

    /// How long an authorization is good for; for ever where nothing is said.
    pub fn expires(mut self, after: Duration) -> Self {
        self.expires = Some(after);
        self
    }

    /// The annotated function that holds the rules.
    #[doc(hidden)]
    pub fn at(mut self, site: &'static Site) -> Self {
        self.site = Some(site);
        self
    }

    /// Asks rules that cannot fail. They get the policy that the record fingerprints. A panic inside them is a DENY.
    ///
    /// # Errors
    /// Refused when the decision cannot be recorded: nothing is decided then.
    pub fn decide<T: Serialize + ?Sized>(
        self,
        payload: &T,
        rules: impl FnOnce(&P, &T) -> Decision,
    ) -> Result<Ruling, Error> {
        let policy = self.profile.policy();
        self.see(payload).settle(|| rules(policy, payload))
    }

    /// As [`decide`](Gate::decide), for rules that can fail: an error is a DENY with its own code.
    ///
    /// # Errors
    /// As [`decide`](Gate::decide).
    pub fn try_decide<T: Serialize + ?Sized, E: Evidence + Display>(
        self,
        payload: &T,
        rules: impl FnOnce(&P, &T) -> Result<Decision, E>,
    ) -> Result<Ruling, Error> {
        let policy = self.profile.policy();
        self.see(payload).settle(|| rules(policy, payload))
    }

    /// As [`decide`](Gate::decide) and [`try_decide`](Gate::try_decide), for rules that are a future: the decision is on
    /// the device before this one is ready. Dropped before that, nothing is decided. The rules read the policy with
    /// [`Profile::policy`].
    ///
    /// # Errors
    /// As [`decide`](Gate::decide).
    pub async fn decide_async<T: Serialize + ?Sized, D: Decides>(
        self,
        payload: &T,
        rules: impl Future<Output = D>,
    ) -> Result<Ruling, Error> {
        self.see(payload).settle_later(rules).await
    }

    /// Looks at the payload once, before the rules may change it.
    #[doc(hidden)]
    pub fn see<T: Serialize + ?Sized>(self, payload: &T) -> Asked {
        let (id, actions) = self.profile.shared();
        Asked {
            recorder: self.recorder.clone(),
            profile: id,
            actions,
            fingerprint: self.profile.fingerprint().clone(),
            correlation: self.correlation.unwrap_or_else(Correlation::fresh),
            expires: self.expires,
            site: self.site,
            seen: Payload::of(self.recorder, payload),
        }
    }
}

/// A gate that has seen its payload and waits for the answer of its rules.
#[doc(hidden)]
#[must_use = "nothing is decided yet"]
pub struct Asked {
    recorder: Recorder,
    profile: Arc<str>,
    actions: Arc<BTreeSet<String>>,
    fingerprint: Digest,
    correlation: Correlation,
    expires: Option<Duration>,
    site: Option<&'static Site>,
    seen: Result<Payload, CanonicalError>,
}

/// A decision that is written and not told.
struct Decided {
    promised: Beside,
    decision: Decision,
    run: RunId,
    now: u64,
}

impl Asked {
    /// Asks the rules and records what they say.
    ///
    /// # Errors
    /// Refused when the decision cannot be recorded.
    pub fn settle<D: Decides>(self, rules: impl FnOnce() -> D) -> Result<Ruling, Error> {
        let decision = match &self.seen {
            Err(refusal) => unreadable(refusal),
            Ok(_) => answered(catch_unwind(AssertUnwindSafe(|| rules().decision()))),
        };
        let Decided { promised, decision, run, now } = self.write(decision)?;
        let id = self.recorder.keep(promised)?;
        Ok(self.tell(id, decision, run, now))
    }

    /// As [`settle`](Self::settle), for tasks.
    ///
    /// # Errors
    /// As [`settle`](Self::settle).
    pub async fn settle_later<D: Decides>(self, rules: impl Future<Output = D>) -> Result<Ruling, Error> {
        let decision = match &self.seen {
            Err(refusal) => unreadable(refusal),
            Ok(_) => {
                let mut rules = pin!(rules);
                let asked = std::future::poll_fn(|cx| {
                    let polled = catch_unwind(AssertUnwindSafe(|| rules.as_mut().poll(cx).map(Decides::decision)));
                    polled.map_or_else(|panic| Poll::Ready(Err(panic)), |polled| polled.map(Ok))
                });
                answered(asked.await)
            }
        };
        let Decided { promised, decision, run, now } = self.write(decision)?;
        let id = self.recorder.keep_later(promised).await?;
        Ok(self.tell(id, decision, run, now))
    }

    fn write(&self, decision: Decision) -> Result<Decided, Error> {
        let place = context::place(self.recorder.number(), &context::ambient());
        if let Some(rejected) = self.correlation.rejected() {
            let length = rejected.length.to_string();
            let fields = [("class", rejected.class), ("length", length.as_str())];
            self.recorder.note_at((place.run, place.parent), "trace_rejected", Severity::Warning, &fields)?;
        }
        let mut header = self.recorder.header(Kind::Decision);
        header.status = decision.status();
        header.run = place.run;
        header.parent = place.parent;
        header.site = self.site.map_or(Ok(0), |site| self.recorder.site_number(site))?;
        let slot = match &self.seen {
            Ok(payload) => Slot::from(payload.digest.clone()),
            Err(refusal) => Slot::from(Err(refusal.clone())),
        };
        let mut body = BodyWriter::new();
        decision.write(&mut body);
        body.text(Key::ProfileId, &self.profile)
            .slot(Key::ProfileHash, &Slot::from(self.fingerprint.clone()))
            .slot(Key::InputDigest, &slot);
        if place.unattributed {
            body.yes(Key::Unattributed);
        }
        if let Some(expires) = self.expires.filter(|_| decision.is_allow()) {
            body.uint(Key::ExpiresMs, u64::try_from(expires.as_millis()).unwrap_or(u64::MAX));
        }
        self.correlation.write(&mut body);
        let now = header.mono_ns;
        Ok(Decided { promised: self.recorder.promise(header, body.finish())?, decision, run: place.run, now })
    }

    /// From here on the decision stands: it may be told.
    fn tell(self, id: Id, decision: Decision, run: RunId, now: u64) -> Ruling {
        match self.seen {
            Ok(payload) if decision.is_allow() => {
                let lasts = |after: Duration| now.saturating_add(u64::try_from(after.as_nanos()).unwrap_or(u64::MAX));
                Ruling::Allowed(Authorization {
                    recorder: self.recorder,
                    decision: id,
                    run,
                    input: payload.digest,
                    profile: self.profile,
                    actions: self.actions,
                    correlation: Box::new(self.correlation),
                    expires_ns: self.expires.map(lasts),
                })
            }
            Ok(_) | Err(_) => {
                let (reasons, correlation) = (decision.into_reasons(), Box::new(self.correlation));
                Ruling::Denied(Denial { id, reasons, correlation })
            }
        }
    }
}

/// A panic of the rules is a no.
fn answered(answer: Result<Decision, Box<dyn Any + Send>>) -> Decision {
    answer.unwrap_or_else(|panic| {
        Decision::failed(Reason::new(GateReason::GateException, &text::of_panic(&*panic)), "panic")
    })
}

/// A payload that cannot be digested cannot be allowed: nobody could tell later what was.
fn unreadable(refusal: &CanonicalError) -> Decision {
    let code = if is_too_big(refusal) { GateReason::LimitExceeded } else { GateReason::NonJsonPayload };
    Decision::deny(Reason::new(code, &refusal.to_string()), Rules::new())
}

impl Ruling {
    /// The authorization, or the denial as an error.
    ///
    /// # Errors
    /// The denial.
    pub fn allowed(self) -> Result<Authorization, Denial> {
        match self {
            Ruling::Allowed(authorization) => Ok(authorization),
            Ruling::Denied(denial) => Err(denial),
        }
    }
}
