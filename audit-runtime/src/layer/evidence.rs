//! Ordinary tracing events as records of the node state they happened in: scrubbed, and a bounded number of each.

use std::collections::HashMap;
use std::fmt::{self, Debug, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use parking_lot::Mutex;
use tracing::Event;
use tracing::field::{Field, Visit};

use crate::model::scrub::{scrub, scrub_error_text};
use crate::model::{Id, RunId};
use crate::recorder::{self, Recorder};

/// States whose events are counted at one time. Far above what is open in a program; reached only when ends are never
/// told of.
const COUNTED_STATES: usize = 1 << 16;
/// Longest text that is taken from a value before it is scrubbed and cut.
const LONGEST_RAW: usize = 16 * 1024;

/// How many events each open node state has seen.
#[derive(Default)]
pub(super) struct Evidence {
    seen: Mutex<HashMap<Id, u32>>,
}

impl Evidence {
    /// Keeps an event, unless its state has had its share.
    pub(super) fn keep(&self, recorder: &Recorder, run: RunId, state: Id, event: &Event<'_>, at_most: u32) {
        if self.count(state) > at_most {
            return;
        }
        let mut texts = Texts::default();
        // A `Debug` that panics is the event's own failure; it must not become one of the audited call.
        if catch_unwind(AssertUnwindSafe(|| event.record(&mut texts))).is_err() {
            texts.fields.push(("unread", "a value panicked while it was formatted".to_owned()));
        }
        let fields: Vec<_> = texts.fields.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let evidence = recorder::Evidence {
            level: event.metadata().level().as_str(),
            target: event.metadata().target(),
            message: texts.message.as_deref(),
            fields: &fields,
        };
        recorder.evidence(run, state, &evidence);
    }

    fn count(&self, state: Id) -> u32 {
        let mut seen = self.seen.lock();
        if seen.len() >= COUNTED_STATES {
            seen.clear();
        }
        let count = seen.entry(state).or_default();
        *count = count.saturating_add(1);
        *count
    }

    /// The state has ended: what was left out is told in one record.
    pub(super) fn ended(&self, recorder: &Recorder, run: RunId, state: Id, at_most: u32) {
        let Some(seen) = self.seen.lock().remove(&state) else { return };
        let more = seen.saturating_sub(at_most);
        if more > 0 {
            let message = format!("{more} more");
            let evidence = recorder::Evidence {
                level: "INFO",
                target: super::mirror::TARGET,
                message: Some(&message),
                fields: &[],
            };
            recorder.evidence(run, state, &evidence);
        }
    }
}

/// The texts of one event.
#[derive(Default)]
struct Texts {
    message: Option<String>,
    fields: Vec<(&'static str, String)>,
}

impl Texts {
    fn put(&mut self, field: &Field, text: &str) {
        if field.name() == "message" {
            self.message = Some(scrub_error_text(text));
        } else {
            self.fields.push((field.name(), scrubbed_value(field.name(), text)));
        }
    }
}

/// A value is scrubbed beside its name, because some values are secret only by their name.
fn scrubbed_value(name: &str, text: &str) -> String {
    let both = format!("{name}={text}");
    let scrubbed = scrub(&both);
    let value = scrubbed.strip_prefix(name).and_then(|rest| rest.strip_prefix('='));
    scrub_error_text(value.unwrap_or(&scrubbed))
}

impl Visit for Texts {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = Bounded(String::new());
        // It fails only to stop a value that is longer than anything that is kept.
        let _cut = write!(text, "{value:?}");
        self.put(field, &text.0);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut text = Bounded(String::new());
        let mut cause = Some(value);
        let mut between = "";
        while let Some(error) = cause {
            if write!(text, "{between}{error}").is_err() {
                break;
            }
            between = ": ";
            cause = error.source();
        }
        self.put(field, &text.0);
    }
}

/// A text that stops growing.
struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let room = LONGEST_RAW.saturating_sub(self.0.len());
        if piece.len() <= room {
            self.0.push_str(piece);
            return Ok(());
        }
        let cut = (0..=room).rev().find(|at| piece.is_char_boundary(*at)).unwrap_or(0);
        self.0.push_str(&piece[..cut]);
        Err(fmt::Error)
    }
}
