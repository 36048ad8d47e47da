//! A body that is a closure, or that stands between an entry and its end.

use super::end::End;
use super::entry::Entry;
use super::inputs::Inputs;
use crate::context;
use crate::error::Error;
use crate::fault::{self, Answer, Hit, Phase};
use crate::model::Id;
use crate::site::{OnFailure, Site};

/// Runs a body between its opening and its terminal.
#[inline]
pub fn call<R, F: FnOnce() -> R>(
    site: &'static Site,
    inputs: Option<Box<Inputs>>,
    body: F,
    judge: fn(&R, &mut End),
    refuse: fn(Error) -> R,
) -> R {
    // Where nothing is recorded there is no entry to make, move and drop: the call costs a few loads.
    if context::is_off() {
        context::count(site);
        return body();
    }
    recorded(site, inputs, body, judge, refuse)
}

#[inline(never)]
fn recorded<R, F: FnOnce() -> R>(
    site: &'static Site,
    inputs: Option<Box<Inputs>>,
    body: F,
    judge: fn(&R, &mut End),
    refuse: fn(Error) -> R,
) -> R {
    let entry = match Entry::enter(site, inputs) {
        Ok(entry) => entry,
        Err(error) => return refuse(error),
    };
    // From here on an unwinding body drops the entry while it is open, and nothing else does.
    let out = match entry.at(Phase::AfterBegin, can_fail::<R>(site)) {
        Answer::Fail => refuse(fault::injected(&Hit::new(site, Phase::AfterBegin, Id::NONE))),
        Answer::Go | Answer::Cancel | Answer::Refuse => body(),
    };
    end(entry, out, judge, refuse)
}

/// Whether a lab's plan can put an error in the place of a value of this type.
pub(super) fn can_fail<R>(site: &'static Site) -> bool {
    fault::is_result::<R>() && matches!(site.options.on_failure, OnFailure::Refuse)
}

/// Opens an entry whose body stands in the function itself.
///
/// # Errors
/// Why the body must not run.
#[inline]
pub fn begin(site: &'static Site, inputs: Option<Box<Inputs>>) -> Result<Entry, Error> {
    if context::is_off() {
        context::count(site);
        return Ok(Entry::unaudited(site));
    }
    let entry = Entry::enter(site, inputs)?;
    entry.at(Phase::AfterBegin, false);
    Ok(entry)
}

/// Ends an entry whose body stood in the function itself.
#[inline]
pub fn end<R>(mut entry: Entry, mut out: R, judge: fn(&R, &mut End), refuse: fn(Error) -> R) -> R {
    if entry.is_open() {
        let answer = entry.at(Phase::BeforeComplete, can_fail::<R>(entry.site()));
        if answer == Answer::Fail {
            out = refuse(fault::injected(&Hit::new(entry.site(), Phase::BeforeComplete, Id::NONE)));
        }
        let mut end = End::returned();
        judge(&out, &mut end);
        if answer == Answer::Refuse {
            end.doom();
        }
        if let Err(error) = entry.end(end) {
            return refuse(error);
        }
    }
    out
}
