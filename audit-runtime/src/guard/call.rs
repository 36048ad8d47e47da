//! A body that runs between an entry and its end.

use super::end::End;
use super::entry::Entry;
use super::inputs::Inputs;
use crate::context;
use crate::error::{Code, Error};
use crate::fault::{self, Answer, Hit, Phase};
use crate::model::Id;
use crate::seeded;
use crate::site::{OnFailure, Site};

/// One call under audit, from its acknowledged opening to its terminal. Dropped while it is open, its body unwound.
pub struct Audit<R> {
    entry: Entry,
    refuse: fn(Error) -> R,
    /// What a lab's plan puts in the place of the body. Not in other builds, where it would cost every function a move
    /// and a drop of its output's type.
    #[cfg(feature = "testkit")]
    instead: Option<R>,
}

impl<R> Audit<R> {
    /// A call that is not open yet. It is opened where it stands, because moving an open one costs more than a call that
    /// records nothing.
    #[inline]
    pub fn at(site: &'static Site, refuse: fn(Error) -> R) -> Audit<R> {
        Audit {
            entry: Entry::unaudited(site),
            refuse,
            #[cfg(feature = "testkit")]
            instead: None,
        }
    }

    /// Opens the call, or gives what the caller gets instead of its body.
    ///
    /// # Errors
    /// The refusal, in the clothes of the output.
    #[inline]
    pub fn open(&mut self, inputs: Option<Box<Inputs>>) -> Result<(), R> {
        // Where nothing is recorded there is nothing to open: the call costs a few loads.
        if context::is_off() {
            context::count(self.entry.site());
            return Ok(());
        }
        self.opened(inputs, can_fail::<R>(self.entry.site()))
    }

    /// As [`open`](Audit::open), for a body that stands in the function itself: nothing can be put in its place.
    ///
    /// # Errors
    /// As [`open`](Audit::open).
    #[inline]
    pub fn open_in_place(&mut self, inputs: Option<Box<Inputs>>) -> Result<(), R> {
        if context::is_off() {
            context::count(self.entry.site());
            return Ok(());
        }
        self.opened(inputs, false)
    }

    #[inline(never)]
    fn opened(&mut self, inputs: Option<Box<Inputs>>, can_fail: bool) -> Result<(), R> {
        match Entry::enter(self.entry.site(), inputs) {
            Ok(entry) => self.entry = entry,
            Err(error) => return Err((self.refuse)(error)),
        }
        let _answer = self.entry.at(Phase::AfterBegin, can_fail);
        #[cfg(feature = "testkit")]
        if _answer == Answer::Fail {
            let injected = fault::injected(&Hit::new(self.entry.site(), Phase::AfterBegin, Id::NONE));
            self.instead = Some((self.refuse)(injected));
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

    /// Ends the call with what its body returned. Gives it to the caller once the terminal is acknowledged.
    #[inline]
    pub fn leave(&mut self, out: R, judge: fn(&R, &mut End)) -> R {
        if self.entry.is_open() { self.ended(out, judge) } else { out }
    }

    #[inline(never)]
    fn ended(&mut self, mut out: R, judge: fn(&R, &mut End)) -> R {
        let site = self.entry.site();
        let answer = self.entry.at(Phase::BeforeComplete, can_fail::<R>(site));
        if answer == Answer::Fail {
            out = (self.refuse)(fault::injected(&Hit::new(site, Phase::BeforeComplete, Id::NONE)));
        }
        let mut end = End::returned();
        judge(&out, &mut end);
        if answer == Answer::Refuse {
            end.doom();
        }
        match self.entry.end(end) {
            Ok(()) if seeded::is("value_replaced") => (self.refuse)(Error::new(Code::Injected, "by a planted bug")),
            Ok(()) => out,
            Err(error) => (self.refuse)(error),
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
pub(super) fn begin(site: &'static Site, inputs: Option<Box<Inputs>>) -> Result<Entry, Error> {
    if context::is_off() {
        context::count(site);
        return Ok(Entry::unaudited(site));
    }
    let entry = Entry::enter(site, inputs)?;
    entry.at(Phase::AfterBegin, false);
    Ok(entry)
}
