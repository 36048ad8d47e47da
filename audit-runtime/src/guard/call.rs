//! A body that is a closure, or that stands between an entry and its end.

use super::end::End;
use super::entry::Entry;
use super::inputs::Inputs;
use crate::context;
use crate::error::Error;
use crate::site::Site;

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
    let mut entry = match begin(site, inputs) {
        Ok(entry) => entry,
        Err(error) => return refuse(error),
    };
    // From here on an unwinding body drops the entry while it is open, and nothing else does.
    let out = body();
    if entry.is_open() {
        let mut end = End::returned();
        judge(&out, &mut end);
        if let Err(error) = entry.end(end) {
            return refuse(error);
        }
    }
    out
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
    Entry::enter(site, inputs)
}

/// Ends an entry whose body stood in the function itself.
#[inline]
pub fn end<R>(mut entry: Entry, out: R, judge: fn(&R, &mut End), refuse: fn(Error) -> R) -> R {
    if entry.is_open() {
        let mut end = End::returned();
        judge(&out, &mut end);
        if let Err(error) = entry.end(end) {
            return refuse(error);
        }
    }
    out
}
