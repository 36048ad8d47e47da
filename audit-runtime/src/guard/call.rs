//! A body that runs between an entry and its end.

use super::end::End;
use super::entry::Entry;
use super::inputs::Given;
use crate::context;
use crate::error::{Code, Error};
use crate::fault::{self, Answer, Hit, Phase};
use crate::model::Id;
use crate::seeded;
use crate::site::{OnFailure, Site};
use std::marker::PhantomData;

/// One call under audit, from its acknowledged opening to its terminal. Dropped while it is open, its body unwound.
///
/// It knows neither its site nor its policy, which both ends are told: a call that records nothing then writes one byte.
pub struct Audit<R> {
    entry: Entry,
    /// What a lab's plan puts in the place of the body. Not in other builds, where it would cost every function a move
    /// and a drop of its output's type.
    #[cfg(feature = "testkit")]
    instead: Option<R>,
    output: PhantomData<fn() -> R>,
}

/// Whether a call has something to ask. Where nothing is recorded it has not, and costs a few loads: the answer lies in a
/// register, and the guard is never looked at.
#[inline]
#[must_use]
pub fn asks(site: &'static Site) -> bool {
    !context::passes(site)
}

impl<R> Audit<R> {
    /// A call that is not open yet. It is opened where it stands, because moving an open one costs more than a call that
    /// records nothing.
    #[expect(clippy::new_without_default, reason = "made by expansions alone")]
    #[inline]
    #[must_use]
    pub const fn new() -> Audit<R> {
        Audit {
            entry: Entry::unaudited(),
            #[cfg(feature = "testkit")]
            instead: None,
            output: PhantomData,
        }
    }

    /// Opens the call, or gives what the caller gets instead of its body.
    ///
    /// # Errors
    /// The refusal, in the clothes of the output.
    #[inline]
    pub fn open(&mut self, site: &'static Site, given: Given, refuse: fn(Error) -> R) -> Result<(), R> {
        self.opened(site, given, refuse, can_fail::<R>(site))
    }

    /// As [`open`](Audit::open), for a body that stands in the function itself: nothing can be put in its place.
    ///
    /// # Errors
    /// As [`open`](Audit::open).
    #[inline]
    pub fn open_in_place(&mut self, site: &'static Site, given: Given, refuse: fn(Error) -> R) -> Result<(), R> {
        self.opened(site, given, refuse, false)
    }

    // Cold: beside what recording takes, a jump is nothing; and a call that records nothing runs straight through.
    #[cold]
    #[inline(never)]
    fn opened(&mut self, site: &'static Site, given: Given, refuse: fn(Error) -> R, can_fail: bool) -> Result<(), R> {
        match Entry::enter(site, given) {
            Ok(entry) => self.entry = entry,
            Err(error) => return Err(refuse(error)),
        }
        let _answer = self.entry.at(Phase::AfterBegin, can_fail);
        #[cfg(feature = "testkit")]
        if _answer == Answer::Fail {
            self.instead = Some(refuse(fault::injected(&Hit::new(site, Phase::AfterBegin, Id::NONE))));
        }
        Ok(())
    }

    /// Runs a body that is a closure: its `return` and its `?` end the body and not the function.
    #[inline]
    pub fn body<F: FnOnce() -> R>(&mut self, body: F) -> R {
        #[cfg(feature = "testkit")]
        if let Some(out) = self.instead.take() {
            return out;
        }
        body()
    }

    /// Ends the call with what its body returned. Gives it to the caller once the terminal is acknowledged. Nothing is
    /// left to drop then, so that the expansion forgets the guard. `asks` is what [`asks`] said.
    #[inline]
    pub fn leave(
        &mut self,
        asks: bool,
        site: &'static Site,
        out: R,
        judge: fn(&R, &mut End),
        refuse: fn(Error) -> R,
    ) -> R {
        if asks { self.ended(site, out, judge, refuse) } else { out }
    }

    #[cold]
    #[inline(never)]
    fn ended(&mut self, site: &'static Site, mut out: R, judge: fn(&R, &mut End), refuse: fn(Error) -> R) -> R {
        if !self.entry.is_open() {
            return out;
        }
        let answer = self.entry.at(Phase::BeforeComplete, can_fail::<R>(site));
        if answer == Answer::Fail {
            out = refuse(fault::injected(&Hit::new(site, Phase::BeforeComplete, Id::NONE)));
        }
        let mut end = End::returned();
        judge(&out, &mut end);
        if answer == Answer::Refuse {
            end.doom();
        }
        match self.entry.end(end) {
            Ok(()) if seeded::is("value_replaced") => refuse(Error::new(Code::Injected, "by a planted bug")),
            Ok(()) => out,
            Err(error) => refuse(error),
        }
    }
}

/// Whether a lab's plan can put an error in the place of a value of this type.
pub(super) fn can_fail<R>(site: &'static Site) -> bool {
    fault::is_result::<R>() && matches!(site.options.on_failure, OnFailure::Refuse)
}

/// Opens the call of a function that makes a future.
///
/// # Errors
/// Why the body must not run.
#[inline]
pub(super) fn begin(site: &'static Site, given: Given) -> Result<Entry, Error> {
    if context::passes(site) {
        return Ok(Entry::unaudited());
    }
    let entry = Entry::enter(site, given)?;
    entry.at(Phase::AfterBegin, false);
    Ok(entry)
}
