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
use crate::model::digest::{CanonicalError, Slot};
use crate::model::{BodyWriter, Id, Key, Kind};
use crate::recorder::{Recorder, Severity};
use serde::Serialize;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// A gate that is about to be asked once.
#[derive(Debug)]
#[must_use = "a gate decides nothing until it is asked"]
pub struct Gate<'a, P> {
    recorder: &'a Recorder,
    profile: &'a Profile<P>,
    correlation: Option<Correlation>,
    expires: Option<Duration>,
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

impl Recorder {
    /// A gate of this profile.
    pub fn gate<'a, P>(&'a self, profile: &'a Profile<P>) -> Gate<'a, P> {
        Gate { recorder: self, profile, correlation: None, expires: None }
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

    /// Asks rules that cannot fail. They get the policy that the record fingerprints. A panic inside them is a DENY.
    ///
    /// # Errors
    /// Refused when the decision cannot be recorded: nothing is decided then.
    pub fn decide<T: Serialize + ?Sized>(
        self,
        payload: &T,
        rules: impl FnOnce(&P, &T) -> Decision,
    ) -> Result<Ruling, Error> {
        self.ask(payload, |policy, payload| rules(policy, payload))
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
        self.ask(payload, |policy, payload| match rules(policy, payload) {
            Ok(decision) => decision,
            Err(error) => {
                let reason = Reason::coded(error.error_code(), &error.to_string());
                Decision::failed(reason, std::any::type_name::<E>())
            }
        })
    }

    fn ask<T: Serialize + ?Sized>(self, payload: &T, rules: impl FnOnce(&P, &T) -> Decision) -> Result<Ruling, Error> {
        let correlation = self.correlation.clone().unwrap_or_else(Correlation::fresh);
        let seen = Payload::of(payload);
        let decision = match &seen {
            Err(refusal) => unreadable(refusal),
            Ok(_) => catch_unwind(AssertUnwindSafe(|| rules(self.profile.policy(), payload))).unwrap_or_else(|panic| {
                let reason = Reason::new(GateReason::GateException, &text::of_panic(&*panic));
                Decision::failed(reason, "panic")
            }),
        };
        let place = context::place(self.recorder.number(), &context::ambient());
        if let Some(rejected) = correlation.rejected() {
            let length = rejected.length.to_string();
            let fields = [("class", rejected.class), ("length", length.as_str())];
            self.recorder.note_at((place.run, place.parent), "trace_rejected", Severity::Warning, &fields)?;
        }
        let mut header = self.recorder.header(Kind::Decision);
        header.status = decision.status();
        header.run = place.run;
        header.parent = place.parent;
        let slot = match &seen {
            Ok(payload) => Slot::from(payload.digest.clone()),
            Err(refusal) => Slot::from(Err(refusal.clone())),
        };
        let mut body = BodyWriter::new();
        decision.write(&mut body);
        body.text(Key::ProfileId, self.profile.id())
            .slot(Key::ProfileHash, &Slot::from(self.profile.fingerprint().clone()))
            .slot(Key::InputDigest, &slot);
        if place.unattributed {
            body.yes(Key::Unattributed);
        }
        if let Some(expires) = self.expires.filter(|_| decision.is_allow()) {
            body.uint(Key::ExpiresMs, u64::try_from(expires.as_millis()).unwrap_or(u64::MAX));
        }
        correlation.write(&mut body);
        let now = header.mono_ns;
        let id = self.recorder.point_on_disk(header, &body.finish())?;
        // From here on the decision stands: it may be told.
        match seen {
            Ok(payload) if decision.is_allow() => {
                let (profile, actions) = self.profile.shared();
                let lasts = |after: Duration| now.saturating_add(u64::try_from(after.as_nanos()).unwrap_or(u64::MAX));
                Ok(Ruling::Allowed(Authorization {
                    recorder: self.recorder.clone(),
                    decision: id,
                    run: place.run,
                    input: payload.digest,
                    profile,
                    actions,
                    correlation: Box::new(correlation),
                    expires_ns: self.expires.map(lasts),
                }))
            }
            Ok(_) | Err(_) => {
                Ok(Ruling::Denied(Denial { id, reasons: decision.into_reasons(), correlation: Box::new(correlation) }))
            }
        }
    }
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
