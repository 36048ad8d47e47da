//! A site: the place in the code that declares a node. One static a site; everything in it is data.

use std::sync::atomic::{AtomicU64, Ordering};

/// What an annotation asks for, as data.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The options as written, for the catalogue and the SITE record.
    pub text: &'static str,
    /// The least durability of its records; `None` is the recorder's default.
    pub durable: Option<crate::model::Durability>,
    /// What happens when the audit itself fails.
    pub on_failure: OnFailure,
    /// The body has effects outside the process: its opening is on disk before it runs.
    pub external: bool,
}

/// What the caller gets when the audit itself fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnFailure {
    /// An `Err` made from the audit error where the function returns a `Result`, else a panic.
    Refuse,
    /// A panic whose payload is the audit error.
    Panic,
    /// The body runs; a counted gap record tells of it.
    Degrade,
}

/// How the function is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// An ordinary function.
    Sync,
    /// A future.
    Async,
}

/// A place in the code, known at link time.
#[derive(Debug)]
pub struct Site {
    /// The function's name, with its type where it is a method.
    pub function: &'static str,
    /// The module's path.
    pub module: &'static str,
    /// Source file.
    pub file: &'static str,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// The node's name, when the annotation gives one.
    pub node: Option<&'static str>,
    /// What sort of node, when the annotation says so.
    pub kind: Option<&'static str>,
    /// Sync or async.
    pub form: Form,
    /// What the annotation asks for.
    pub options: Options,
    /// `recorder number << 32 | site number`: the number that the last recorder gave this site.
    pub(crate) cache: AtomicU64,
}

impl Site {
    /// A site as expansions declare it.
    #[must_use]
    pub const fn new(
        function: &'static str,
        module: &'static str,
        place: (&'static str, u32, u32),
        node: Option<&'static str>,
        kind: Option<&'static str>,
        form: Form,
        options: Options,
    ) -> Site {
        let (file, line, column) = place;
        Site { function, module, file, line, column, node, kind, form, options, cache: AtomicU64::new(0) }
    }

    /// The node's name: the given one, else `module::function`.
    #[must_use]
    pub fn node_name(&self) -> String {
        match self.node {
            Some(node) => node.to_owned(),
            None => format!("{}::{}", self.module, self.function),
        }
    }

    /// The number that `recorder` gave this site, if it was the last to give one.
    pub(crate) fn cached(&self, recorder: u32) -> Option<u32> {
        let packed = self.cache.load(Ordering::Relaxed);
        ((packed >> 32) as u32 == recorder).then_some(packed as u32).filter(|n| *n != 0)
    }

    pub(crate) fn remember(&self, recorder: u32, number: u32) {
        self.cache.store(u64::from(recorder) << 32 | u64::from(number), Ordering::Relaxed);
    }
}
