//! How a body ended, as the terminal record tells it.

use std::any::Any;
use std::fmt::{self, Display, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::context;
use crate::contract::ResultId;
use crate::error::{Code, Error};
use crate::model::digest::{self, AuditDigest, Scope, Slot};
use crate::model::scrub::scrub_error_text;
use crate::model::{Exit, Status};
use crate::recorder::CloseState;

/// Longest error text that a record keeps, in bytes.
const LONGEST: usize = 1024;
/// Longest text that is taken from a value before it is scrubbed and cut.
const LONGEST_RAW: usize = 16 * 1024;

/// The outcome of one body. It starts as a plain return; expansions add what they see.
#[derive(Debug)]
pub struct End {
    exit: Exit,
    output: Slot,
    error: String,
    error_type: &'static str,
    error_code: Option<String>,
    reason: Option<&'static str>,
    location: String,
    /// What an acknowledged action brought about.
    result: Option<ResultId>,
    /// The output that could not be digested: the body ran, its success cannot be stated.
    undigestable: Option<Error>,
    doomed: bool,
}

impl End {
    /// A body that returned.
    pub(crate) const fn returned() -> End {
        End {
            exit: Exit::Returned,
            output: Slot::NOT_REQUESTED,
            error: String::new(),
            error_type: "",
            error_code: None,
            reason: None,
            location: String::new(),
            result: None,
            undigestable: None,
            doomed: false,
        }
    }

    /// A body that unwound; what the panic hook saw is told.
    pub(crate) fn panicked() -> End {
        let (message, location) = super::hook::take_last();
        End { exit: Exit::Panicked, error: message, location, ..End::returned() }
    }

    /// A body whose future or guard was dropped.
    pub(crate) fn cancelled(reason: &'static str) -> End {
        End { exit: Exit::Cancelled, error: reason.to_owned(), reason: Some(reason), ..End::returned() }
    }

    /// The body returned an error of this type.
    pub(crate) fn errored(&mut self, text: Option<String>, error_type: &'static str, code: Option<String>) {
        if crate::seeded::is("error_told_as_success") {
            return;
        }
        self.exit = Exit::Errored;
        self.error = text.filter(|text| !text.trim().is_empty()).unwrap_or_else(|| error_type.to_owned());
        self.error_type = error_type;
        self.error_code = code;
    }

    /// What the value names as its result.
    pub fn result(&mut self, result: Option<ResultId>) {
        self.result = result;
    }

    /// Digests the output.
    pub fn output(&mut self, value: &dyn AuditDigest) {
        let key = context::current_recorder().and_then(|recorder| recorder.0.digest_key.clone());
        let digested = digest::catching(|| match &key {
            Some(key) => digest::keyed_digest_value(Scope::Output, key, value),
            None => digest::digest_value(Scope::Output, None, value),
        });
        match digested {
            Ok(digest) => self.output = Slot::from(digest),
            Err((refusal, _)) => {
                let error = Error::new(Code::OutputNotDigestible, "digesting the output").detail(refusal.to_string());
                self.exit = Exit::Errored;
                self.error = error.to_string();
                self.error_code = Some(Code::OutputNotDigestible.text().to_owned());
                self.output = Slot::from(Err(refusal));
                self.undigestable = Some(error);
            }
        }
    }

    /// The journal will not take it: a lab's plan says so.
    pub(crate) fn doom(&mut self) {
        self.doomed = true;
    }

    /// The terminal's fields.
    pub(crate) fn close(&self) -> CloseState<'_> {
        let text = |text: &'_ str| (!text.is_empty()).then_some(()).is_some();
        let status = if self.exit == Exit::Returned { Status::Completed } else { Status::Failed };
        let asked = self.output != Slot::NOT_REQUESTED;
        CloseState {
            output: (status == Status::Completed || asked).then_some(&self.output),
            error: (status == Status::Failed).then_some(&self.error),
            error_type: text(self.error_type).then_some(self.error_type),
            error_code: self.error_code.as_deref(),
            reason: self.reason,
            location: text(&self.location).then_some(&self.location),
            result: self.result.as_ref().map(ResultId::as_str),
            doomed: self.doomed,
            ..CloseState::new(status, self.exit)
        }
    }

    /// What the caller gets in place of the value, although the terminal is recorded.
    pub(crate) fn in_doubt(&mut self) -> Option<Error> {
        self.undigestable.take()
    }
}

/// The scrubbed text of a value, at most 1 KiB. A panic inside its `Display` becomes part of the text.
pub(crate) fn text_of(value: &dyn Display) -> String {
    let mut bounded = Bounded(String::new());
    match catch_unwind(AssertUnwindSafe(|| write!(bounded, "{value}"))) {
        Ok(Ok(())) => scrubbed(&bounded.0),
        // The bound was reached, or the value's own Display gave up: what there is stands.
        Ok(Err(_)) if !bounded.0.is_empty() => scrubbed(&bounded.0),
        Ok(Err(_)) => "(its Display failed)".to_owned(),
        Err(payload) => {
            super::hook::forget_last();
            format!("(its Display panicked: {})", scrubbed(&payload_text(&*payload)))
        }
    }
}

/// A text, scrubbed and cut.
pub(crate) fn scrubbed(text: &str) -> String {
    if crate::seeded::is("error_unscrubbed") {
        return cut(text);
    }
    cut(&scrub_error_text(text))
}

fn cut(text: &str) -> String {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// What a panic payload says.
pub(crate) fn payload_text(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&'static str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else if let Some(error) = payload.downcast_ref::<Error>() {
        error.to_string()
    } else {
        "(a payload that is no text)".to_owned()
    }
}

struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = LONGEST_RAW - self.0.len();
        if text.len() <= room {
            self.0.push_str(text);
            return Ok(());
        }
        let mut end = room;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        self.0.push_str(&text[..end]);
        Err(fmt::Error)
    }
}
