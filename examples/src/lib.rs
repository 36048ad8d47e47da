//! Examples, one program per task. `cargo run --release --example flights` is the first to try.

#![forbid(unsafe_code)]

pub mod http;

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// `println!` for programs whose work outlives their reader: a stdout that is closed (`| head -1`) is no reason to stop.
#[macro_export]
macro_rules! say {
    ($($words:tt)*) => { $crate::tell(format_args!("{}\n", format_args!($($words)*))) };
}

/// Writes to stdout as it is; nobody may be there to read it.
pub fn tell(words: fmt::Arguments<'_>) {
    drop(io::stdout().lock().write_fmt(words));
}

/// Where the input and the look-ups lie that come with the project.
#[must_use]
pub fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data")
}

/// The code that the pages show is compiled as it stands there.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../README.md")]
    struct Readme;
    #[doc = include_str!("../../docs/adoption.md")]
    struct Adoption;
    #[doc = include_str!("../../docs/tracing.md")]
    struct Tracing;
}
