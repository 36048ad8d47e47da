//! What is read from the arguments before the body takes them: digests, recorded values, run, token, attempt. Read
//! exactly once; a panic in the user's code that is read here becomes a refusal.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::end;
use crate::context;
use crate::error::{Code, Error};
use crate::model::RunId;
use crate::model::cbor::{self, Value};
use crate::model::digest::{Absence, ArgsDigest, AuditDigest, DigestKey, Slot};
use crate::recorder::{Run, RunHandle};
use crate::site::Site;

/// What an entry is given of its arguments.
pub enum Given {
    /// The annotation asks for none of them.
    Nothing,
    /// They were read for the recorder that was there.
    Read(Box<Inputs>),
    /// No recorder was there to read them for: the entry is on its way without one.
    Unread,
    /// As `Unread`, of a future that may be polled much later: what it was made from is gone by then.
    Ahead,
}

/// For a future that is made now and enters when it is first polled.
#[inline]
#[must_use]
pub fn ahead(given: Given) -> Given {
    match given {
        Given::Unread => Given::Ahead,
        given => given,
    }
}

/// Values that were read for one entry.
pub struct Inputs {
    digest: Option<ArgsDigest<'static>>,
    key: Option<Arc<DigestKey>>,
    pub(crate) slot: Slot,
    recorded: Vec<(Value, Value)>,
    pub(crate) run: Option<RunId>,
    pub(crate) attempt: u32,
    pub(crate) refused: Option<Error>,
    /// Nothing is known of them, not even that a digest is not asked for.
    pub(crate) unread: bool,
}

impl Inputs {
    pub(crate) const fn none() -> Inputs {
        Inputs {
            digest: None,
            key: None,
            slot: Slot::NOT_REQUESTED,
            recorded: Vec::new(),
            run: None,
            attempt: 0,
            refused: None,
            unread: false,
        }
    }

    /// Those of a future that was made before there was a recorder.
    pub(crate) fn unread(site: &'static Site) -> Box<Inputs> {
        Box::new(Inputs { refused: Some(gone(site, "no recorder was there")), unread: true, ..Inputs::none() })
    }

    /// Refuses those that were digested for a recorder with another key.
    pub(crate) fn fit(&mut self, site: &'static Site, key: Option<&DigestKey>) {
        if let Slot::Digest(digest) = &self.slot
            && digest.key_id() != key.map(DigestKey::id)
        {
            self.refused.get_or_insert(gone(site, "they were digested for a recorder with another key"));
            self.unread = true;
        }
    }

    /// Digests follow.
    pub fn digests(&mut self) {
        self.digest = Some(self.key.take().map_or_else(|| ArgsDigest::new(None), ArgsDigest::keyed));
    }

    /// Digests one argument.
    pub fn arg(&mut self, name: &'static str, value: &dyn AuditDigest) {
        if let Some(digest) = &mut self.digest {
            digest.arg(name, value);
        }
    }

    /// Digests the text of one argument.
    pub fn text_arg(&mut self, name: &'static str, value: &dyn Display) {
        if let Some(digest) = &mut self.digest {
            digest.text_arg(name, value);
        }
    }

    /// Keeps one value as it is.
    pub fn record(&mut self, key: &'static str, value: Value) {
        self.recorded.push((Value::Text(key.to_owned()), value));
    }

    /// The run that the entry belongs to.
    pub fn run(&mut self, run: &(impl BelongsToRun + ?Sized)) {
        self.run = Some(run.audit_run());
    }

    /// The token that visits the node.
    pub fn token(&mut self, token: &(impl NamesToken + ?Sized)) {
        self.record("token", Value::Text(token.audit_token()));
    }

    /// The ordinal of the attempt.
    pub fn attempt(&mut self, attempt: &impl CountsAttempts) {
        match attempt.audit_attempt() {
            Some(attempt) => self.attempt = attempt,
            None => {
                let error = Error::new(Code::BadOption, "reading `attempt`");
                self.refused.get_or_insert(error.detail("attempts are counted from 0 to 2^32 - 1"));
            }
        }
    }

    fn settle(&mut self, site: &'static Site) {
        let Some(digest) = self.digest.take() else { return };
        match digest.finish() {
            Ok(digest) => self.slot = Slot::from(digest),
            Err(refusal) => {
                let error = Error::new(Code::NotDigestible, format!("digesting the arguments of {}", site.node_name()));
                self.slot = Slot::Absent(Absence::NotSerialisable(refusal.code()));
                self.refused.get_or_insert(error.detail(refusal.to_string()));
            }
        }
    }

    /// The recorded values as an encoded map.
    pub(crate) fn recorded(&self) -> Option<Vec<u8>> {
        if self.recorded.is_empty() {
            return None;
        }
        let mut out = Vec::new();
        cbor::encode(&mut out, &Value::Map(self.recorded.clone()));
        Some(out)
    }
}

fn gone(site: &'static Site, why: &str) -> Error {
    Error::new(Code::ArgumentsGone, format!("reading the arguments of {}", site.node_name())).detail(why)
}

/// Reads the inputs of an entry, if anybody is there to record them.
#[inline]
pub fn inputs(site: &'static Site, read: impl FnOnce(&mut Inputs)) -> Given {
    if site.is_passing() {
        return Given::Unread;
    }
    let mut read = Some(read);
    let inputs = read_inputs(site, &mut |inputs| {
        if let Some(read) = read.take() {
            read(inputs);
        }
    });
    inputs.map_or(Given::Unread, Given::Read)
}

fn read_inputs(site: &'static Site, read: &mut dyn FnMut(&mut Inputs)) -> Option<Box<Inputs>> {
    let recorder = context::current_recorder()?;
    let mut inputs = Box::new(Inputs::none());
    inputs.key.clone_from(&recorder.0.digest_key);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        read(&mut inputs);
        inputs.settle(site);
    }));
    if let Err(payload) = outcome {
        let error = Error::new(Code::ArgumentPanicked, format!("reading the arguments of {}", site.node_name()));
        let error = error.detail(end::scrubbed(&end::payload_text(&*payload)));
        super::hook::forget_last();
        inputs.digest = None;
        if inputs.slot == Slot::NOT_REQUESTED {
            use crate::model::digest::DigestErrorCode;
            inputs.slot = Slot::Absent(Absence::NotSerialisable(DigestErrorCode::SerializePanicked));
        }
        inputs.refused = Some(error);
    }
    Some(inputs)
}

/// What `run = …` accepts.
#[diagnostic::on_unimplemented(
    message = "`{Self}` names no run",
    label = "a run belongs here",
    note = "give a `Run`, its `handle()` or its `id()`"
)]
pub trait BelongsToRun {
    /// The run's id.
    fn audit_run(&self) -> RunId;
}

impl BelongsToRun for RunId {
    fn audit_run(&self) -> RunId {
        *self
    }
}

impl BelongsToRun for Run {
    fn audit_run(&self) -> RunId {
        self.id()
    }
}

impl BelongsToRun for RunHandle {
    fn audit_run(&self) -> RunId {
        self.id()
    }
}

impl<T: BelongsToRun + ?Sized> BelongsToRun for &T {
    fn audit_run(&self) -> RunId {
        (**self).audit_run()
    }
}

/// What `attempt = …` accepts: whole numbers.
#[diagnostic::on_unimplemented(
    message = "`{Self}` counts no attempts",
    label = "the ordinal of this attempt belongs here, a whole number from 0"
)]
pub trait CountsAttempts {
    /// The ordinal, if it is one.
    fn audit_attempt(&self) -> Option<u32>;
}

macro_rules! counts {
    ($($ty:ty)*) => { $(impl CountsAttempts for $ty {
        fn audit_attempt(&self) -> Option<u32> {
            u32::try_from(*self).ok()
        }
    })* };
}
counts!(u8 u16 u32 u64 usize i8 i16 i32 i64 isize);

impl<T: CountsAttempts + ?Sized> CountsAttempts for &T {
    fn audit_attempt(&self) -> Option<u32> {
        (**self).audit_attempt()
    }
}

/// What `token = …` accepts: whatever has a text.
#[diagnostic::on_unimplemented(
    message = "`{Self}` names no token",
    label = "the token that visits this node belongs here",
    note = "implement `Display` for it, or name one of its fields"
)]
pub trait NamesToken {
    /// The token's scrubbed text.
    fn audit_token(&self) -> String;
}

#[diagnostic::do_not_recommend]
impl<T: Display + ?Sized> NamesToken for T {
    fn audit_token(&self) -> String {
        end::text_of(&self)
    }
}
