//! The panic hook: it sees a panic before unwinding begins, leaves it as evidence at the current node state, and keeps
//! its text for the guard that will record the end. It states no end itself, because the panic may be caught below; only
//! where panics abort does it close what is open on this thread, since no guard will.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::Once;

use super::end::{payload_text, scrubbed};
use crate::context;
use crate::model::Exit;
use crate::recorder::{Opened, Recorder};

/// Message and location of the last panic on this thread.
#[derive(Default)]
struct Last {
    message: String,
    location: String,
}

thread_local! {
    static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
    /// What is open on this thread, outermost first. Kept only where panics abort.
    static OPEN: RefCell<Vec<(Recorder, Opened)>> = const { RefCell::new(Vec::new()) };
}

/// Chains the hook in front of the one that stands. Later calls do nothing.
pub(crate) fn install_once() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            // A panic inside a panic hook aborts the process; losing the evidence is the lesser harm.
            drop(catch_unwind(AssertUnwindSafe(|| observe(info))));
            before(info);
        }));
    });
}

fn observe(info: &PanicHookInfo<'_>) {
    // An observer that panics is counted; the program under audit did not.
    if crate::recorder::is_telling() {
        return;
    }
    let message = scrubbed(&payload_text(info.payload()));
    let location = info.location().map(ToString::to_string).unwrap_or_default();
    let ambient = context::ambient();
    if let (Some(recorder), Some(state)) = (&ambient.recorder, ambient.state.some()) {
        recorder.panic_observed(ambient.run, state, &message, &location);
    }
    if cfg!(panic = "abort") {
        close_open(&message, &location);
    }
    let last = Last { message, location };
    drop(LAST.try_with(|place| place.try_borrow_mut().map(|mut place| place.replace(last))));
}

/// Message and location of the panic that is unwinding, for the terminal that it causes.
pub(crate) fn take_last() -> (String, String) {
    let last = LAST.try_with(|place| {
        place.try_borrow().ok().and_then(|p| p.as_ref().map(|l| (l.message.clone(), l.location.clone())))
    });
    match last {
        Ok(Some((message, location))) if !message.trim().is_empty() => (message, location),
        Ok(Some((_, location))) => ("panicked without a message".to_owned(), location),
        _ => ("panicked".to_owned(), String::new()),
    }
}

/// The last panic was caught by us and is told elsewhere.
pub(crate) fn forget_last() {
    drop(LAST.try_with(|place| place.try_borrow_mut().map(|mut place| place.take())));
}

/// Remembers what is open on this thread, where panics abort.
#[inline]
pub(crate) fn opened(recorder: &Recorder, opened: &Opened) {
    if cfg!(panic = "abort") {
        let _done = OPEN.try_with(|open| open.borrow_mut().push((recorder.clone(), opened.clone())));
    }
}

/// It is no longer open on this thread.
#[inline]
pub(crate) fn closed(opened: &Opened) {
    if cfg!(panic = "abort") {
        let _done = OPEN.try_with(|open| open.borrow_mut().retain(|(_, other)| other.id != opened.id));
    }
}

fn close_open(message: &str, location: &str) {
    let open = OPEN.try_with(|open| std::mem::take(&mut *open.borrow_mut())).unwrap_or_default();
    for (recorder, opened) in open.into_iter().rev() {
        let close = crate::recorder::CloseState {
            error: Some(if message.is_empty() { "panicked" } else { message }),
            location: Some(location),
            ..crate::recorder::CloseState::new(crate::model::Status::Failed, Exit::Panicked)
        };
        // The process dies next; what could not be closed here is recovery's.
        drop(recorder.close_state(&opened, &close).and_then(|pending| recorder.wait(pending)));
    }
}
