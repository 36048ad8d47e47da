//! An open node state: how it is opened for sync code and futures alike, and how a policy answers when it cannot be.

use super::end::End;
use super::hook;
use super::inputs::{Given, Inputs};
use crate::context::{self, Ambient, Place};
use crate::error::{Code, Error};
use crate::fault::{self, Answer, Hit, Phase};
use crate::model::{Id, RunId};
use crate::recorder::{OpenState, Opened, Pending, Recorder, Refused};
use crate::seeded;
use crate::site::{Form, OnFailure, Site};
use std::mem::ManuallyDrop;

/// What became of asking for an entry.
#[expect(clippy::large_enum_variant, reason = "a box would be the only allocation of an entry")]
pub(crate) enum Asked {
    /// It is appended; the body may run once it is acknowledged.
    Opened(Opening),
    /// The body runs without a record.
    Unaudited,
    /// A lab's plan: the future is never polled again.
    Held,
}

/// An entry on its way.
pub(crate) struct Opening {
    pub(crate) recorder: Recorder,
    pub(crate) opened: Opened,
    pub(crate) pending: Pending,
}

impl Opening {
    /// What is current inside the body.
    pub(crate) fn ambient(&self) -> Ambient {
        Ambient { call: true, ..Ambient::inside(&self.recorder, &self.opened) }
    }
}

/// Asks for an entry at this site, with what is current now.
///
/// # Errors
/// Why the body must not run, with the policy already applied: under `degrade` this never fails but for
/// `AUDIT_REQUIRED`, under `panic` it panics.
pub(crate) fn ask(site: &'static Site, given: Given, form: Form) -> Result<Asked, Error> {
    let ambient = if context::is_off() { Ambient::NOTHING } else { context::ambient() };
    let recorder = ambient.recorder.clone().or_else(context::installed);
    let Some(recorder) = recorder.filter(|_| !matches!(given, Given::Unread)) else {
        fault::orphaned(site);
        return match context::admit(site) {
            Ok(()) => Ok(Asked::Unaudited),
            Err(error) => answer(site, None, error),
        };
    };
    if seeded::strikes("one_in_three_unaudited") {
        return Ok(Asked::Unaudited);
    }
    let empty = Inputs::none();
    let mut inputs = match given {
        Given::Nothing | Given::Unread => None,
        Given::Read(inputs) => Some(inputs),
        Given::Ahead => Some(Inputs::unread(site)),
    };
    if let Some(inputs) = &mut inputs {
        inputs.fit(site, recorder.0.digest_key.as_deref());
    }
    let inputs = inputs.as_deref().unwrap_or(&empty);
    let mut place = context::place(recorder.number(), &ambient);
    if let Some(run) = inputs.run
        && run != place.run
    {
        place = Place { run, parent: Id::NONE, unattributed: false, detached: false };
    }
    // Who has polled a future by hand may return before it is ready.
    place.detached |= form == Form::Async && ambient.call && !place.parent.is_none();
    let told = recorder.0.planned.ask(|| Hit {
        can_refuse: true,
        can_cancel: form == Form::Async,
        ..Hit::new(site, Phase::BeforeBegin, place.parent)
    });
    if told == Answer::Cancel {
        return Ok(Asked::Held);
    }
    let opened = match told {
        Answer::Refuse => Err(fault::injected(&Hit::new(site, Phase::BeforeBegin, place.parent))),
        Answer::Go | Answer::Fail | Answer::Cancel => open(site, &recorder, &place, inputs),
    };
    match opened {
        Ok((opened, pending)) => Ok(Asked::Opened(Opening { recorder, opened, pending })),
        Err(_) if seeded::is("open_failure_ignored") => Ok(Asked::Unaudited),
        Err(error) => {
            if !matches!(site.options.on_failure, OnFailure::Degrade) {
                let reason = error.to_string();
                let asked = (inputs.refused.is_some() && !inputs.unread).then_some(&inputs.slot);
                recorder.refusal(&Refused {
                    site: Some(site),
                    run: place.run,
                    parent: place.parent,
                    code: error.code(),
                    reason: &reason,
                    input: asked,
                });
            }
            answer(site, Some(&recorder), error)
        }
    }
}

fn open(site: &'static Site, recorder: &Recorder, place: &Place, inputs: &Inputs) -> Result<(Opened, Pending), Error> {
    if let Some(refused) = &inputs.refused {
        return Err(refused.clone());
    }
    let pledges = !site.options.expects.is_empty() || !site.options.acknowledges.is_empty();
    if pledges && place.run == RunId::NONE {
        // Work must not run with its acknowledgements lost.
        return Err(Error::new(Code::NoRun, format!("entering {}", site.node_name())));
    }
    recorder.open_state(&OpenState {
        site: Some(site),
        node: None,
        run: place.run,
        parent: place.parent,
        attempt: inputs.attempt,
        input: &inputs.slot,
        recorded: inputs.recorded().as_deref(),
        unattributed: place.unattributed,
        detached: place.detached,
        durability: site.options.durable,
        external: site.options.external,
        token: None,
        resume: None,
    })
}

/// What the site's policy makes of an audit error before the body.
pub(crate) fn answer(site: &'static Site, recorder: Option<&Recorder>, error: Error) -> Result<Asked, Error> {
    match (site.options.on_failure, recorder) {
        (OnFailure::Degrade, Some(recorder)) => {
            recorder.gap(site);
            Ok(Asked::Unaudited)
        }
        (OnFailure::Degrade, None) => {
            context::count(site);
            Ok(Asked::Unaudited)
        }
        (OnFailure::Panic, _) => std::panic::panic_any(error),
        (OnFailure::Refuse, _) => Err(error),
    }
}

/// What the site's policy makes of an audit error behind the body: `None` lets the value pass.
pub(crate) fn answer_late(site: &'static Site, recorder: &Recorder, error: Error) -> Option<Error> {
    match site.options.on_failure {
        OnFailure::Degrade => {
            recorder.gap(site);
            None
        }
        OnFailure::Panic => std::panic::panic_any(error),
        OnFailure::Refuse => Some(error),
    }
}

/// A synchronous entry: open, current, ended exactly once. Dropped without an end, its body unwound.
pub struct Entry {
    /// Never dropped by itself: whoever ends the entry takes it out, and `Drop` does where nobody has. So an entry that
    /// records nothing has nothing to drop.
    open: ManuallyDrop<Option<Open>>,
}

/// Boxed nowhere: it lives in the frame of the call.
struct Open {
    site: &'static Site,
    recorder: Recorder,
    opened: Opened,
    before: Ambient,
}

impl Entry {
    /// An entry that leaves no record.
    #[inline]
    pub(crate) const fn unaudited() -> Entry {
        Entry { open: ManuallyDrop::new(None) }
    }

    /// Whether there is something to end.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Opens and makes current. Returns when the opening is acknowledged.
    pub(crate) fn enter(site: &'static Site, given: Given) -> Result<Entry, Error> {
        let opening = match ask(site, given, Form::Sync)? {
            Asked::Unaudited | Asked::Held => return Ok(Entry::unaudited()),
            Asked::Opened(opening) => opening,
        };
        let current = opening.ambient();
        let Opening { recorder, opened, pending } = opening;
        if let Err(error) = recorder.wait(pending) {
            return answer(site, Some(&recorder), error).map(|_| Entry::unaudited());
        }
        hook::opened(&recorder, &opened);
        let before = context::replace(current);
        Ok(Entry { open: ManuallyDrop::new(Some(Open { site, recorder, opened, before })) })
    }

    /// Asks the plan, where there is one, what happens at this moment.
    #[inline]
    pub(crate) fn at(&self, phase: Phase, can_fail: bool) -> Answer {
        let Some(open) = self.open.as_ref() else { return Answer::Go };
        open.recorder.0.planned.ask(|| Hit {
            can_fail,
            can_refuse: phase == Phase::BeforeComplete,
            ..Hit::new(open.site, phase, open.opened.id)
        })
    }

    /// Ends it. Returns when the terminal is acknowledged.
    ///
    /// # Errors
    /// In doubt: the body ran, but its end is not recorded, or is recorded as an output that could not be digested.
    pub(crate) fn end(&mut self, mut end: End) -> Result<(), Error> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let (site, recorder, state) = (open.site, open.recorder.clone(), open.opened.id);
        let closed = open.close(&end);
        match closed.err().or_else(|| end.in_doubt()) {
            Some(error) => answer_late(site, &recorder, error).map_or(Ok(()), Err),
            None => {
                recorder.0.planned.ask(|| Hit::new(site, Phase::AfterComplete, state));
                Ok(())
            }
        }
    }

    #[cold]
    fn unwound(&mut self) {
        if let Some(open) = self.open.take().filter(|_| !seeded::is("terminal_lost_on_drop")) {
            // The failure, if any, is in the recorder's poison slot; the panic goes on as it was.
            let end = if seeded::is("panic_told_as_success") { End::returned() } else { End::panicked() };
            drop(open.close(&end));
        }
    }

    /// Makes it open for a future that was made by an audited function: it ends with that future.
    pub(crate) fn hand_over(mut self) -> Option<(Recorder, Opened)> {
        let Open { site: _, recorder, opened, before } = self.open.take()?;
        hook::closed(&opened);
        drop(context::replace(before));
        Some((recorder, opened))
    }
}

impl Open {
    fn close(self, end: &End) -> Result<(), Error> {
        let Open { site: _, recorder, opened, before } = self;
        hook::closed(&opened);
        let written = recorder.close_state(&opened, &end.close()).and_then(|pending| recorder.wait(pending));
        drop(context::replace(before));
        written
    }
}

impl Drop for Entry {
    #[inline]
    fn drop(&mut self) {
        if self.is_open() {
            self.unwound();
        }
    }
}
