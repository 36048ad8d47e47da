//! The test's own work, and how it came back.

use crate::lab::{INJECTED, Lab};
use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a scenario returns: nothing, or a `Result`.
pub trait Told {
    /// What went wrong, by the scenario's own word.
    fn told(self) -> Option<String>;
}

impl Told for () {
    fn told(self) -> Option<String> {
        None
    }
}

impl<T, E: std::fmt::Debug> Told for Result<T, E> {
    fn told(self) -> Option<String> {
        self.err().map(|error| format!("{error:?}"))
    }
}

/// How a scenario came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// By itself; with its own error, if it returned one.
    Back(Option<String>),
    /// By a panic that a fault made, or by a refusal where no error can carry one.
    Struck,
    /// By a panic of its own.
    Panicked(String),
    /// It was dropped.
    Cut,
}

/// A scenario, sync or async.
pub(crate) struct Scenario {
    play: Box<dyn Fn(&Lab) -> Came>,
    pub(crate) is_async: bool,
}

impl Scenario {
    pub(crate) fn of_async<F, W>(work: F) -> Scenario
    where
        F: Fn(Lab) -> W + 'static,
        W: Future,
        W::Output: Told,
    {
        let play = move |lab: &Lab| came(|| lab.block_on(async { work(lab.clone()).await }).map(Told::told));
        Scenario { play: Box::new(play), is_async: true }
    }

    pub(crate) fn of_sync<F, T>(work: F) -> Scenario
    where
        F: Fn(Lab) -> T + 'static,
        T: Told,
    {
        let play = move |lab: &Lab| came(|| Some(lab.play(|| work(lab.clone())).told()));
        Scenario { play: Box::new(play), is_async: false }
    }

    pub(crate) fn play(&self, lab: &Lab) -> Came {
        (self.play)(lab)
    }
}

fn came(work: impl FnOnce() -> Option<Option<String>>) -> Came {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Some(told)) => Came::Back(told),
        Ok(None) => Came::Cut,
        Err(payload) => {
            let text = text_of(&*payload);
            if text.starts_with(INJECTED) || payload.is::<audit_runtime::Error>() {
                Came::Struck
            } else {
                Came::Panicked(text)
            }
        }
    }
}

fn text_of(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else if let Some(text) = payload.downcast_ref::<&'static str>() {
        (*text).to_owned()
    } else if let Some(error) = payload.downcast_ref::<audit_runtime::Error>() {
        error.to_string()
    } else {
        "a payload that is no text".to_owned()
    }
}
